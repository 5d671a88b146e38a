/** audit export and audit verify: evidence leaves the state directory, and evidence from anywhere is judged. */
import { createWriteStream, existsSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { type RunStatus, TerminalError } from '@waybill/client';
import { renderReport, TIERS, type TrustFile, type VerifyReport } from '@waybill/verify';
import { usageError } from '../error-report.ts';
import { type Judging, judge, openBundle, openFile, readTrustFile } from '../evidence.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { accessRun, openTransport } from '../run-access.ts';
import type { VerbCall } from '../verb.ts';
import { toned } from '../view/styled.ts';

type Wanted = Pick<Judging, 'require' | 'expectRun'>;

export async function auditExport(call: VerbCall): Promise<ExitCode> {
  const transport = openTransport(call.home.path);
  const { run } = await accessRun(transport, call.arg(0));
  const bytes = await openBundle(transport, run);
  const file = call.text('output') ?? `run-${run.run}.audit.jsonl`;
  if (file === '-') {
    await call.terminal.copy(bytes);
    return EXIT.ok;
  }
  await pipeline(bytes, createWriteStream(file));
  const keys = call.home.keysPath();
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
  const required = call.text('require') ?? 'signed';
  const tier = TIERS.find((known) => known === required);
  if (tier === undefined) throw usageError('--require', `${required} is no tier`, `Require ${TIERS.join(' or ')}.`);
  const expectRun = call.text('run');
  if (expectRun !== undefined && !/^[0-9a-f]{32}$/.test(expectRun)) {
    throw usageError('--run', 'it is no run id', 'Give all 32 hex digits, as you were promised them.');
  }
  const wanted = { require: tier, ...(expectRun === undefined ? {} : { expectRun }) };
  const run = await namedRun(call, named);
  const report = run === null ? await verifyFile(call, named, wanted) : await verifyRun(call, run, wanted);
  call.terminal.emit(report);
  if (call.terminal.mode !== 'json') call.terminal.print(renderReport(report));
  return report.exitCode;
}

async function chosenKeys(call: VerbCall): Promise<TrustFile | undefined> {
  const keys = call.text('keys');
  return keys === undefined ? undefined : readTrustFile(keys);
}

/**
 * A name with a slash is a file. Any other is a run of the state directory first, so that no file lying about stands in
 * for the run that was meant; it is a file when there is no such run. Throws TerminalError RUN_UNKNOWN when it is neither.
 */
async function namedRun(call: VerbCall, named: string): Promise<RunStatus | null> {
  if (named.includes('/')) return null;
  try {
    return (await accessRun(openTransport(call.home.path), named)).run;
  } catch (error) {
    const isNoRun = error instanceof TerminalError && error.code === 'RUN_UNKNOWN';
    if (isNoRun && (existsSync(named) || named.endsWith('.jsonl'))) return null;
    throw error;
  }
}

async function verifyFile(call: VerbCall, path: string, wanted: Wanted): Promise<VerifyReport> {
  const trust = await chosenKeys(call);
  return judge(openFile(path), { ...wanted, ...(trust === undefined ? {} : { trust }) });
}

/** A run of the state directory: its own keys, which proves that nothing was changed since, and not who signed it. */
async function verifyRun(call: VerbCall, run: RunStatus, wanted: Wanted): Promise<VerifyReport> {
  const own = call.home.keysPath();
  const trust = (await chosenKeys(call)) ?? (await readTrustFile(own));
  if (call.text('keys') === undefined) {
    call.terminal.say([[toned('quiet', `keys  ${own} (this engine's own; an outsider uses --keys)`)], []]);
  }
  return judge(await openBundle(openTransport(call.home.path), run), { expectRun: run.run, ...wanted, trust });
}
