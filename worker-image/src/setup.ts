/** Runs the setup scripts of capabilities, in their order and as blocks run, before the first block. */
import { join } from 'node:path';
import type { ClaimedOutcome, SetupEvidence } from '#core/mailbox-protocol.ts';
import type { SetupScript } from './capabilities.ts';
import type { LogFile } from './log-file.ts';

export interface SetupContext {
  setups: readonly SetupScript[];
  log: Pick<LogFile, 'note'>;
  job: { pipeline: readonly unknown[] };
  onBlock(progress: { block: number; of: number; label: string }): void;
}

/** How a command that ran as a block has ended; `exit` is null when it could not be started. */
interface SetupEnd {
  outcome: ClaimedOutcome;
  reason: string;
  exit: number | null;
}

/**
 * What ran, and how the one ended that failed: then nothing else of the job is to run.
 * @param root the directory of capabilities, as a block sees it
 */
export async function runSetups(
  { setups, log, onBlock, job }: SetupContext,
  root: string,
  start: (argv: string[]) => Promise<SetupEnd>,
): Promise<{ setup?: SetupEvidence[]; failed?: SetupEnd }> {
  const setup: SetupEvidence[] = [];
  for (const script of setups) {
    const label = `setup ${script.capability}`;
    onBlock({ block: 1, of: job.pipeline.length, label });
    log.note(label);
    const startedAt = new Date().toISOString();
    const { outcome, reason, exit } = await start(commandOf(script, root));
    setup.push({ capability: script.capability, exit, startedAt, endedAt: new Date().toISOString() });
    if (outcome === 'succeeded') continue;
    return { setup, failed: { outcome, reason: reason === 'exit_nonzero' ? 'setup_failed' : reason, exit } };
  }
  return setup.length === 0 ? {} : { setup };
}

function commandOf({ file, isProgram }: SetupScript, root: string): string[] {
  const path = join(root, file);
  return isProgram ? [path] : ['/bin/sh', path];
}
