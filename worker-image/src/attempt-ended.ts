/** Why an attempt ended other than well, thrown by whatever found it out. The one place that catches it reports it. */
import { TerminalError, WaybillError } from '@waybill/client/errors';
import type { ClaimedOutcome } from '#core/mailbox-protocol.ts';

/** The closed set of reasons that the wrapper itself finds, and what to do about each. Never renamed: they are sealed. */
const FIXES = {
  capability_invalid: 'Nothing ran. Register the folder again and submit the run anew.',
  capability_mismatch: 'Nothing ran. Restore the artifact under its digest and run the item again.',
  checkpoint_invalid: 'Leave plain files with plain names in $WAYBILL_CHECKPOINT, as in outputs/.',
  checkpoint_too_large: 'Keep less in $WAYBILL_CHECKPOINT, or pack many small files into one archive.',
  cpu_used_up: 'Give the item a larger `resources.cpuTime`, or less to do.',
  disk_full: 'Give the item a larger `resources.disk` (or `inodes`), or leave fewer files.',
  excluded_too_many: 'Ignore whole directories, or remove what is not needed before the patch is captured.',
  input_mismatch: 'Nothing ran. Restore the artifact under its digest and run the item again.',
  out_of_memory: 'Give the item a larger `resources.memory`, or split it.',
  output_hard_link: 'Copy the file to outputs/ instead of linking it.',
  output_name_invalid: 'Give the output a plain UTF-8 name.',
  output_special_file: 'Write a regular file to outputs/.',
  output_symlink: 'Copy what the link points to.',
  output_too_large: 'Write less to outputs/, or split the work over several items.',
  output_too_many: 'Pack many small files into one archive.',
  output_unreadable: 'Leave outputs readable for their owner.',
  patch_does_not_apply: 'Report this with the source and the block; git could not reproduce its own diff.',
  patch_file_too_large: 'Ignore the file, or hand it on as an output: a patch is no place for it.',
  patch_path_invalid: 'Rename the file: a patch carries no such path safely.',
  patch_too_large: 'Change less in one item, or hand large files on as outputs.',
  question_invalid: 'Leave a file outputs/question.txt with lines of plain text, of at most 4,096 characters.',
  runner_lost: 'See the log for what the block did; a block that ends its runner ends its attempt.',
  runner_protocol: 'See the log for what the block did; only the runner may speak for its container.',
  runner_silent: 'See the log for what the block did; a runner that is stopped cannot end its blocks.',
  runner_unreachable: 'Build the environment image with the runner as its entry point, and look into its log.',
  sandbox_required: 'Install bubblewrap, or start the engine with --unsandboxed.',
  secret_in_output:
    'Nothing of it was handed on. Leave secrets out of files, and revoke this one if it went elsewhere.',
  secret_unavailable: 'Keep the secret in the deployment under this name, open to nobody else.',
  secrets_withheld: 'Nothing ran. Look into the log of the control plane; the attempt is tried again if it may be.',
  source_invalid: 'Pack the source again from its repository.',
  source_mismatch: 'Nothing ran. Restore the source bundle under its digest and run the item again.',
  submodule_changed: 'Leave submodule directories as they are: a source carries none of their content.',
  workspace_changed: 'End every process that the blocks started before the patch is captured.',
  too_many_processes: 'Give the item a larger `resources.processes`, or do less at a time.',
  workspace_unreadable: 'Leave the workspace readable for its owner, with names that git accepts.',
} as const;

type Reason = keyof typeof FIXES;

export class AttemptEnded extends TerminalError {
  readonly outcome: Exclude<ClaimedOutcome, 'succeeded'>;
  readonly reason: Reason;

  constructor(outcome: AttemptEnded['outcome'], reason: Reason, problem: string, path: string, cause?: unknown) {
    const code = reason === 'sandbox_required' ? 'ISOLATION_REQUIRED' : 'RESULT_INVALID';
    super({ code, path, problem, fix: FIXES[reason] }, { cause });
    this.outcome = outcome;
    this.reason = reason;
  }
}

/** The job, or what it left behind, breaks the contract between blocks and the platform. */
export function breach(reason: Reason, problem: string, path = 'attempt', cause?: unknown): AttemptEnded {
  return new AttemptEnded('contract_error', reason, problem, path, cause);
}

/** How any error is reported: its own words, the code of a known failure (`git_unavailable`), or `wrapper_failed`. */
export function endingOf(error: unknown): { outcome: ClaimedOutcome; reason: string; note: string } {
  if (error instanceof AttemptEnded) {
    const { outcome, reason, path, problem, fix } = error;
    return { outcome, reason, note: `${reason}: ${path} ${problem}. ${fix}` };
  }
  if (error instanceof WaybillError) {
    return { outcome: 'failed', reason: error.code.toLowerCase(), note: error.message };
  }
  return { outcome: 'failed', reason: 'wrapper_failed', note: `wrapper_failed: ${String(error)}` };
}
