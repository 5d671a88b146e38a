/** The evidence of a run, read and judged on the spot. */
import { readFile } from 'node:fs/promises';
import { type RunStatus, TerminalError, type Transport } from '@waybill/client';
import { EvidenceError, loadTrust, type TrustFile } from '@waybill/verify';
import { readProblem } from './file-problem.ts';
import { openNamed } from './named-file.ts';

const NO_KEYS_FIX =
  'Submit a run first: an engine makes its keys when it first starts. Where one has worked already, restore keys/ from a backup.';

/** Reads the public keys of an engine. Throws TerminalError FILE_UNREADABLE for a file that is none or holds no valid keys. */
export async function readTrustFile(path: string): Promise<TrustFile> {
  try {
    const trust = JSON.parse(await readFile(path, 'utf8')) as TrustFile;
    loadTrust(trust);
    return trust;
  } catch (cause) {
    const isOfFile = cause instanceof Error && 'syscall' in cause;
    const known = isOfFile || cause instanceof EvidenceError || cause instanceof SyntaxError;
    if (!known) throw cause;
    if (isOfFile) {
      const isAbsent = ['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '');
      const fix = isAbsent ? NO_KEYS_FIX : 'Let this user read it, or name another state directory.';
      throw new TerminalError({ code: 'FILE_UNREADABLE', path, problem: readProblem(cause), fix }, { cause });
    }
    const problem = `the keys cannot be used: ${(cause as Error).message}`;
    const fix = "Name the deployment's public keys (waybill-keys/v1); an engine writes its own to keys/public.json.";
    throw new TerminalError({ code: 'FILE_UNREADABLE', path, problem, fix }, { cause });
  }
}

/** The bytes of a sealed run's bundle. Throws TerminalError OBJECT_MISSING for a run that is not sealed yet. */
export async function openBundle(transport: Transport, run: RunStatus): Promise<AsyncIterable<Uint8Array>> {
  const bytes = run.bundle === undefined ? null : await transport.openLedger(run.bundle.key);
  if (bytes !== null) return bytes;
  const [problem, fix] =
    run.aborted === undefined
      ? ['the run has no audit bundle yet', 'Wait until it is sealed: `waybill watch` ends then.']
      : ['the run was aborted and will never be sealed', 'See `waybill audit log`: its entries say when and why.'];
  throw new TerminalError({ code: 'OBJECT_MISSING', path: run.run, problem, fix });
}

/** The bytes of a file. Throws TerminalError FILE_UNREADABLE at whichever byte it stops being readable. */
export function openFile(path: string): AsyncIterable<Uint8Array> {
  return openNamed(path, 'Name an audit bundle, or a run of the state directory.');
}
