/** Every verb of `waybill`, as data: the program, its help and the tests are made from this table. */
import { COMPARE_FLAGS, ITEM_FLAGS, LOG_FLAGS, type ModeFlag, VERIFY_FLAGS } from '@waybill/verify/flags';
import { PACK_VERBS } from './pack-verbs.ts';
import { REGISTRY_VERBS } from './registry-verbs.ts';
import { SECRET_VERBS } from './secret-verbs.ts';
import type { Verb, VerbOption } from './verb.ts';

/** Taken by every verb, and before any: `waybill --target aws status latest`. */
export const COMMON_OPTIONS: readonly VerbOption[] = [
  { flags: '--dir <path>', summary: 'state directory (default: $WAYBILL_HOME, else .waybill)' },
  { flags: '--target <home>', summary: 'embedded (default) or aws: where the work goes (default: $WAYBILL_TARGET)' },
  {
    flags: '--deployment <file>',
    summary: 'deployment file for --target aws (default: $WAYBILL_DEPLOYMENT, else waybill-deployment.json)',
  },
  { flags: '--json', summary: 'one JSON value a line; the default when the output is not a terminal' },
  {
    flags: '--plain',
    summary: 'text for people, line after line, also when the output is not a terminal; --json wins',
  },
];

const SUBMIT_OPTIONS: readonly VerbOption[] = [
  { flags: '--id <submissionId>', summary: 'name of the submission; the same name and content is the same run' },
  { flags: '--concurrency <n>', summary: 'slots of the default queue, for an engine that this command starts' },
  { flags: '--no-sandbox', summary: 'never use bubblewrap, for an engine that this command starts' },
  { flags: '--unsandboxed', summary: 'allow agent blocks without a sandbox, for an engine that this command starts' },
];

const REPLACE: VerbOption = { flags: '--force', summary: 'replace another file of that name' };

const REVIEWED: VerbOption = {
  flags: '--reviewed <digest>',
  summary: 'what you have looked at, or its first 12 digits; refused where the gate is about something else',
};

