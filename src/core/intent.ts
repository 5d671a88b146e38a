/**
 * Intents: the only way in which an item asks for something outside. Read as hostile bytes, judged by the settings of the deployment
 * alone; whatever they do not allow is denied.
 */
import type { OutputRef } from '@waybill/client/documents';
import { TerminalError } from '@waybill/client/errors';
import {
  canonicalize,
  type Digest,
  digestOf,
  INTENT_PREFIX,
  INTENT_REASONS,
  isIntent,
  type JudgedIntent,
} from '@waybill/verify';
import { type DocumentKind, DocumentReader, readDocument } from './document-reader.ts';

const FIX = 'Write it as docs/formats/intents.md says.';
const KIND = /^(?!.*\.\.)[a-z0-9][a-z0-9._-]{0,62}$/;
const FILE = /^(?!.*\.\.)[a-z0-9][a-z0-9._-]{0,62}\.json$/;
export const MAX_INTENTS = 16;
export const MAX_INTENT_BYTES: number = 64 * 1024;

export interface Intent {
  v: 1;
  kind: string;
  /** The outputs of the same attempt that it is about, by digest. */
  bound: { name: string; sha256: Digest }[];
  params: Record<string, string>;
}

/** Kinds that the deployment lets pass; all others are denied. */
export interface IntentPolicy {
  allow: readonly string[];
}

export const DENY_ALL: IntentPolicy = { allow: [] };

/** The intents among outputs. Throws TerminalError INTENT_INVALID for too many, too large ones, and odd names. */
export function intentsAmong(outputs: readonly OutputRef[]): OutputRef[] {
  const found = outputs.filter(({ name }) => isIntent(name));
  if (found.length > MAX_INTENTS) throw invalid(INTENT_PREFIX, `there are more than ${MAX_INTENTS} intents`);
  for (const { name, sizeBytes } of found) {
    if (!FILE.test(name.slice(INTENT_PREFIX.length))) throw invalid(name, 'an intent is one file named <name>.json');
    if (sizeBytes > MAX_INTENT_BYTES) throw invalid(name, `an intent is larger than ${MAX_INTENT_BYTES} bytes`);
  }
  return found;
}

/**
 * Throws TerminalError INTENT_INVALID unless the bytes are exactly one canonical intent about what the attempt left.
 * @param file which output it is; the path in it follows: `outputs/.waybill/intents/a.json: intent.kind`
 */
export function parseIntent(file: string, bytes: Uint8Array, outputs: readonly OutputRef[]): Intent {
  const kind: DocumentKind = { code: 'INTENT_INVALID', name: `${file}: intent`, fix: FIX };
  const root = readDocument(bytes, kind);
  const intent: Intent = {
    v: root.oneOf('v', [1]),
    kind: root.string('kind', 63, KIND),
    bound: root
      .objects('bound', MAX_INTENTS)
      .map((reader) => reader.close({ name: reader.string('name', 4_096), sha256: reader.digest('sha256') })),
    params: root.texts('params', 32, 1_024),
  };
  for (const { name, sha256 } of intent.bound) {
    const isLeft = outputs.some((output) => output.name === name && output.sha256 === sha256 && !isIntent(name));
    if (!isLeft) root.refuse('bound', 'names something that the attempt did not leave');
  }
  return root.close(intent);
}

/** Where nothing says allow, it is denied: an intent that nobody thought of is none that somebody allowed. */
export function judgeIntent(kind: string, policy: IntentPolicy): Pick<JudgedIntent, 'verdict' | 'reason'> {
  const verdict = policy.allow.includes(kind) ? 'allow' : 'deny';
  return { verdict, reason: INTENT_REASONS[verdict] };
}

export function intentPolicyDigest({ allow }: IntentPolicy): Digest {
  return digestOf(`waybill-intent-policy/v1\n${canonicalize({ allow: [...new Set(allow)].sort() })}`);
}

function invalid(path: string, problem: string): TerminalError {
  return new TerminalError({ code: 'INTENT_INVALID', path: path.slice(0, 300), problem, fix: FIX });
}

export const INTENTS_FIX = 'docs/how-to/declare-effects.md says how kinds of intents are allowed.';

/** What an operator wrote in intents.json. Throws TerminalError USAGE. */
export function readIntentPolicy(document: unknown, name: string): IntentPolicy {
  const reader = new DocumentReader(document, name, { code: 'USAGE', name, fix: INTENTS_FIX });
  const allow = reader.has('allow') ? reader.strings('allow', 100, 63) : [];
  allow.forEach((kind, n) => {
    if (!KIND.test(kind)) reader.refuse(`allow[${n}]`, 'is no kind of intent');
  });
  return reader.close({ allow });
}
