/** audit export and audit verify: evidence leaves the state directory, and evidence from anywhere is judged. */
import { createWriteStream, existsSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { type RequiredTier, renderReport, TIERS, type TrustFile, type VerifyReport } from '@waybill/verify';
import { usageError } from '../error-report.ts';
import { judge, openBundle, openFile, readTrustFile } from '../evidence.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { accessRun, openTransport } from '../run-access.ts';
import type { VerbCall } from '../verb.ts';
import { toned } from '../view/styled.ts';

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
  const isFile = existsSync(named) || named.includes('/') || named.endsWith('.jsonl');
  const report = isFile ? await verifyFile(call, named, tier) : await verifyRun(call, named, tier);
  call.terminal.emit(report);
  if (call.terminal.mode !== 'json') call.terminal.print(renderReport(report));
  return report.exitCode;
}

async function chosenKeys(call: VerbCall): Promise<TrustFile | undefined> {
  const keys = call.text('keys');
  return keys === undefined ? undefined : readTrustFile(keys);
}

async function verifyFile(call: VerbCall, path: string, require: RequiredTier): Promise<VerifyReport> {
  const trust = await chosenKeys(call);
  return judge(await openFile(path), { require, ...(trust === undefined ? {} : { trust }) });
}

/** A run of the state directory: its own keys, which proves that nothing was changed since, and not who signed it. */
async function verifyRun(call: VerbCall, named: string, require: RequiredTier): Promise<VerifyReport> {
  const transport = openTransport(call.home.path);
  const { run } = await accessRun(transport, named);
  const own = call.home.keysPath();
  const trust = (await chosenKeys(call)) ?? (await readTrustFile(own));
  if (call.text('keys') === undefined) {
    call.terminal.say([[toned('quiet', `keys  ${own} (this engine's own; an outsider uses --keys)`)], []]);
  }
  return judge(await openBundle(transport, run), { trust, require, expectRun: run.run });
}
