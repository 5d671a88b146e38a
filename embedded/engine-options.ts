/** What an engine is told when it is started, by the words behind its program; all that is wrong with them is told at once. */
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { TerminalError } from '@waybill/client/errors';
import { Mistakes } from '#core/mistakes.ts';
import type { EmbeddedOptions } from '#embedded/compose.ts';

export interface EngineOptions extends EmbeddedOptions {
  idleExitMs: number | null;
}

const USAGE =
  'node embedded/main.ts [--dir D] [--concurrency N] [--idle-exit-ms N] [--no-sandbox] [--unsandboxed], with Node 24.';
const KINDS = {
  dir: 'string',
  concurrency: 'string',
  'idle-exit-ms': 'string',
  'no-sandbox': 'boolean',
  unsandboxed: 'boolean',
} as const;

/** Throws TerminalError USAGE with the words of all that is wrong. */
export function readEngineOptions(words: readonly string[], env: NodeJS.ProcessEnv): EngineOptions {
  const kinds = new Map<string, 'string' | 'boolean'>(Object.entries(KINDS));
  const options = Object.fromEntries([...kinds].map(([name, type]) => [name, { type }]));
  // Not strict: then Node would tell of the first mistake alone, in words of its own.
  const { tokens } = parseArgs({ args: [...words], options, strict: false, tokens: true });
  const mistakes = new Mistakes();
  const refuse = (path: string, problem: string): unknown =>
    mistakes.reading(() => {
      throw new TerminalError({ code: 'USAGE', path, problem, fix: USAGE });
    });
  const given = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind === 'positional') refuse(token.value, 'is no option');
    if (token.kind !== 'option') continue;
    const kind = kinds.get(token.name);
    if (kind === undefined) refuse(token.rawName, 'is no option');
    else if ((kind === 'string') !== (token.value !== undefined))
      refuse(token.rawName, kind === 'string' ? 'has no value' : 'takes no value');
    else given.set(token.name, token.value ?? '');
  }
  const wholeNumber = (name: keyof typeof KINDS, min: number, max: number): number | null => {
    const text = given.get(name);
    if (text === undefined) return null;
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max)
      refuse(`--${name}`, `takes a whole number from ${min} to ${max}`);
    return value;
  };
  const [from, directory] = given.has('dir') ? ['--dir', given.get('dir')] : ['WAYBILL_HOME', env.WAYBILL_HOME];
  // It would be whatever directory this happens to run in.
  if (directory === '') refuse(from, 'is empty');
  const concurrency = wholeNumber('concurrency', 1, 1000) ?? Math.max(2, cpus().length);
  const idleExitMs = wholeNumber('idle-exit-ms', 100, 86_400_000);
  mistakes.settle();
  return {
    directory: resolve(directory ?? '.waybill'),
    concurrency,
    sandbox: given.has('no-sandbox') ? 'none' : 'auto',
    allowUnsandboxedAgents: given.has('unsandboxed'),
    idleExitMs,
  };
}
