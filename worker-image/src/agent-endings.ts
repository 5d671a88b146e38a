/**
 * How an agent with a prompt ends other than well. Its adapter runs in the sandbox and says it with an exit code: whatever
 * else is there could have said it too, and nothing but how the block ended hangs on it.
 */
import { TerminalError } from '@waybill/client/errors';
import type { ClaimedOutcome } from '#core/mailbox-protocol.ts';

/** Never renamed: they are sealed. */
const ENDINGS = {
  agent_failed: { exit: 50, outcome: 'failed', fix: 'Its log says what it met.' },
  agent_missing: { exit: 51, outcome: 'failed', fix: 'Install it where blocks run, or name it with `program`.' },
  agent_unclear: { exit: 52, outcome: 'failed', fix: 'Use a version of the tool that this adapter reads.' },
  prompt_invalid: { exit: 53, outcome: 'failed', fix: 'Mend the prompt, or what it takes from the inputs.' },
  model_refused: { exit: 54, outcome: 'policy_blocked', fix: 'Ask for something else, or another model.' },
  model_throttled: {
    exit: 55,
    outcome: 'failed',
    fix: 'Give the item retries with a long back-off, or a higher quota.',
  },
  context_overflow: { exit: 56, outcome: 'failed', fix: 'Split the item, or let it read less at a time.' },
  model_unavailable: { exit: 58, outcome: 'failed', fix: 'Look at models.json of the engine, and at the log.' },
  call_repeated: {
    exit: 59,
    outcome: 'deferred',
    fix: 'Tell it more in its prompt: it makes the same call again and again.',
  },
  errors_repeated: { exit: 60, outcome: 'deferred', fix: 'Look at the log for what it tries and may not, or cannot.' },
  output_limit: { exit: 61, outcome: 'deferred', fix: 'Let it read less: split the item.' },
  turn_limit: { exit: 57, outcome: 'deferred', fix: 'Raise `maxTurns`, or split the item.' },
} as const;

export type AgentReason = keyof typeof ENDINGS;

/** What the exit code of such an adapter means; undefined for any other. */
export function agentEndingOf(exit: number): { outcome: ClaimedOutcome; reason: AgentReason } | undefined {
  const found = Object.entries(ENDINGS).find(([, ending]) => ending.exit === exit);
  return found === undefined ? undefined : { outcome: found[1].outcome, reason: found[0] as AgentReason };
}

/** Thrown in the adapter; its program ends with `exit`. */
export class AgentEnded extends TerminalError {
  readonly exit: number;

  constructor(reason: AgentReason, problem: string, cause?: unknown) {
    const { exit, fix } = ENDINGS[reason];
    super({ code: 'RESULT_INVALID', path: reason, problem, fix }, { cause });
    this.exit = exit;
  }

  /** For its log: the code of the class says nothing to whoever reads there. */
  get said(): string {
    return `${this.path}: ${this.problem}. ${this.fix}`;
  }
}
