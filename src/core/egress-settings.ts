/** Which hosts outside the items of an engine may reach, by queue: egress.json. What is not named there reaches none. */
import { type EgressPolicy, isEgressRule } from '@waybill/client/egress';
import { type DocumentKind, DocumentReader } from '#core/document-reader.ts';
import { Mistakes } from '#core/mistakes.ts';

export const EGRESS_FIX = 'docs/how-to/let-blocks-reach-hosts.md says how hosts are allowed.';

export type EgressSettings = Readonly<Record<string, EgressPolicy>>;

const QUEUE = /^(?!.*\.\.)[a-z0-9][a-z0-9._-]{0,62}$/;
const MAX_RULES = 1_000;

/** Throws TerminalError USAGE with the paths of all that is wrong. */
export function readEgressSettings(document: unknown, name: string): EgressSettings {
  const kind: DocumentKind = { code: 'USAGE', name, fix: EGRESS_FIX };
  const root = new DocumentReader(document, name, kind);
  const mistakes = new Mistakes();
  const settings: Record<string, EgressPolicy> = {};
  for (const queue of root.unread()) {
    const policy = mistakes.reading(() => {
      if (!QUEUE.test(queue)) root.refuse(queue, 'is no name of a queue');
      return readPolicy(root.object(queue), mistakes);
    });
    if (policy !== undefined) settings[queue] = policy;
  }
  mistakes.settle();
  return settings;
}

function readPolicy(reader: DocumentReader, mistakes: Mistakes): EgressPolicy {
  const rules = (key: 'allow' | 'deny'): string[] => {
    const found = mistakes.reading(() => reader.strings(key, MAX_RULES, 300)) ?? [];
    for (const [n, rule] of found.entries()) {
      if (isEgressRule(rule)) continue;
      const problem = 'is no host name, perhaps with `*.` before it and a port';
      mistakes.reading(() => reader.refuse(`${key}[${n}]`, problem));
    }
    return found;
  };
  const policy = { allow: rules('allow'), deny: reader.has('deny') ? rules('deny') : [] };
  mistakes.unknownKeys(reader);
  return policy;
}
