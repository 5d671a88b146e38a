/**
 * What the wrapper and the runner say to each other over their socket: one JSON object a line, nothing else. The runner
 * shares its container and its user with the blocks, so that whatever it says is taken for what a block might say.
 * docs/formats/runner.md has every byte.
 */
import { STOP_GRACE_MS } from '#core/names.ts';

export type Order =
  | { say: 'run'; order: number; argv: string[]; env: Record<string, string>; cwd: string }
  | { say: 'end'; order: number }
  | { say: 'kill'; order: number }
  | { say: 'ping'; n: number };

export type Answer =
  | { say: 'ready' }
  | { say: 'started'; order: number }
  | { say: 'output'; order: number; bytes: string }
  | { say: 'ended'; order: number; exit: number | null }
  | { say: 'pong'; n: number };

/** Longest line of the wrapper: a lease, which holds the environment and the command of a block, has at most half of it. */
export const MAX_ORDER_BYTES: number = 16 * 1024 * 1024;
/** Output bytes in one line of the runner, before base64. */
export const MAX_OUTPUT_BYTES: number = 32 * 1024;
/** Longest line of the runner. */
export const MAX_ANSWER_BYTES: number = 64 * 1024;
/** A runner that has not answered a ping for this long is taken for stopped. */
export const PONG_WITHIN_MS = 30_000;
/** From the word `end` to the word `ended`: the grace that a block has, and time to look after what it left. */
export const ENDED_WITHIN_MS: number = STOP_GRACE_MS + 15_000;

type Fields = Record<string, (value: unknown) => boolean>;

const MAX_EXIT = 255;
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isText = (value: unknown): boolean => typeof value === 'string';
const isCommand = (value: unknown): boolean => Array.isArray(value) && value.length > 0 && value.every(isText);
const isExit = (value: unknown): boolean => value === null || (isCount(value) && (value as number) <= MAX_EXIT);

function isTextMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isText);
}

function isOutput(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  const bytes = Buffer.from(value, 'base64');
  return bytes.length > 0 && bytes.length <= MAX_OUTPUT_BYTES && bytes.toString('base64') === value;
}

const ORDERS: Record<Order['say'], Fields> = {
  run: { order: isCount, argv: isCommand, env: isTextMap, cwd: isText },
  end: { order: isCount },
  kill: { order: isCount },
  ping: { n: isCount },
};

const ANSWERS: Record<Answer['say'], Fields> = {
  ready: {},
  started: { order: isCount },
  output: { order: isCount, bytes: isOutput },
  ended: { order: isCount, exit: isExit },
  pong: { n: isCount },
};

export function formatLine(message: Order | Answer): string {
  return `${JSON.stringify({ v: 1, ...message })}\n`;
}

/** Null for a line that is not exactly an order. */
export function parseOrder(line: Uint8Array): Order | null {
  return parse(line, ORDERS) as Order | null;
}

/** Null for a line that is not exactly an answer. */
export function parseAnswer(line: Uint8Array): Answer | null {
  return parse(line, ANSWERS) as Answer | null;
}

function parse(line: Uint8Array, messages: Record<string, Fields>): object | null {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(line));
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { v, say, ...rest } = value as Record<string, unknown>;
  if (v !== 1 || typeof say !== 'string' || !Object.hasOwn(messages, say)) return null;
  const fields = Object.entries(messages[say] ?? {});
  if (Object.keys(rest).length !== fields.length) return null;
  return fields.every(([name, holds]) => Object.hasOwn(rest, name) && holds(rest[name])) ? { say, ...rest } : null;
}

/** Cuts a stream into its lines; the function it returns takes the next bytes, and is false once a line was too long. */
export function lineReader(maxBytes: number, onLine: (line: Uint8Array) => void): (bytes: Buffer) => boolean {
  let open: Buffer[] = [];
  let openBytes = 0;
  return (bytes) => {
    let from = 0;
    for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, from)) {
      if (openBytes + at - from > maxBytes) return false;
      onLine(Buffer.concat([...open, bytes.subarray(from, at)]));
      open = [];
      openBytes = 0;
      from = at + 1;
    }
    if (from < bytes.length) open.push(bytes.subarray(from));
    openBytes += bytes.length - from;
    return openBytes <= maxBytes;
  };
}
