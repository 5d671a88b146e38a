/** Follows a run to its end, in the way the terminal asks for. */
import { isEnded, type RunStatus, type SubmissionRef, type Transport, watchRun } from '@waybill/client';
import { LiveView } from './live-view.ts';
import type { Terminal } from './terminal.ts';
import { changeLines, itemChanges } from './view/run-changes.ts';
import { type Depths, runTreeLines } from './view/run-tree.ts';

export interface Followed {
  /** Null when nobody has seen a status before the interruption. */
  run: RunStatus | null;
  interrupted: boolean;
}

export interface Following {
  terminal: Terminal;
  transport: Transport;
  /** Keeps somebody on the run until the signal aborts. */
  guard: (signal: AbortSignal) => Promise<void>;
  depths: Depths;
  /** Aborted by the person at the terminal: the run itself goes on. */
  interruption: AbortSignal;
}

/** How often the times on the screen move on. */
const TICK_MS = 200;

/**
 * Resolves when the run is sealed, or at the interruption. Throws what the guard throws.
 */
export async function followRun(ref: SubmissionRef, following: Following): Promise<Followed> {
  const { interruption, transport } = following;
  const stop = new AbortController();
  const signal = AbortSignal.any([interruption, stop.signal]);
  const trouble = { error: undefined as unknown };
  const guarding = following.guard(signal).catch((error: unknown) => {
    trouble.error = error;
    stop.abort();
  });
  let run: RunStatus | null = null;
  const screen = openScreen(following);
  try {
    for await (const status of watchRun(transport, ref, { signal })) {
      screen.show(status, run);
      run = status;
    }
  } finally {
    screen.close();
    stop.abort();
    await guarding;
  }
  if (trouble.error !== undefined) throw trouble.error;
  return { run, interrupted: interruption.aborted && !(run !== null && isSealed(run)) };
}

export function isSealed(run: RunStatus): boolean {
  return isEnded(run.state) && (run.sealedAt !== undefined || run.aborted !== undefined);
}

interface Screen {
  show(run: RunStatus, before: RunStatus | null): void;
  close(): void;
}

function openScreen({ terminal, depths }: Following): Screen {
  if (terminal.mode !== 'live') return lineScreen(terminal);
  const view = new LiveView(terminal);
  let current: RunStatus | undefined;
  const draw = (): void => {
    const run = current;
    if (run === undefined) return;
    view.show(({ rows }) => runTreeLines({ run, depths, nowMs: Date.now(), rows }));
  };
  const ticking = setInterval(draw, TICK_MS);
  return {
    show: (run) => {
      current = run;
      draw();
    },
    close: () => {
      clearInterval(ticking);
      view.close();
    },
  };
}

/** Line after line: what changed since the status before. */
function lineScreen(terminal: Terminal): Screen {
  return {
    show: (run, before) => {
      const changed = itemChanges(run, before);
      for (const { id, state, attempts, reason, cause } of changed) {
        const attempt = attempts.at(-1)?.attempt;
        terminal.emit({ type: 'item', at: run.at, run: run.run, item: id, state, attempt, reason, cause });
      }
      terminal.say(changeLines(changed, run));
    },
    close: () => {},
  };
}
