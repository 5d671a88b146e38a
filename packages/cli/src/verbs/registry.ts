/** register, sync, registry: folders and values that runs name, and what the names mean. */
import { type ErrorCode, TerminalError } from '@waybill/client';
import {
  folderOf,
  historyOf,
  listRegistered,
  REGISTRY_KINDS,
  type Registered,
  type RegistryEntry,
  type RegistryKind,
  register as registerAt,
  valuesOf,
} from '@waybill/client/registry';
import { syncRegistry } from '@waybill/client/sync-registry';
import { refusalLines, reportError, usageError } from '../error-report.ts';
import { EXIT, type ExitCode, exitOf } from '../exit-codes.ts';
import { safeCell } from '../safe-text.ts';
import type { VerbCall } from '../verb.ts';
import { counted, formatBytes } from '../view/measure.ts';
import { type Line, type Tone, toned } from '../view/styled.ts';
import { tableLines } from '../view/table.ts';

const COLUMN = 12;
const TONES: Record<Registered | 'refused', Tone> = { new: 'good', changed: 'good', same: 'quiet', refused: 'bad' };

export async function register(call: VerbCall): Promise<ExitCode> {
  const kind = kindOf(call.arg(0));
  const transport = await call.target.openNew();
  const { entry, how } = await registerAt(transport, kind, call.arg(1), call.text('name'));
  call.terminal.emit({ how, ...entry });
  call.terminal.say([
    [toned(TONES[how], how.padEnd(COLUMN)), `${entry.kind} ${safeCell(entry.name)}  ${entry.sha256}`],
  ]);
  return EXIT.ok;
}

export async function sync(call: VerbCall): Promise<ExitCode> {
  const transport = await call.target.openNew();
  const codes: ErrorCode[] = [];
  for await (const synced of syncRegistry(transport, call.arg(0))) {
    call.terminal.emit(synced);
    const { kind, how, path } = synced;
    const shown = synced.how === 'refused' ? path : `${synced.name}  ${synced.sha256}`;
    call.terminal.say([[toned(TONES[how], how.padEnd(COLUMN)), `${kind} ${safeCell(shown, 160)}`]]);
    if (synced.how !== 'refused') continue;
    call.terminal.say(synced.refusals.flatMap(refusalLines));
    codes.push(...synced.refusals.map(({ code }) => code));
  }
  return codes.length === 0 ? EXIT.ok : exitOf(codes);
}

export async function registryList(call: VerbCall): Promise<ExitCode> {
  const asked = call.optionalArg(0);
  const { registry } = await call.target.open();
  const entries: RegistryEntry[] = [];
  let exit: ExitCode = EXIT.ok;
  for (const kind of asked === undefined ? REGISTRY_KINDS : [kindOf(asked)]) {
    const found = await listRegistered(registry, kind);
    entries.push(...found.entries);
    for (const error of found.damaged) exit = reportError(call.terminal, error);
  }
  for (const entry of entries) call.terminal.emit(entry);
  const rows = entries.map(({ kind, name, sizeBytes, registeredAt, sha256 }) => [
    { text: kind },
    { text: name },
    { text: formatBytes(sizeBytes) },
    { text: registeredAt },
    { text: sha256 },
  ]);
  const none = [[toned('quiet', `${counted(0, 'entry')} in the registry of ${call.target.where}`)]];
  const head = ['KIND', 'NAME', 'SIZE', 'REGISTERED', 'DIGEST'];
  call.terminal.say(rows.length === 0 ? none : tableLines(head, rows));
  return exit;
}

export async function registryShow(call: VerbCall): Promise<ExitCode> {
  const kind = kindOf(call.arg(0));
  const name = call.arg(1);
  const { registry } = await call.target.open();
  const history = await historyOf(registry, kind, name);
  const newest = history.at(-1);
  if (newest === undefined) throw unknown(kind, name);
  const holds = kind === 'values' ? await valuesOf(registry, newest.sha256) : await pathsOf(call, newest);
  call.terminal.emit({ ...newest, holds, history: history.map(({ number, sha256 }) => ({ number, sha256 })) });
  const fact = (label: string, text: string): Line => [toned('quiet', label.padEnd(COLUMN)), safeCell(text, 160)];
  const lines = Array.isArray(holds) ? holds : Object.entries(holds).map(([key, value]) => `${key}=${value}`);
  call.terminal.say([
    fact(kind, `${name}, ${formatBytes(newest.sizeBytes)}`),
    fact('digest', newest.sha256),
    ...history.map(({ number, sha256, registeredAt, by }) =>
      fact(`number ${number}`, `${registeredAt}  ${sha256.slice(0, 19)}  by ${by}`),
    ),
    ...lines.map((line) => fact('holds', line)),
  ]);
  return EXIT.ok;
}

async function pathsOf(call: VerbCall, { sha256 }: RegistryEntry): Promise<string[]> {
  return (await folderOf((await call.target.open()).registry, sha256)).map(({ path }) => path);
}

function kindOf(text: string): RegistryKind {
  const kind = REGISTRY_KINDS.find((one) => one === text);
  if (kind !== undefined) return kind;
  throw usageError('kind', `there is no kind ${JSON.stringify(text)}`, `Write one of: ${REGISTRY_KINDS.join(', ')}.`);
}

function unknown(kind: RegistryKind, name: string): TerminalError {
  const problem = `there is no ${kind} ${JSON.stringify(name)} in this registry`;
  const fix = 'See `waybill registry list`, or say where to look: --dir, or --target aws with --deployment.';
  return new TerminalError({ code: 'OBJECT_MISSING', path: `${kind}/${name}`, problem, fix });
}
