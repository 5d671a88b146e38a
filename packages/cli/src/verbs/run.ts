/** run, submit and watch: work goes in, and what comes of it is shown. */
import {
  type Receipt,
  type RunStatus,
  type SubmissionRef,
  submitRun,
  type Transport,
  type WaitOptions,
} from '@waybill/client';
import { deriveRunId, type VerifyReport, verifyBundle } from '@waybill/verify';
import type { EngineOptions, EnsuredEngine } from '../engine-process.ts';
import { refusalLines, warningLines } from '../error-report.ts';
import { openBundle } from '../evidence.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { followRun, isSealed } from '../follow.ts';
import { requireSecrets } from '../kept-secrets.ts';
import { shapeOf } from '../plan-shape.ts';
import { accessAccepted } from '../run-access.ts';
import { placedInFile, readSpecFile, type SpecFile } from '../spec-file.ts';
import type { VerbCall } from '../verb.ts';
import { summaryLines } from '../view/run-summary.ts';
import { abortedLines, type Depths } from '../view/run-tree.ts';
import { type Line, toned } from '../view/styled.ts';

const MAX_CONCURRENCY = 1000;

export async function submit(call: VerbCall): Promise<ExitCode> {
  const spec = await readSpecFile(call.arg(0), call.registry);
  const { receipt } = await submitSpec(call, spec);
  if (!isTaken(receipt)) return EXIT.refused;
  const id = receipt.run?.slice(0, 12) ?? receipt.submissionId;
  call.terminal.say([[toned('quiet', 'next     '), call.command(`watch ${id}`)]]);
  return EXIT.ok;
}

export async function run(call: VerbCall): Promise<ExitCode> {
  const spec = await readSpecFile(call.arg(0), call.registry);
  const { transport, receipt } = await submitSpec(call, spec);
  if (!isTaken(receipt)) return EXIT.refused;
  const depths = new Map(shapeOf(spec.items).tree.map(({ id, depth }) => [id, depth]));
  return followToEnd(call, transport, receipt, depths);
}

export async function watch(call: VerbCall): Promise<ExitCode> {
  const transport = await call.target.open();
  const { ref } = await accessAccepted(transport, call.arg(0));
  return followToEnd(call, transport, ref, new Map());
}

function engineOptions(call: VerbCall): EngineOptions {
  const concurrency = call.count('concurrency', 1, MAX_CONCURRENCY);
  return {
    ...(concurrency === undefined ? {} : { concurrency }),
    noSandbox: call.refuses('sandbox'),
    unsandboxed: call.flag('unsandboxed'),
  };
}

interface Submitted {
  transport: Transport;
  receipt: Receipt;
}

async function submitSpec(call: VerbCall, spec: SpecFile): Promise<Submitted> {
  const { terminal, target } = call;
  requireSecrets(call, call.arg(0), spec);
  for (const warning of spec.warnings) terminal.emit({ type: 'warning', ...warning });
  terminal.say(spec.warnings.flatMap(warningLines));
  const engine = await target.ensure(engineOptions(call));
  const transport = await target.open();
  if (engine === null) terminal.emit({ type: 'deployment', principal: transport.principal });
  else announceEngine(call, engine);
  const submissionId = call.text('id');
  const options = { baseDir: spec.baseDir, ...(submissionId === undefined ? {} : { submissionId }) };
  const submit = (wait: WaitOptions): Promise<Receipt> => submitRun(transport, spec.bytes, { ...options, ...wait });
  const receipt = await target.answered(submit).catch((error: unknown) => {
    throw placedInFile(call.arg(0), spec, error);
  });
  terminal.emit({ type: 'receipt', ...receipt });
  terminal.say(receiptLines(receipt));
  return { transport, receipt };
}

function announceEngine(call: VerbCall, { notice, started }: EnsuredEngine): void {
  const { terminal } = call;
  const { pid, isolation, detail } = notice;
  const ignored = started ? [] : optionsGiven(call);
  terminal.emit({ type: 'engine', pid, started, isolation, detail, ...(ignored.length > 0 ? { ignored } : {}) });
  if (ignored.length > 0) terminal.say(ignoredLines(ignored, pid));
  if (notice.isolation === 'none') terminal.say(unsandboxedLines(notice.detail));
}

