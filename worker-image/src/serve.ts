/**
 * Serves what an engine on the same machine orders over a pipe: one attempt, or several one after another. Whatever an attempt is
 * given is made for it and goes with it; what stays is the program. A process that could not be as it was before ends with its
 * attempt.
 */
import type { Readable, Writable } from 'node:stream';
import { WORKER_EXIT } from '#core/mailbox-protocol.ts';
import type { AttemptEnd } from './attempt.ts';
import { type Order, openEnginePipe } from './engine-pipe.ts';
import { closeConnections } from './mailbox-client.ts';
import type { Stocktaking } from './process-stock.ts';
import { createStopRequest, type StopRequest } from './stop-request.ts';

/** The engine waits longer than this between its polite signal and its force. */
const REPORT_GRACE_MS = 20_000;

export interface ServedPipes {
  orders: Readable;
  /** Takes a line for each attempt after which this process stays: its id and exit code; and one before, when it has all but ended. */
  answers: Writable;
}

/** @param ends told when the attempt has ended but for its result, and need not be the last one here */
export type Run = (
  order: Pick<Order, 'attemptId' | 'leaseUrl'>,
  stop: StopRequest,
  ends: () => void,
) => Promise<AttemptEnd>;

export interface Serving {
  /** Of the first attempt, perhaps before it is there. */
  first: StopRequest;
  /** Null where nobody can tell what an attempt has left: then each is the last one. */
  stocktaking: Stocktaking | null;
  run: Run;
}

/** Resolves with the exit code of the last attempt, after which the engine may have said that none follows. Throws as `run` does, and TerminalError LEASE_INVALID for what is no order. */
export async function serve({ orders, answers }: ServedPipes, { first, stocktaking, run }: Serving): Promise<number> {
  // Null between two attempts.
  let stop: StopRequest | null = first;
  const told = (): void => {
    if (stop === null) process.exit(WORKER_EXIT.cancelled);
    stop.stop('cancelled');
  };
  process.on('SIGTERM', told);
  const engine = openEnginePipe(orders, () => {
    if (stop === null) process.exit(WORKER_EXIT.finished);
    stop.stop('engine_gone');
    // Nobody waits for a report; whatever is still under way must not keep the machine busy.
    setTimeout(() => process.exit(WORKER_EXIT.cancelled), REPORT_GRACE_MS).unref();
  });
  // Nobody may be left to read it.
  answers.on('error', () => {});
  try {
    for (;;) {
      const order = await engine.next();
      if (order === null) return WORKER_EXIT.finished;
      stop ??= createStopRequest();
      // Who waits for the result and has another attempt then need not start a process for it.
      const ends = (): void => void (order.stay && stocktaking !== null && answers.write(`${order.attemptId} ends\n`));
      const { exit, isShareable } = await run(order, stop, ends);
      if (!order.stay || !isShareable || exit !== WORKER_EXIT.finished || stocktaking === null) return exit;
      closeConnections();
      if ((await stocktaking()) !== null || stop.reason() !== null) return exit;
      stop = null;
      answers.write(`${order.attemptId} ${exit}\n`);
    }
  } finally {
    process.off('SIGTERM', told);
  }
}
