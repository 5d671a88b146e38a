/** Reads off an answer, as it passes, which model gave it and how many tokens that took. It changes nothing of it. */
import type { ClaimedUsage } from '@waybill/verify';
import { MODEL_NAME } from '#core/names.ts';
import { MAX_TOKENS } from '#core/usage-document.ts';
import { type JsonObject, objectOf, textOf } from '../json-values.ts';
import { eventStreamReader, type StreamMessage } from './event-stream.ts';

export interface Reading extends Pick<ClaimedUsage, 'inputTokens' | 'outputTokens' | 'cachedTokens'> {
  /** Absent where the protocol does not name it. */
  served?: string;
  /** False of an answer that broke off, or did not say all of it: it took this, and nobody knows how much more. */
  isWhole: boolean;
}

export interface Meter {
  push(bytes: Uint8Array): void;
  /** What the answer told until then; null when it told nothing that can be counted. */
  end(): Reading | null;
}

/** What an event adds to what is known. */
type Read = (event: JsonObject) => { served?: unknown; usage?: JsonObject; isEnd?: boolean };

/** Longest line, or whole answer that is no stream. */
const MAX_TEXT_CHARS = 16 * 1024 * 1024;

/** Of the Messages protocol, streamed or not: input is counted at the beginning, output again and again. */
const ofMessages: Read = (event) => {
  if (event.type === 'message_start') {
    const message = objectOf(event.message);
    return { served: message.model, usage: objectOf(message.usage) };
  }
  if (event.type === 'message_delta') return { usage: objectOf(event.usage) };
  if (event.type === 'message') return { served: event.model, usage: objectOf(event.usage), isEnd: true };
  return event.type === 'message_stop' ? { isEnd: true } : {};
};

const RESPONSE_ENDS = ['response.completed', 'response.incomplete', 'response.failed'];

/** Of the Responses protocol, streamed or not. What is cached is part of the input there. */
const ofResponses: Read = (event) => {
  const isEnd = event.object === 'response' || RESPONSE_ENDS.includes(textOf(event.type));
  const response = event.object === 'response' ? event : objectOf(event.response);
  if (!isEnd) return 'model' in response ? { served: response.model } : {};
  const usage = objectOf(response.usage);
  if (!isTold(usage.input_tokens)) return { served: response.model };
  const cached = tokensOf(objectOf(usage.input_tokens_details).cached_tokens);
  const fresh = Math.max(0, tokensOf(usage.input_tokens) - cached);
  const told = { input_tokens: fresh, cache_read_input_tokens: cached, output_tokens: usage.output_tokens };
  return { served: response.model, usage: told, isEnd: true };
};

/** Only a router says which model it took; else it is the one of the address. */
function ofConverse({ headers, payload }: StreamMessage): ReturnType<Read> {
  if (headers.get(':event-type') !== 'metadata') return {};
  const metadata = objectOf(JSON.parse(payload.toString('utf8')));
  const { inputTokens, outputTokens, cacheReadInputTokens, cacheWriteInputTokens } = objectOf(metadata.usage);
  const served = objectOf(objectOf(metadata.trace).promptRouter).invokedModelId;
  return {
    ...(served === undefined ? {} : { served }),
    usage: {
      input_tokens: inputTokens,
      output_tokens: outputTokens,
      cache_read_input_tokens: cacheReadInputTokens,
      cache_creation_input_tokens: cacheWriteInputTokens,
    },
    isEnd: true,
  };
}

const COUNTS = ['input_tokens', 'output_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'] as const;

/** Counts are said again and again as they grow, and null is no word on them: of each the most that was said holds. */
function tally(): { add(read: ReturnType<Read>): void; reading(): Reading | null } {
  let served: unknown;
  const told = new Map<(typeof COUNTS)[number], number>();
  let isEnded = false;
  return {
    add(read) {
      served = read.served ?? served;
      for (const name of COUNTS) {
        const value = read.usage?.[name];
        if (isTold(value)) told.set(name, Math.max(told.get(name) ?? 0, tokensOf(value)));
      }
      isEnded ||= read.isEnd === true;
    },
    reading() {
      if (told.size === 0) return null;
      if (served !== undefined && (typeof served !== 'string' || !MODEL_NAME.test(served))) return null;
      const of = (name: (typeof COUNTS)[number]): number => told.get(name) ?? 0;
      return {
        ...(served === undefined ? {} : { served: served as string }),
        // What is written into a cache was read from none.
        inputTokens: of('input_tokens') + of('cache_creation_input_tokens'),
        outputTokens: of('output_tokens'),
        cachedTokens: of('cache_read_input_tokens'),
        isWhole: isEnded && told.has('input_tokens') && told.has('output_tokens'),
      };
    },
  };
}

function isTold(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** Throws RangeError for what is no number of tokens. */
function tokensOf(value: unknown): number {
  if (!isTold(value)) return 0;
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MAX_TOKENS) return value as number;
  throw new RangeError('no number of tokens');
}

/** What comes after something that cannot be read is not known; the answer passes all the same. */
function careful(push: (bytes: Uint8Array) => void, finish: () => void, reading: () => Reading | null): Meter {
  let isLost = false;
  const attempt = (read: () => void): void => {
    try {
      if (!isLost) read();
    } catch {
      isLost = true;
    }
  };
  return {
    push: (bytes) => attempt(() => push(bytes)),
    end() {
      attempt(finish);
      const read = reading();
      return read === null ? null : { ...read, isWhole: read.isWhole && !isLost };
    },
  };
}

export function converseMeter(): Meter {
  const stream = eventStreamReader();
  const { add, reading } = tally();
  const push = (bytes: Uint8Array): void => {
    for (const message of stream.push(bytes)) add(ofConverse(message));
  };
  return careful(push, () => {}, reading);
}

export function messagesMeter(isStream: boolean): Meter {
  return textMeter(ofMessages, isStream);
}

export function responsesMeter(isStream: boolean): Meter {
  return textMeter(ofResponses, isStream);
}

/** Server-sent events, of which only the data counts; or one JSON document. */
function textMeter(read: Read, isStream: boolean): Meter {
  const decoder = new TextDecoder();
  const { add, reading } = tally();
  let pending = '';
  const take = (line: string): void => {
    if (line.startsWith('data:') && line.slice(5).trim() !== '[DONE]') add(read(objectOf(JSON.parse(line.slice(5)))));
  };
  return careful(
    (bytes) => {
      pending += decoder.decode(bytes, { stream: true });
      if (pending.length > MAX_TEXT_CHARS) throw new RangeError('too long to be read');
      if (!isStream) return;
      const lines = pending.split(/\r\n|\n|\r/);
      pending = lines.pop() ?? '';
      for (const line of lines) take(line);
    },
    () => {
      if (isStream) take(pending);
      else add(read(objectOf(JSON.parse(pending))));
    },
    reading,
  );
}
