/** Changes of keys, carried out by the embedded engine's own code in a process of its own, while no engine runs. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type ErrorCode, TerminalError } from '@waybill/client';
import type { TrustedKey } from '@waybill/verify';
import type { StateDirectory } from './state-directory.ts';

const OWN_PROGRAM = fileURLToPath(new URL('../../../embedded/keys.ts', import.meta.url));

interface Refused {
  error: { code: ErrorCode; path: string; problem: string; fix: string };
}

/** Throws TerminalError as the program says, ENGINE_RUNNING among others. */
export async function changeKeys(home: StateDirectory, words: readonly string[]): Promise<TrustedKey> {
  const child = spawn(process.execPath, [OWN_PROGRAM, '--dir', home.path, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) output += String(chunk);
  if (output === '') {
    const fix = 'Its own words stand above.';
    throw new TerminalError({ code: 'STORE_FAILED', path: home.path, problem: 'the keys could not be changed', fix });
  }
  const answer = JSON.parse(output) as TrustedKey | Refused;
  if ('error' in answer) throw new TerminalError(answer.error);
  return answer;
}
