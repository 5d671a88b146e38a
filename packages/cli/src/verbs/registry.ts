/** register, sync, registry: folders and values that runs name, and what the names mean. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ErrorCode, type Refusal, SpecRefused, TerminalError, type Transport } from '@waybill/client';
import {
  contentFault,
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
import { type PlacedRefusal, refusalLines, reportError, usageError } from '../error-report.ts';
import { EXIT, type ExitCode, exitOf } from '../exit-codes.ts';
import { placedInPack } from '../pack-file.ts';
import { safeCell } from '../safe-text.ts';
import { placed } from '../spec-file.ts';
import type { VerbCall } from '../verb.ts';
import { counted, formatBytes } from '../view/measure.ts';
import { type Line, type Tone, toned } from '../view/styled.ts';
import { tableLines } from '../view/table.ts';

const COLUMN = 12;
const TONES: Record<Registered | 'refused', Tone> = {
  new: 'good',
  changed: 'good',
  restored: 'good',
  same: 'quiet',
  refused: 'bad',
};

export async function register(call: VerbCall): Promise<ExitCode> {
  const kind = kindOf(call.arg(0));
  const transport = await call.target.openNew();
  const path = call.arg(1);
  const { entry, how } = await registerAt(transport, kind, path, call.text('name')).catch(async (error: unknown) => {
    throw error instanceof SpecRefused ? new SpecRefused(await placedIn(kind, path, error.refusals)) : error;
  });
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
    const { kind, how, path } = synced;
    const refusals = synced.how === 'refused' ? await placedIn(kind, path, synced.refusals) : [];
    call.terminal.emit(refusals.length === 0 ? synced : { ...synced, refusals });
    const shown = synced.how === 'refused' ? path : `${synced.name}  ${synced.sha256}`;
    call.terminal.say([[toned(TONES[how], how.padEnd(COLUMN)), `${kind} ${safeCell(shown, 160)}`]]);
    if (synced.how !== 'refused') continue;
    call.terminal.say(refusals.flatMap(refusalLines));
    codes.push(...refusals.map(({ code }) => code));
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
  const faults: (TerminalError | null)[] = [];
  // One after another: of all that a name has meant there may be more than fits into memory.
  for (const entry of history) faults.push(entry === newest ? null : await contentFault(registry, entry));
  const { holds, fault } = await heldBy(registry, newest);
  const told = history.map((entry, n) => ({ ...entry, fault: entry === newest ? fault : (faults[n] ?? null) }));
  call.terminal.emit({
    ...newest,
    holds,
    history: told.map(({ number, sha256, fault: wrong }) => ({ number, sha256, ...(wrong && { fault: wrong.code }) })),
  });
  const fact = (label: string, text: string): Line => [toned('quiet', label.padEnd(COLUMN)), safeCell(text, 160)];
  const lines = Array.isArray(holds) ? holds : Object.entries(holds ?? {}).map(([key, value]) => `${key}=${value}`);
  call.terminal.say([
    fact(kind, `${name}, ${formatBytes(newest.sizeBytes)}`),
    fact('digest', newest.sha256),
    ...told.map(({ number, sha256, registeredAt, by, fault: wrong }) => {
      const state = wrong === null ? '' : `  ${FAULTS[wrong.code] ?? wrong.code}`;
      return fact(`number ${number}`, `${registeredAt}  ${sha256.slice(0, 19)}  by ${by}${state}`);
    }),
    ...lines.map((line) => fact('holds', line)),
  ]);
  return fault === null ? EXIT.ok : reportError(call.terminal, fault);
}

const FAULTS: Partial<Record<ErrorCode, string>> = { OBJECT_MISSING: 'lost', OBJECT_DIGEST_MISMATCH: 'damaged' };

/** The paths of a folder, or the values; null where the bytes are not there as they were registered. */
async function heldBy(
  registry: Transport['registry'],
  entry: RegistryEntry,
): Promise<{ holds: string[] | Record<string, string> | null; fault: TerminalError | null }> {
  try {
    if (entry.kind === 'values') return { holds: await valuesOf(registry, entry), fault: null };
    return { holds: (await folderOf(registry, entry)).map(({ path }) => path), fault: null };
  } catch (error) {
    if (error instanceof TerminalError && FAULTS[error.code] !== undefined) return { holds: null, fault: error };
    throw error;
  }
}

/** Each with its file: what is wrong with a pack or with values has its line there too. */
async function placedIn(
  kind: RegistryKind,
  path: string,
  refusals: readonly Refusal[],
): Promise<readonly PlacedRefusal[]> {
  // A file or folder that cannot be read is its own place.
  if (refusals.every(({ path: at }) => at === path || at.startsWith(join(path, '/'))))
    return refusals.map((refusal) => ({ ...refusal, path: 'document', file: refusal.path }));
  if (kind === 'pack') return placedInPack(path, refusals);
  if (kind === 'capability') return refusals.map((refusal) => inFolder(path, refusal));
  const bytes = await readFile(path).catch(() => null);
  return bytes === null ? refusals : placed<PlacedRefusal>(path, bytes, refusals);
}

/** What is told by the path of a file in the folder is about all of that file. */
function inFolder(folder: string, refusal: Refusal): PlacedRefusal {
  const file = join(folder, refusal.path);
  return existsSync(file) ? { ...refusal, path: 'document', file } : { ...refusal, file: folder };
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