export const VERBS: readonly Verb[] = [
  {
    name: 'init',
    args: '[directory]',
    summary: 'write a run spec that runs as it is',
    options: [{ flags: '--force', summary: 'replace a waybill.yaml that is there' }],
    load: async () => (await import('./verbs/init.ts')).init,
  },
  {
    name: 'validate',
    args: '<file>',
    summary: 'check a run spec and list everything that is wrong with it',
    options: [],
    load: async () => (await import('./verbs/plan.ts')).validate,
  },
  {
    name: 'plan',
    args: '<file>',
    summary: 'show the graph of a run spec, its levels and its critical path',
    options: [{ flags: '--mermaid', summary: 'as a Mermaid flowchart' }],
    load: async () => (await import('./verbs/plan.ts')).plan,
  },
  {
    name: 'run',
    args: '<file>',
    summary: 'submit a run spec, watch it to its end and verify its evidence',
    options: SUBMIT_OPTIONS,
    load: async () => (await import('./verbs/run.ts')).run,
  },
  {
    name: 'submit',
    args: '<file>',
    summary: 'submit a run spec and leave it to the engine',
    options: SUBMIT_OPTIONS,
    load: async () => (await import('./verbs/run.ts')).submit,
  },
  {
    name: 'watch',
    args: '<run>',
    summary: 'watch a run to its end',
    options: [],
    load: async () => (await import('./verbs/run.ts')).watch,
  },
  {
    name: 'status',
    args: '<run>',
    summary: 'show a run as it is now',
    options: [],
    load: async () => (await import('./verbs/status.ts')).status,
  },
  {
    name: 'cost',
    args: '[run]',
    summary: 'show what a run has cost, or all of them, by item and model, and what is left of the caps',
    options: [],
    load: async () => (await import('./verbs/cost.ts')).cost,
  },
  {
    name: 'runs',
    args: '',
    summary: 'list the runs of the state directory, newest first',
    options: [],
    load: async () => (await import('./verbs/status.ts')).runs,
  },
  {
    name: 'explain',
    args: '<run> <item>',
    summary: 'say why an item waits or how it ended, and what to do about it',
    options: [],
    load: async () => (await import('./verbs/item.ts')).explain,
  },
  {
    name: 'logs',
    args: '<run> <item>',
    summary: 'print the log of an item',
    options: [
      { flags: '-f, --follow', summary: 'go on while it runs, attempt after attempt, until the item has ended' },
      { flags: '--attempt <n>', summary: 'of an earlier attempt, or of that one alone' },
    ],
    load: async () => (await import('./verbs/item.ts')).logs,
  },
  {
    name: 'patch',
    args: '<run> <item>',
    summary: 'print the patch of an item, save it or apply it',
    options: [
      { flags: '-o, --output <file>', summary: 'write it to a file; - is standard output' },
      { flags: '--apply <directory>', summary: 'apply it to that working tree; nothing where a part does not apply' },
    ],
    load: async () => (await import('./verbs/patch.ts')).patch,
  },
  {
    name: 'outputs',
    args: '<run> <item> [name]',
    summary: 'list the files that an item handed on, print one, or save them all',
    options: [{ flags: '-o, --output <directory>', summary: 'write them below a directory' }],
    load: async () => (await import('./verbs/outputs.ts')).outputs,
  },
  {
    name: 'cancel',
    args: '<run> [item]',
    summary: 'cancel a run, or one item of it',
    options: [],
    load: async () => (await import('./verbs/steer.ts')).cancel,
  },
  {
    name: 'extend',
    args: '<run> <file>',
    summary: 'add items to a run that is open-ended',
    options: [],
    load: async () => (await import('./verbs/steer.ts')).extend,
  },
  {
    name: 'close',
    args: '<run>',
    summary: 'add nothing more to a run that is open-ended: it ends with its items',
    options: [],
    load: async () => (await import('./verbs/steer.ts')).close,
  },
  {
    name: 'pause',
    args: '<run>',
    summary: 'start nothing more of a run; what runs goes on, and deadlines do',
    options: [],
    load: async () => (await import('./verbs/steer.ts')).pause,
  },
  {
    name: 'resume',
    args: '<run>',
    summary: 'go on with a paused run',
    options: [],
    load: async () => (await import('./verbs/steer.ts')).resume,
  },
  {
    name: 'retry',
    args: '<run> <item>',
    summary: 'try a failed item of an open run again, or at once one that waits for its next attempt',
    options: [],
    load: async () => (await import('./verbs/steer.ts')).retry,
  },
  {
    name: 'requeue',
    args: '<run> <item>',
    summary: 'send an item to the end of its queue; one that runs is stopped, and none of its retries is spent',
    options: [],
    load: async () => (await import('./verbs/steer.ts')).requeue,
  },
  {
    name: 'skip',
    args: '<run> <item>',
    summary: 'pass over an item that has not started, and what depends on it',
    options: [],
    load: async () => (await import('./verbs/steer.ts')).skip,
  },
  {
    name: 'answer',
    args: '<run> <item>',
    summary: 'answer what an item asks, so that it goes on: its next attempt is given question and answer as inputs',
    options: [
      { flags: '--text <text>', summary: 'the answer' },
      { flags: '--file <file>', summary: 'a file that holds it' },
    ],
    load: async () => (await import('./verbs/answer.ts')).answer,
  },
  {
    name: 'approve',
    args: '<run> <item>',
    summary: 'give your verdict on a gate that waits: go on; of a run that is not yours, give the whole id',
    options: [REVIEWED],
    load: async () => (await import('./verbs/verdict.ts')).approve,
  },
  {
    name: 'reject',
    args: '<run> <item>',
    summary: 'give your verdict on a gate that waits: do not go on',
    options: [REVIEWED],
    load: async () => (await import('./verbs/verdict.ts')).reject,
  },
  {
    name: 'abort',
    args: '<run>',
    summary: 'end a run that cannot or shall not be sealed; the log will say so for good',
    options: [{ flags: '--reason <code>', summary: 'a snake_case word that the log repeats' }],
    load: async () => (await import('./verbs/steer.ts')).abort,
  },
  ...PACK_VERBS,
  {
    name: 'schedule add',
    args: '<file>',
    summary: 'put a schedule into force, in place of one of the same name',
    options: [],
    load: async () => (await import('./verbs/schedule.ts')).scheduleAdd,
  },
  {
    name: 'schedule list',
    args: '',
    summary: 'list your schedules, when they run next and what became of the last run',
    options: [],
    load: async () => (await import('./verbs/schedule.ts')).scheduleList,
  },
  {
    name: 'schedule show',
    args: '<name>',
    summary: 'show a schedule, its next times and the runs that it has started, or why it has not',
    options: [],
    load: async () => (await import('./verbs/schedule.ts')).scheduleShow,
  },
  {
    name: 'schedule pause',
    args: '<name>',
    summary: 'let a schedule start nothing; what it would have started meanwhile is not made up for',
    options: [],
    load: async () => (await import('./verbs/schedule.ts')).schedulePause,
  },
  {
    name: 'schedule resume',
    args: '<name>',
    summary: 'go on with a paused schedule, from its next time on',
    options: [],
    load: async () => (await import('./verbs/schedule.ts')).scheduleResume,
  },
  {
    name: 'schedule trigger',
    args: '<name>',
    summary: 'run what a schedule runs once more, now',
    options: [],
    load: async () => (await import('./verbs/schedule.ts')).scheduleTrigger,
  },
  {
    name: 'schedule rm',
    args: '<name>',
    summary: 'take a schedule away; its runs stay',
    options: [],
    load: async () => (await import('./verbs/schedule.ts')).scheduleRm,
  },
  ...REGISTRY_VERBS,
  ...SECRET_VERBS,
  {
    name: 'recover',
    args: '',
    summary: 'make a lost, damaged or outdated store again from the ledger, while no engine runs',
    options: [],
    isEmbeddedOnly: true,
    load: async () => (await import('./verbs/recover.ts')).recover,
  },
  {
    name: 'audit export',
    args: '<run>',
    summary: 'copy the evidence of a sealed run to a file',
    options: [{ flags: '-o, --output <file>', summary: 'where to; - is standard output' }, REPLACE],
    load: async () => (await import('./verbs/audit.ts')).auditExport,
  },
  {
    name: 'audit verify',
    args: '<bundle>',
    summary:
      'verify evidence: a run of the state directory with its own keys, or a file (./name, if a run is called so too) with yours',
    options: optionsOf(VERIFY_FLAGS),
    load: async () => (await import('./verbs/audit.ts')).auditVerify,
  },
  {
    name: 'audit log',
    args: '[ledger]',
    summary: "audit a whole deployment log from its tiles: a directory or URL with your keys, or this engine's own",
    options: optionsOf(LOG_FLAGS),
    load: async () => (await import('./verbs/audit-modes.ts')).auditLog,
  },
  {
    name: 'audit compare',
    args: '<head> [head]',
    summary: 'compare two signed heads of a log, or check a proof that it was forked',
    options: optionsOf(COMPARE_FLAGS),
    load: async () => (await import('./verbs/audit-modes.ts')).auditCompare,
  },
  {
    name: 'audit disclose',
    args: '<bundle> <item>',
    summary: 'take one item out of a bundle: a file that proves what happened to it, without the other items',
    options: [{ flags: '-o, --output <file>', summary: 'where to; - is standard output' }, REPLACE],
    load: async () => (await import('./verbs/audit-modes.ts')).auditDisclose,
  },
  {
    name: 'audit item',
    args: '<file>',
    summary: 'verify the disclosure of a single item with your keys',
    options: optionsOf(ITEM_FLAGS),
    load: async () => (await import('./verbs/audit-modes.ts')).auditItem,
  },
  {
    name: 'deployment pull',
    args: '',
    summary: 'write the deployment file from the outputs of the deployed stacks',
    options: [
      { flags: '--stack <name>', summary: 'a stack of the deployment; once for each', isRepeated: true },
      { flags: '--region <name>', summary: 'where the stacks are (default: $AWS_REGION)' },
      { flags: '-o, --output <file>', summary: 'where to (default waybill-deployment.json); - is standard output' },
    ],
    load: async () => (await import('./verbs/deployment.ts')).deploymentPull,
  },
  {
    name: 'doctor',
    args: '',
    summary: 'examine a deployment in AWS; changes nothing and spends nothing',
    options: [{ flags: '--deployed', summary: 'the deployment of the deployment file' }],
    load: async () => (await import('./verbs/doctor.ts')).doctor,
  },
  {
    name: 'keys list',
    args: '',
    summary: "list the deployment's public keys and where in the log they are valid",
    options: [],
    load: async () => (await import('./verbs/keys.ts')).keysList,
  },
  {
    name: 'keys fingerprint',
    args: '',
    summary: 'print the keys for people to compare: the annex of a contract',
    options: [],
    load: async () => (await import('./verbs/keys.ts')).keysFingerprint,
  },
  {
    name: 'keys export',
    args: '',
    summary: 'write the trust file that auditors pin',
    options: [
      { flags: '-o, --output <file>', summary: 'where to (default waybill-keys.json); - is standard output' },
      REPLACE,
    ],
    load: async () => (await import('./verbs/keys.ts')).keysExport,
  },
  {
    name: 'keys rotate',
    args: '<use>',
    summary: 'put a new attest or log key in force, signed by the old one; while no engine runs',
    options: [{ flags: '--alg <name>', summary: 'which log key, where there are two (default ed25519)' }],
    isEmbeddedOnly: true,
    load: async () => (await import('./verbs/keys.ts')).keysRotate,
  },
  {
    name: 'keys add',
    args: '<use>',
    summary: 'add a second log key, which signs every checkpoint beside the first; while no engine runs',
    options: [{ flags: '--alg <name>', summary: 'default ecdsa-p256-sha256' }],
    isEmbeddedOnly: true,
    load: async () => (await import('./verbs/keys.ts')).keysAdd,
  },
  {
    name: 'keys revoke',
    args: '<keyid>',
    summary: 'refuse a key from a log index on; while no engine runs',
    options: [
      { flags: '--from <index>', summary: 'the first log index at which it is not believed any more' },
      { flags: '--reason <code>', summary: 'such as key_compromise' },
    ],
    isEmbeddedOnly: true,
    load: async () => (await import('./verbs/keys.ts')).keysRevoke,
  },
];

function optionsOf(flags: readonly ModeFlag[]): VerbOption[] {
  return flags.map(({ name, value, ...flag }) => {
    return { ...flag, flags: value === undefined ? `--${name}` : `--${name} ${value}` };
  });
}