/** The words that only an engine which this call starts would heed. */
function optionsGiven(call: VerbCall): string[] {
  return [
    ...(call.text('concurrency') === undefined ? [] : ['--concurrency']),
    ...(call.refuses('sandbox') ? ['--no-sandbox'] : []),
    ...(call.flag('unsandboxed') ? ['--unsandboxed'] : []),
  ];
}

function ignoredLines(ignored: readonly string[], pid: number): Line[] {
  return [
    [
      toned(
        'warn',
        `WARNING  ${ignored.join(', ')} changes nothing: an engine (process ${pid}) runs with its own options.`,
      ),
    ],
    [toned('warn', '         One that a command started ends ten seconds after its last run.')],
  ];
}

function isTaken({ status }: Receipt): boolean {
  return status === 'accepted' || status === 'deduped';
}

function unsandboxedLines(detail: string): Line[] {
  return [
    [toned('warn', `WARNING  no sandbox (${detail}): scripts run with your rights and see your files.`)],
    [toned('warn', '         It is recorded in every manifest, in the bundle and in the summary.')],
  ];
}

function receiptLines(receipt: Receipt): Line[] {
  const { status, submissionId, reasons } = receipt;
  const head: Line = isTaken(receipt)
    ? [toned('good', status.padEnd(8)), ` run ${receipt.run ?? ''} from submission ${submissionId}`]
    : [toned('bad', status.padEnd(8)), ` submission ${submissionId}`];
  const known: Line[] =
    status === 'deduped'
      ? [[toned('quiet', 'known    '), 'the same was submitted before: it is that run, and no new one']]
      : [];
  return [head, ...known, ...reasons.flatMap(refusalLines)];
}

async function followToEnd(
  call: VerbCall,
  transport: Transport,
  ref: SubmissionRef,
  depths: Depths,
): Promise<ExitCode> {
  const { terminal, target } = call;
  const interruption = call.interruption();
  const options = engineOptions(call);
  if (!(await isAtRest(transport, ref))) await target.ensure(options);
  const guard = (signal: AbortSignal): Promise<void> => target.guard(options, signal);
  const followed = await followRun(ref, { terminal, transport, guard, depths, interruption });
  if (followed.interrupted || followed.run === null) {
    const id = deriveRunId(ref.principal, ref.submissionId).slice(0, 12);
    terminal.emit({ type: 'detached', run: id });
    terminal.say([
      [toned('warn', 'detached'), ' the run goes on without you'],
      [toned('quiet', 'look     '), call.command(`watch ${id}`)],
      [toned('quiet', 'end it   '), call.command(`cancel ${id}`)],
    ]);
    return EXIT.interrupted;
  }
  return conclude(call, transport, followed.run);
}

async function isAtRest(transport: Transport, ref: SubmissionRef): Promise<boolean> {
  const status = await transport.readStatus(ref);
  return status !== null && isSealed(status);
}

/** The run is sealed: its evidence is judged and everything is shown. */
async function conclude(call: VerbCall, transport: Transport, run: RunStatus): Promise<ExitCode> {
  const { terminal, target } = call;
  if (run.aborted) {
    terminal.emit({ type: 'run', run, evidence: null });
    terminal.say(abortedLines(run));
    return EXIT.failed;
  }
  const bundle = await target.ledgerPlace(run.bundle?.key ?? '');
  const report = await verifyOwn(call, transport, run);
  const { verdict, tier, checks } = report;
  const failed = checks.filter(({ status }) => status === 'fail');
  terminal.emit({ type: 'run', run, evidence: { bundle, verdict, tier, failed } });
  const hints = { command: call.command };
  terminal.say([[], ...summaryLines({ run, nowMs: Date.now(), evidence: { bundle, report }, hints })]);
  return run.state === 'done' && verdict === 'verified' ? EXIT.ok : EXIT.failed;
}

async function verifyOwn(call: VerbCall, transport: Transport, run: RunStatus): Promise<VerifyReport> {
  const trust = await call.target.trust();
  return verifyBundle(await openBundle(transport, run), { trust, expectRun: run.run });
}
