/** What to do about an item that ended other than well, by the reason that its last attempt was settled with. */
import type { ErrorCode } from '@waybill/client/errors';

const FILE_RULES = 'The last line of its log names the file.';
const REPORT = 'Its log and engine.log in the state directory say more.';

/** Complete for everything that this version settles with; its test reads the sources for them. */
const FIX_OF_REASON: Readonly<Record<string, string>> = {
  // a block said so
  exit_nonzero: 'Read its log; run the script by hand in a checkout of the same commit.',
  gate_red: 'The gate did what it is for: mend what it checks; its log says what that is.',
  verify_failed: 'The check of the verify block does not hold; its log says what was found.',
  timeout: 'Give the item (or the block) a longer `timeout`, or split it.',
  needs_input:
    'The agent asked for input (exit 20), which nobody can give it in this version: put all it needs in the spec.',
  policy_blocked: 'The agent said that a policy forbids it (exit 10); its log names which.',
  out_of_memory: 'Use less memory, or split the item.',
  // before or around the blocks
  environment_gone:
    'The deployment had that environment when the run was submitted and has it no more: ask its operator, or submit anew.',
  input_missing: 'The item it `needs` did not produce that output: check `select` and the upstream capture block.',
  input_mismatch: 'An input is not the bytes that were recorded: restore the artifact, or submit again under a new id.',
  source_invalid: 'Submit again under a new id, so that the source is packed once more.',
  source_mismatch: 'The stored source is not the one that was submitted: submit again under a new id.',
  runner_lost: 'The runner of its container ended: its log says what the block did. Out of memory is a likely cause.',
  runner_protocol: 'Something else than the runner spoke for its container: its log says what the block did.',
  runner_silent: 'The runner of its container stopped answering: its log says what the block did.',
  runner_unreachable: 'No runner came up in the environment image: see how to build one, and its container log.',
  sandbox_required:
    'Install bubblewrap, or start the engine with `--unsandboxed` if you accept that agents are not contained.',
  sandbox_failed: 'The sandbox could not be set up: its log says why. `--no-sandbox` starts an engine that uses none.',
  start_failed: 'It could not be started: check that the command exists; see engine.log in the state directory.',
  workspace_unreadable: 'Leave the workspace readable for its owner, with names that git accepts.',
  wrapper_failed: `The worker met an error of its own. ${REPORT}`,
  // what the blocks left behind
  excluded_too_many: 'Ignore whole directories, or remove what is not needed before the patch is captured.',
  output_hard_link: `Copy the file to outputs/ instead of linking it. ${FILE_RULES}`,
  output_name_invalid: `Give every output a plain UTF-8 name. ${FILE_RULES}`,
  output_special_file: `Write regular files to outputs/ only. ${FILE_RULES}`,
  output_symlink: `Copy what the link points to. ${FILE_RULES}`,
  output_too_large: 'Write less to outputs/, or split the work over several items.',
  output_too_many: 'Pack many small outputs into one file.',
  output_unreadable: `Leave outputs readable for their owner. ${FILE_RULES}`,
  patch_does_not_apply: 'Report this with the source and the block: git could not reproduce its own diff.',
  patch_path_invalid: `Rename the file: a patch carries no such path safely. ${FILE_RULES}`,
  patch_too_large: 'Change less in one item, or hand large files on as outputs.',
  submodule_changed: 'Leave submodule directories as they are: a source carries none of their content.',
  // the platform
  engine_restarted: 'The engine went away while it ran; that spends no retry. Submit again if it is not tried anew.',
  interrupted: 'Its worker was stopped from outside; attempts lost that way do not spend its retries.',
  launch_deferred: 'There was no room for its worker, and it is tried again: ask for a higher quota, or wait.',
  lease_lapsed: 'Its worker fell silent again and again: look at the load and the memory of the machine.',
  lease_refused:
    'The worker refused its orders and ran nothing: keys or clock of this machine changed. See engine.log.',
  no_result:
    'The worker ended without a result: see engine.log in the state directory, or the log of the attempt’s execution.',
  // the run
  upstream_failed: 'Mend the item that caused it; this one was never tried.',
  rejected: 'Its reviewers decided against it: nothing that depends on it is done.',
  gate_expired: 'Too few reviewers gave their verdict in time: submit the run under a new id.',
  upstream_skipped: 'What it needs comes from an item that a condition left out: nothing went wrong.',
  condition_false: 'Its `when` did not hold once what it asks had ended: nothing went wrong.',
  skip_requested: 'Somebody passed it over: submit the run under a new id to have it done.',
  cancelled: 'Somebody cancelled it: submit the run under a new id to have it done.',
  deadline_exceeded: "Raise `spec.caps.wallClock` or the item's `deadline`, or give the queue more slots.",
};

/** Failures that are settled by their error code, in lower case. */
const FIX_OF_CODE: Readonly<Partial<Record<ErrorCode, string>>> = {
  GIT_FAILED: 'git refused what it was asked for; the last line of its log is what git said.',
  GIT_UNAVAILABLE: 'Install git 2.38 or newer where the workers run.',
  MAILBOX_UNREACHABLE: `The worker could not reach the engine. ${REPORT}`,
  OBJECT_CONFLICT: `The engine had another object in that place. ${REPORT}`,
  OBJECT_DIGEST_MISMATCH: `What arrived is not what the worker announced. ${REPORT}`,
  OBJECT_MISSING: `Something that the attempt needs is not there any more. ${REPORT}`,
  OBJECT_TOO_LARGE: 'It handed in more than is taken: write less to outputs/ and to the log, or split the item.',
  EVENT_INVALID: 'What the worker claimed about its blocks cannot be true, so nothing of it was kept.',
  RESULT_INVALID: 'What the worker handed in breaks the file contract, so nothing of it was kept.',
};

const FIX_OF_OUTCOME: Readonly<Record<string, string>> = {
  failed: 'Read its log; run the script by hand in a checkout of the same commit.',
  timed_out: 'Give the item (or the block) a longer `timeout`, or split it.',
  contract_error: 'What its blocks left behind breaks the file contract; the last line of its log says how.',
  lost: 'Its worker vanished again and again: look at the machine, and at engine.log in the state directory.',
  policy_blocked: 'A rule of this deployment forbids it; its log names the rule.',
};

/** Undefined for a reason that this version never settles with. */
export function adviceOnReason(reason: string): string | undefined {
  // a reason is any word that a worker sent: never one that every object has
  if (Object.hasOwn(FIX_OF_REASON, reason)) return FIX_OF_REASON[reason];
  return FIX_OF_CODE[reason.toUpperCase() as ErrorCode];
}

export function adviceOnOutcome(outcome: string | undefined): string {
  return FIX_OF_OUTCOME[outcome ?? ''] ?? 'Read its log.';
}
