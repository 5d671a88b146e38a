/** What a function is told of its deployment. The names stand in the deployment's templates too. */
import { TerminalError } from '@waybill/client/errors';
import * as z from 'zod/mini';

export function setting(name: string): string {
  const value = process.env[name];
  if (value !== undefined && value !== '') return value;
  throw wrong(name, 'is not set');
}

/** Comma-separated; empty parts are none. */
export function listSetting(name: string): string[] {
  return setting(name)
    .split(',')
    .filter((part) => part !== '');
}

/** Undefined when it is not set. Throws TerminalError USAGE for what is no JSON. */
export function jsonSetting(name: string): unknown {
  const value = process.env[name];
  if (value === undefined || value === '') return undefined;
  try {
    return JSON.parse(value);
  } catch {
    throw wrong(name, 'is no JSON');
  }
}

const queues = z.record(
  z.string().check(z.regex(/^[a-z0-9][a-z0-9._-]{0,62}$/)),
  z.object({ concurrency: z.int().check(z.minimum(1), z.maximum(1_000)) }),
);

/** The queues of the deployment and their slots. */
export function queuesSetting(): Record<string, { concurrency: number }> {
  const read = queues.safeParse(jsonSetting('WAYBILL_QUEUES'));
  if (read.success) return read.data;
  throw wrong('WAYBILL_QUEUES', `is no list of queues: ${z.prettifyError(read.error)}`);
}

function wrong(name: string, problem: string): TerminalError {
  const fix = 'Deploy again: the stacks of lib/ set it.';
  return new TerminalError({ code: 'USAGE', path: name, problem, fix });
}
