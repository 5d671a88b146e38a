/**
 * Changes the keys of a state directory while no engine works on it: `keys.ts --dir D <verb> …`. Prints one JSON value,
 * the key that came or went, or `{error}`, and exits 0 or 1.
 */
import { parseArgs } from 'node:util';
import { TerminalError } from '@waybill/client/errors';
import type { NoteAlgorithm, TrustedKey } from '@waybill/verify';
import { composeOffline } from '#embedded/compose-offline.ts';
import { answer, stateDirectory } from '#embedded/offline-program.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { addLogKey, adoptKeys, revokeKey, rotateKey } from '#flow/keys.ts';
import { checkLedger } from '#flow/ledger-check.ts';

const ATTEST_ALGORITHM = 'ecdsa-p256-sha256';
const ALGORITHMS: readonly string[] = ['ed25519', 'ecdsa-p256-sha256'] satisfies NoteAlgorithm[];

interface Request {
  directory: string;
  words: string[];
  alg: string | undefined;
  from: string | undefined;
  reason: string | undefined;
}

function readRequest(): Request {
  const text = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { dir: text, alg: text, from: text, reason: text },
  });
  const { alg, from, reason } = values;
  return {
    directory: stateDirectory(values.dir),
    words: positionals,
    alg,
    from,
    reason,
  };
}

async function carryOut(deps: FlowDeps, { words: [verb, what], alg, from, reason }: Request): Promise<TrustedKey> {
  if (verb === 'rotate' && what === 'attest') {
    if (alg !== undefined && alg !== ATTEST_ALGORITHM) throw usage('--alg', `an attest key is ${ATTEST_ALGORITHM}`);
    return rotateKey(deps, 'attest', ATTEST_ALGORITHM);
  }
  if (verb === 'rotate' && what === 'log') return rotateKey(deps, 'log', algorithm(alg ?? 'ed25519'));
  if (verb === 'add' && what === 'log') return addLogKey(deps, algorithm(alg ?? 'ecdsa-p256-sha256'));
  if (verb === 'revoke' && what !== undefined) {
    if (from === undefined || !/^\d{1,15}$/.test(from))
      throw usage('--from', 'give the log index from which it is refused');
    if (reason === undefined || !/^[a-z][a-z0-9_]{0,63}$/.test(reason))
      throw usage('--reason', 'give a code, such as key_compromise');
    return revokeKey(deps, what, Number(from), reason);
  }
  const wanted = verb === 'add' ? 'log (a second attest key cannot be added)' : 'attest or log';
  throw usage('use', `there is no such change: ${verb} takes ${wanted}, and not ${what}`);
}

function algorithm(name: string): NoteAlgorithm {
  if (ALGORITHMS.includes(name)) return name as NoteAlgorithm;
  throw usage('--alg', `${name} is none of ${ALGORITHMS.join(', ')}`);
}

function usage(path: string, problem: string): TerminalError {
  return new TerminalError({ code: 'USAGE', path, problem, fix: 'See `waybill keys --help`.' });
}

async function change(request: Request): Promise<TrustedKey> {
  const { deps, close } = composeOffline(request.directory);
  try {
    await checkLedger(deps);
    await adoptKeys(deps);
    return await carryOut(deps, request);
  } finally {
    await close();
  }
}

await answer(() => change(readRequest()));
