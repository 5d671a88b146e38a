/** audit export and audit verify: evidence leaves the state directory, and evidence from anywhere is judged. */
import type { RunStatus } from '@waybill/client';
import { renderReport, type VerifyOptions, verifyBundle } from '@waybill/verify';
import { type FlagValues, prepareVerification, UsageError, VERIFY_FLAGS } from '@waybill/verify/flags';
import { usageError } from '../error-report.ts';
import { openBundle, openFile } from '../evidence.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { accessRun, namedRun } from '../run-access.ts';
import { saveEvidence } from '../saved-file.ts';
import type { VerbCall } from '../verb.ts';
import { toned } from '../view/styled.ts';

export async function auditExport(call: VerbCall): Promise<ExitCode> {
  const transport = await call.target.open();
  const { run } = await accessRun(transport, call.arg(0));
  const bytes = await openBundle(transport, run);
  const file = call.text('output') ?? `run-${run.run}.audit.jsonl`;
  if (file === '-') {
    await call.terminal.copy(bytes);
    return EXIT.ok;
  }
  await saveEvidence(file, bytes, call.flag('force'));
  const keys = call.target.trustPlace;
  call.terminal.emit({ exported: file, run: run.run, keys });
  call.terminal.say([
    [toned('good', 'exported'), `  ${file}`],
    [toned('quiet', 'keys    '), `  ${keys} (hand them to the auditor by another way than the bundle)`],
  ]);
  return EXIT.ok;
}

/** Answers with the verifier's own exit codes. */
export async function auditVerify(call: VerbCall): Promise<number> {
  const named = call.arg(0);
  const { options, keepState } = asRefusal(() => prepareVerification(chosenFlags(call)));
  const run = await namedRun(call, named);
  const bundle = run === null ? openFile(named) : await openBundle(await call.target.open(), run);
  const asked = run === null ? options : await withOwn(call, run, options);
  const report = await verifyBundle(bundle, asked);
  asRefusal(keepState);
  call.terminal.emit(report);
  if (call.terminal.mode !== 'json') call.terminal.print(renderReport(report));
  return report.exitCode;
}

function chosenFlags(call: VerbCall): FlagValues {
  return Object.fromEntries(VERIFY_FLAGS.map(({ name }) => [name, call.all(name)]));
}

/** What the verifier calls wrong usage is wrong usage here. Throws TerminalError USAGE. */
function asRefusal<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw usageError('audit verify', error.message, 'See `waybill audit verify --help`.');
  }
}

/** A run of the state directory: its own keys, which proves that nothing was changed since, and not who signed it. */
async function withOwn(call: VerbCall, run: RunStatus, options: VerifyOptions): Promise<VerifyOptions> {
  const asked = { expectRun: run.run, ...options };
  if (options.trust !== undefined || options.policy !== undefined) return asked;
  const trust = await call.target.trust();
  const place = call.target.trustPlace;
  call.terminal.say([[toned('quiet', `keys  ${place} (this engine's own; an outsider uses --keys)`)], []]);
  return { ...asked, trust };
}
