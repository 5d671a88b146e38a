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
    'It asked for input (exit 20) without a question, or for the eleventh time: leave one in outputs/question.txt, or put all it needs in the spec.',
  question_invalid:
    'Leave a plain file outputs/question.txt with at most 4,096 characters of plain text; its log says what is there.',
  policy_blocked: 'The agent said that a policy forbids it (exit 10); its log names which.',
  out_of_memory: 'Use less memory, split the item, or give it more: `resources.memory`, in AWS a larger task.',
  killed:
    'Look whether the block kills itself; the kernel does so where the machine, or in AWS the task, has too little memory: then use less, or give it more.',
  cpu_used_up: 'Give it more `resources.cpuTime`, or less to do.',
  disk_full: 'Give it more `resources.disk` or `resources.inodes`, or leave fewer files: the log says which.',
  too_many_processes: 'Give it more `resources.processes`, or let it do less at a time.',
  no_output: 'It wrote nothing for as long as its `guards.stall` allows: its log says what came last.',
  // an agent with a prompt
  agent_failed: 'The agent gave up: the end of its log says why.',
  agent_missing: 'Install the command line tool where blocks run, or name it with `program`.',
  agent_unclear:
    'It ended without saying how, or says what this version does not read: look at its log and its version.',
  prompt_invalid: 'Mend the prompt, or what it takes from the inputs: the end of its log says what is wrong.',
  model_refused: 'The model refuses what it is asked: ask for something else, or another model.',
  model_throttled: 'The model takes no more for now: give it `retry` with a long back-off, or ask for a higher quota.',
  context_overflow: 'It read more than its model takes: split the item, or let it read less at a time.',
  model_unavailable:
    'No model answered: its log says why; models.json of the engine, or `models` of the deployment, says which may be.',
  call_repeated: 'It made the same call again and again: tell it more in its prompt, or let it do less.',
  errors_repeated: 'What it tried failed again and again: its log says what that was.',
  output_limit: 'It wrote, or was told, more than its `guards` allow: split the item, or raise them.',
  turn_limit: 'It has used up its `maxTurns`: raise it, or split the item.',
  // before or around the blocks
  environment_gone:
    'The deployment had that environment when the run was submitted and has it no more: ask its operator, or submit anew.',
  input_missing: 'The item it `needs` did not produce that output: check `select` and the upstream capture block.',
  input_mismatch: 'An input is not the bytes that were recorded: restore the artifact, or submit again under a new id.',
  secret_unavailable:
    'Its log says which one and why. `waybill secret set` keeps one under the name that the spec has, closed to others (chmod 600).',
  secrets_withheld: 'Nothing gave it its secrets in time: see engine.log in the state directory.',
  source_invalid: 'Submit again under a new id, so that the source is packed once more.',
  source_mismatch: 'The stored source is not the one that was submitted: submit again under a new id.',
  runner_lost: 'The runner of its container ended: its log says what the block did. Out of memory is a likely cause.',
  runner_protocol: 'Something else than the runner spoke for its container: its log says what the block did.',
  runner_silent: 'The runner of its container stopped answering: its log says what the block did.',
  runner_unreachable: 'No runner came up in the environment image: see how to build one, and its container log.',
  capability_invalid: 'Nothing ran. Register the folder again and submit the run anew.',
  capability_mismatch: 'Nothing ran. Restore the artifact under its digest and run the item again.',
  setup_failed: 'A setup script of a capability it uses ended with another code than 0; its log says what it wrote.',
  egress_denied: 'A host that it asks for is not allowed to its queue any more: ask its operator, or leave it out.',
  sandbox_required:
    'Install bubblewrap, or start the engine with `--unsandboxed` if you accept that agents are not contained.',
  sandbox_failed: 'The sandbox could not be set up: its log says why. `--no-sandbox` starts an engine that uses none.',
  start_failed: 'It could not be started: check that the command exists; see engine.log in the state directory.',
  workspace_changed: `End every process that the blocks started before the patch is captured. ${FILE_RULES}`,
  workspace_unreadable: 'Leave the workspace readable for its owner, with names that git accepts.',
  wrapper_failed: `The worker met an error of its own. ${REPORT}`,
  // what the blocks left behind
  checkpoint_invalid: `Leave plain files with plain names in $WAYBILL_CHECKPOINT. ${FILE_RULES}`,
  checkpoint_too_large: 'Keep less in $WAYBILL_CHECKPOINT, or pack many small files into one archive.',
  excluded_too_many: 'Ignore whole directories, or remove what is not needed before the patch is captured.',
  output_hard_link: `Copy the file to outputs/ instead of linking it. ${FILE_RULES}`,
  output_name_invalid: `Give every output a plain UTF-8 name. ${FILE_RULES}`,
  output_special_file: `Write regular files to outputs/ only. ${FILE_RULES}`,
  output_symlink: `Copy what the link points to. ${FILE_RULES}`,
  output_too_large: 'Write less to outputs/, or split the work over several items.',
  output_too_many: 'Pack many small outputs into one file.',
  output_unreadable: `Leave outputs readable for their owner. ${FILE_RULES}`,
  patch_does_not_apply: 'Report this with the source and the block: git could not reproduce its own diff.',
  patch_file_too_large: `Ignore the file, or hand it on as an output. ${FILE_RULES}`,
  patch_path_invalid: `Rename the file: a patch carries no such path safely. ${FILE_RULES}`,
  patch_too_large: 'Change less in one item, or hand large files on as outputs.',
  secret_in_output: `Leave no secret in files, their names or what is handed on. ${FILE_RULES}`,
  submodule_changed: 'Leave submodule directories as they are: a source carries none of their content.',
  output_invalid: 'Mend what writes the output that the detail names, or what its item declares of it under `outputs`.',
  intent_undeclared:
    'It left intents, and its spec does not say `effect: write`: say so, or leave nothing under outputs/.waybill/intents/.',
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
  too_many_outputs: 'It would have become more items than its `max` allows: raise it, or split into fewer.',
  record_full: 'It was tried so often that nothing more of it fits into its record: submit the run under a new id.',
  rejected: 'Its reviewers decided against it: nothing that depends on it is done.',
  gate_expired: 'Too few reviewers gave their verdict in time: submit the run under a new id.',
  run_cap_exhausted:
    'What is left of `caps.usd` is less than it reserves: submit the run anew with more, or lower its `maxUsd`.',
  deployment_cap_exceeded:
    'It reserves more than a whole cap of the deployment: lower its `maxUsd`, or ask its operator.',
  upstream_skipped: 'What it needs comes from an item that a condition left out: nothing went wrong.',
  condition_false: 'Its `when` did not hold once what it asks had ended: nothing went wrong.',
  requeued: 'Somebody sent it back to its queue: it is started again in its turn.',
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
  INTENT_INVALID:
    'Write the intent that the detail names as docs/formats/intents.md says; nothing that the attempt left was kept.',
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
