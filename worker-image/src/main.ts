/**
 * The worker: one process for one attempt. Everything it may know comes from four variables and its lease, whose URL is
 * the first line of stdin. The engine holds stdin open; its end means that the engine is gone.
 *
 * `--probe` tries the sandbox and prints {"bubblewrap":boolean,"detail":string}.
 */
import { readFile } from 'node:fs/promises';
import { WaybillError } from '@waybill/client/errors';
import { digestOf } from '@waybill/verify';
import { WORKER_EXIT } from '#core/mailbox-protocol.ts';
import { WORKER_ENV } from '#core/names.ts';
import { runAttempt } from './attempt.ts';
import { createAttemptTree, removeAttemptTree } from './attempt-tree.ts';
import { readLeaseUrl } from './engine-pipe.ts';
import { closeInheritedDescriptors } from './inherited-descriptors.ts';
import { parsePinnedKeys } from './lease-check.ts';
import { probeBubblewrap } from './sandbox.ts';
import { createStopRequest } from './stop-request.ts';

/** The engine waits longer than this between its polite signal and its force. */
const REPORT_GRACE_MS = 20_000;

async function probe(): Promise<number> {
  const tree = await createAttemptTree('probe');
  try {
    const { works, detail } = await probeBubblewrap(tree);
    process.stdout.write(`${JSON.stringify({ bubblewrap: works, detail })}\n`);
  } finally {
    await removeAttemptTree(tree);
  }
  return 0;
}

async function work(): Promise<number> {
  const stop = createStopRequest();
  process.once('SIGTERM', () => stop.stop('cancelled'));
  const env = takeEnvironment();
  const leaseUrl = await readLeaseUrl(process.stdin, () => {
    stop.stop('engine_gone');
    // Nobody waits for a report; whatever is still under way must not keep the machine busy.
    setTimeout(() => process.exit(WORKER_EXIT.cancelled), REPORT_GRACE_MS).unref();
  });
  return await runAttempt({
    leaseUrl,
    worker: {
      attemptId: env.attemptId,
      origin: env.origin,
      keys: parsePinnedKeys(env.keys),
      executable: digestOf(await readFile(import.meta.filename)),
    },
    allowUnsandboxed: env.unsandboxed === '1',
    stop,
  });
}

/** Takes the variables out of the environment, so that no child process can inherit them by an oversight. */
function takeEnvironment(): Record<keyof typeof WORKER_ENV, string> {
  const entries = Object.entries(WORKER_ENV).map(([key, name]) => {
    const value = process.env[name] ?? '';
    delete process.env[name];
    return [key, value];
  });
  return Object.fromEntries(entries);
}

function explain(error: unknown): number {
  // Nobody may be left to read it.
  process.stderr.on('error', () => {});
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  return error instanceof WaybillError && error.code === 'LEASE_INVALID'
    ? WORKER_EXIT.contractError
    : WORKER_EXIT.failed;
}

closeInheritedDescriptors();
const exit = await (process.argv[2] === '--probe' ? probe() : work()).catch(explain);
process.exit(exit);
