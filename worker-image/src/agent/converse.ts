/** Asks a model through the door of the block, over ConverseStream of Bedrock, and waits where it is told to. */
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentEnded } from '../agent-endings.ts';
import { objectOf, textOf } from '../json-values.ts';
import { eventStreamReader, type StreamMessage } from '../model/event-stream.ts';
import type { AgentEvent } from './cli-events.ts';
import { whole } from './shown.ts';

/** Of messages and answers, as the protocol has them; of an answer only these two come here. */
export type Content = { text: string } | { toolUse: { toolUseId: string; name: string; input: AgentEvent } };

export interface Answer {
  content: Content[];
  stopReason: string;
  /** Ids of calls whose input is no JSON object: they came with an empty one. */
  garbled: Set<string>;
}

// As in node-http.ts, but nothing more of it: what runs here asks through the door, and the bundle of the runner shows that.
const { request } = process.getBuiltinModule('node:http');

const MAX_TRIES = 6;
const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 60_000;
const SILENCE_MS = 180_000;
const MAX_ERROR_BYTES = 64 * 1024;

/** What may go well the next time. */
class Passing {
  readonly kind: 'throttled' | 'broken';
  readonly problem: string;
  readonly pauseMs: number | null;

  constructor(kind: Passing['kind'], problem: string, pauseMs: number | null = null) {
    this.kind = kind;
    this.problem = problem;
    this.pauseMs = pauseMs;
  }
}

/** Throws AgentEnded when it gives no answer, however often it is asked. `say` is told of each try that failed. */
export async function converse(
  socket: string,
  model: string,
  body: object,
  say: (line: string) => void,
): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await askOnce(socket, model, body);
    } catch (error) {
      if (!(error instanceof Passing)) throw error;
      const { kind, problem, pauseMs } = error;
      say(`the model gives no answer: ${problem}`);
      if (tries === MAX_TRIES)
        throw new AgentEnded(kind === 'throttled' ? 'model_throttled' : 'model_unavailable', problem);
      await sleep(Math.min(MAX_PAUSE_MS, pauseMs ?? FIRST_PAUSE_MS * 2 ** (tries - 1)));
    }
  }
}

async function askOnce(socketPath: string, model: string, body: object): Promise<Answer> {
  const bytes = Buffer.from(JSON.stringify(body));
  const path = `/model/${encodeURIComponent(model)}/converse-stream`;
  const headers = { 'content-type': 'application/json', 'content-length': bytes.length };
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request({ socketPath, path, method: 'POST', headers, timeout: SILENCE_MS }, resolve);
    asked.once('timeout', () => asked.destroy());
    asked.once('error', () => reject(new Passing('broken', 'the connection broke')));
    asked.end(bytes);
  });
  if (answer.statusCode !== 200) throw await refusalOf(answer);
  return await readAnswer(answer);
}

async function refusalOf(answer: IncomingMessage): Promise<Passing | AgentEnded> {
  const status = answer.statusCode ?? 0;
  const message = textOf(objectOf(parsed(await bodyOf(answer))).message);
  const [type = ''] = String(answer.headers['x-amzn-errortype'] ?? '').split(':');
  const seconds = Number(answer.headers['retry-after']);
  const pauseMs = Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : null;
  return problemOf(type === '' ? (BY_STATUS[status] ?? '') : type, `${status} ${type} ${message}`.trim(), pauseMs);
}

const BY_STATUS: Partial<Record<number, string>> = {
  400: 'ValidationException',
  424: 'ModelErrorException',
  429: 'ThrottlingException',
  500: 'InternalServerException',
  502: 'InternalServerException',
  503: 'ServiceUnavailableException',
};

/** By the name of the exception, which an answer has in a header, and a stream in lower case. */
function problemOf(type: string, said: string, pauseMs: number | null): Passing | AgentEnded {
  const name = type.toLowerCase();
  if (name === 'throttlingexception' || name === 'servicequotaexceededexception') {
    return new Passing('throttled', whole(said), pauseMs);
  }
  if (/^(?:internalserver|serviceunavailable|model(?:error|notready|streamerror|timeout))/.test(name)) {
    return new Passing('broken', whole(said), pauseMs);
  }
  const isTooLong = name === 'validationexception' && /too long|context (?:window|length)|input tokens/i.test(said);
  return new AgentEnded(isTooLong ? 'context_overflow' : 'model_unavailable', whole(said));
}

async function readAnswer(answer: IncomingMessage): Promise<Answer> {
  const stream = eventStreamReader();
  const gathered = gather();
  try {
    for await (const bytes of answer as AsyncIterable<Buffer>)
      for (const message of stream.push(bytes)) gathered.take(message);
  } catch (error) {
    if (error instanceof Passing || error instanceof AgentEnded) throw error;
    throw new Passing('broken', error instanceof RangeError ? error.message : 'the answer broke off');
  }
  return gathered.whole();
}

interface Part {
  text: string;
  call: { toolUseId: string; name: string } | null;
  input: string;
}

function gather(): { take(message: StreamMessage): void; whole(): Answer } {
  const parts = new Map<number, Part>();
  let stopReason = '';
  const partAt = (index: unknown): Part => {
    const part = parts.get(Number(index)) ?? { text: '', call: null, input: '' };
    parts.set(Number(index), part);
    return part;
  };
  return {
    take({ headers, payload }) {
      const event = objectOf(parsed(payload.toString('utf8')));
      if (headers.get(':message-type') !== 'event') {
        const type = headers.get(':exception-type') ?? headers.get(':error-code') ?? '';
        throw problemOf(type, `${type} ${textOf(event.message)}`.trim(), null);
      }
      const type = headers.get(':event-type');
      if (type === 'contentBlockStart') {
        const { toolUseId, name } = objectOf(objectOf(event.start).toolUse);
        const part = partAt(event.contentBlockIndex);
        if (toolUseId !== undefined) part.call = { toolUseId: textOf(toolUseId), name: textOf(name) };
      } else if (type === 'contentBlockDelta') {
        const { text, toolUse } = objectOf(event.delta);
        const part = partAt(event.contentBlockIndex);
        part.text += textOf(text);
        part.input += textOf(objectOf(toolUse).input);
      } else if (type === 'messageStop') {
        stopReason = textOf(event.stopReason);
      }
    },
    whole() {
      if (stopReason === '') throw new Passing('broken', 'the answer broke off');
      return { ...contentOf([...parts].toSorted(([a], [b]) => a - b).map(([, part]) => part)), stopReason };
    },
  };
}

function contentOf(parts: readonly Part[]): Pick<Answer, 'content' | 'garbled'> {
  const garbled = new Set<string>();
  const content = parts.flatMap(({ text, call, input }): Content[] => {
    if (call === null) return text === '' ? [] : [{ text }];
    const value = input === '' ? {} : parsed(input);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isObject) garbled.add(call.toolUseId);
    return [{ toolUse: { ...call, input: isObject ? (value as AgentEvent) : {} } }];
  });
  return { content, garbled };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function bodyOf(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const part of answer as AsyncIterable<Buffer>) {
      sizeBytes += part.length;
      if (sizeBytes <= MAX_ERROR_BYTES) parts.push(part);
    }
  } catch {
    // What came has to do.
  }
  return Buffer.concat(parts).toString('utf8');
}
