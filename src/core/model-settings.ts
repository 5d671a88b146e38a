/** Which models the agents of an engine may ask, and where: models.json, by the adapter that asks. */
import type { PromptedBlock } from '@waybill/client/plan';
import { type DocumentKind, DocumentReader } from '#core/document-reader.ts';
import { Mistakes } from '#core/mistakes.ts';
import { MODEL_NAME } from '#core/names.ts';

export const MODELS_FIX = 'docs/how-to/run-agents.md says how agents are let to a model.';

export interface ModelEndpoint {
  /** Origin, and the path that requests are put below; without a `/` at the end. */
  url: string;
  /** Relative to the file; none where the endpoint asks for no key. */
  keyFile?: string;
  /** Names as requests have them. */
  models: string[];
}

export type ModelSettings = Partial<Record<PromptedBlock['adapter'], ModelEndpoint>>;

const ADAPTERS: readonly PromptedBlock['adapter'][] = ['bedrock', 'claude-code', 'codex'];
const MAX_MODELS = 100;
/** A key that travels in the clear is known to whoever is on the way. */
const URL_FORM =
  /^(?:https:\/\/[^\s/?#@]+|http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?)(?:\/[^\s?#]*[^\s?#/])?$/;

/** Throws TerminalError USAGE with the paths of all that is wrong. */
export function readModelSettings(document: unknown, name: string): ModelSettings {
  const kind: DocumentKind = { code: 'USAGE', name, fix: MODELS_FIX };
  const root = new DocumentReader(document, name, kind);
  const mistakes = new Mistakes();
  const settings: ModelSettings = {};
  for (const adapter of ADAPTERS) {
    if (!root.has(adapter)) continue;
    const endpoint = mistakes.reading(() => readEndpoint(root.object(adapter), mistakes));
    if (endpoint !== undefined) settings[adapter] = endpoint;
  }
  for (const key of root.unread()) mistakes.reading(() => root.refuse(key, `is none of ${ADAPTERS.join(', ')}`));
  mistakes.settle();
  return settings;
}

function readEndpoint(reader: DocumentReader, mistakes: Mistakes): ModelEndpoint {
  const say = (key: string, problem: string): unknown => mistakes.reading(() => reader.refuse(key, problem));
  const url = mistakes.reading(() => reader.string('url', 2_048));
  const port = Number(/^[a-z]+:\/\/[^/]*:(\d+)(?:\/|$)/.exec(url ?? '')?.[1] ?? 443);
  if (url !== undefined && !URL_FORM.test(url))
    say('url', 'is no https address without a slash, a query or a password at its end');
  else if (port < 1 || port > 65_535) say('url', 'names a port that is none');
  const models = mistakes.reading(() => reader.strings('models', MAX_MODELS, 128)) ?? [];
  for (const [n, model] of models.entries()) if (!MODEL_NAME.test(model)) say(`models[${n}]`, 'is no name of a model');
  const keyFile = reader.has('keyFile') ? mistakes.reading(() => reader.string('keyFile', 4_096)) : undefined;
  mistakes.unknownKeys(reader);
  return { url: url ?? '', models, ...(keyFile === undefined ? {} : { keyFile }) };
}
