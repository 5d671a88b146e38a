/** audit log, audit compare, audit item and audit disclose: about a whole log, and about a single item. */
import { existsSync } from 'node:fs';
import { TerminalError } from '@waybill/client';
import { discloseItem, EvidenceError, ItemAbsent } from '@waybill/verify';
import { runMode } from '@waybill/verify/command';
import { COMPARE_FLAGS, ITEM_FLAGS, LOG_FLAGS, type ModeFlag, UsageError } from '@waybill/verify/flags';
import { usageError } from '../error-report.ts';
import { openBundle, openFile } from '../evidence.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { namedRun } from '../run-access.ts';
import { saveEvidence } from '../saved-file.ts';
import type { VerbCall } from '../verb.ts';
import { toned } from '../view/styled.ts';

/** Answers with the verifier's own exit codes. Without a ledger it is this engine's own, with its own keys. */
export async function auditLog(call: VerbCall): Promise<number> {
  const named = call.optionalArg(0);
  if (named === undefined && call.target.kind === 'aws') throw noLedgerHere();
  const keys = call.home.keysPath();
  const isOwn = call.text('keys') === undefined && call.text('policy') === undefined && existsSync(keys);
  if (named !== undefined || !isOwn) return mode(call, LOG_FLAGS, ['log', named ?? call.home.at('ledger')]);
  call.terminal.say([[toned('quiet', `keys  ${keys} (this engine's own; an outsider uses --keys)`)], []]);
  return mode(call, LOG_FLAGS, ['log', call.home.at('ledger'), '--keys', keys]);
}

function noLedgerHere(): TerminalError {
  const problem = 'the ledger of a deployment is read from a copy of it';
  const fix =
    'Copy the ledger bucket (`aws s3 sync`), and name the directory and the keys: `audit log <directory> --keys`.';
  return usageError('ledger', problem, fix);
}

/** Answers with the verifier's own exit codes. */
export async function auditCompare(call: VerbCall): Promise<number> {
  const second = call.optionalArg(1);
  return mode(call, COMPARE_FLAGS, ['compare', call.arg(0), ...(second === undefined ? [] : [second])]);
}

/** Answers with the verifier's own exit codes. */
export async function auditItem(call: VerbCall): Promise<number> {
  return mode(call, ITEM_FLAGS, ['item', call.arg(0)]);
}

/** Takes one item out of a bundle: a file that proves what happened to it, without the other items. */
export async function auditDisclose(call: VerbCall): Promise<ExitCode> {
  const [named, item] = [call.arg(0), call.arg(1)];
  const run = await namedRun(call, named);
  const bundle = run === null ? openFile(named) : await openBundle(await call.target.open(), run);
  const text = await discloseItem(bundle, item).catch((cause: unknown) => {
    if (cause instanceof ItemAbsent) {
      const fix = 'Name an item of which an attempt has ended, and the bundle of its run.';
      throw new TerminalError({ code: 'ITEM_UNKNOWN', path: item, problem: cause.message, fix }, { cause });
    }
    if (!(cause instanceof EvidenceError)) throw cause;
    const problem = `it cannot be read as an audit bundle: ${cause.message}`;
    const fix = 'Name a whole bundle, or a sealed run; `waybill audit verify` says more about it.';
    throw new TerminalError({ code: 'FILE_UNREADABLE', path: named, problem, fix }, { cause });
  });
  const file = call.text('output') ?? `${item}.disclosure.jsonl`;
  if (file === '-') {
    call.terminal.print(text);
    return EXIT.ok;
  }
  await saveEvidence(file, text, call.flag('force'));
  call.terminal.emit({ disclosed: item, file });
  call.terminal.say([[toned('good', 'disclosed'), `  ${item} in ${file}`]]);
  return EXIT.ok;
}

/** What the verifier calls wrong usage is wrong usage here. Throws TerminalError USAGE. */
async function mode(call: VerbCall, flags: readonly ModeFlag[], args: readonly string[]): Promise<number> {
  const { terminal } = call;
  const all = [
    ...args,
    ...flags.flatMap((flag) => chosen(call, flag)),
    ...(terminal.mode === 'json' ? ['--json'] : []),
  ];
  const io = {
    out: (text: string) => terminal.print(text),
    err: (text: string) => void terminal.err.write(text),
    stdin: process.stdin,
  };
  return runMode(all, io).catch((error: unknown) => {
    if (!(error instanceof UsageError)) throw error;
    throw usageError(`audit ${args[0]}`, error.message, `See \`waybill audit ${args[0]} --help\`.`);
  });
}

function chosen(call: VerbCall, { name, value }: ModeFlag): string[] {
  if (value === undefined) {
    // commander keeps `--no-x` as an x that is false
    const isGiven = name.startsWith('no-') ? call.refuses(name.slice(3)) : call.flag(name);
    return isGiven ? [`--${name}`] : [];
  }
  const given = call.all(name) ?? [];
  return (typeof given === 'string' ? [given] : given).flatMap((one) => [`--${name}`, one]);
}
