/**
 * What several capabilities are together. The one that is named later wins, file by file, also where one has a folder and another
 * a file; what is called `settings.json` is merged by its keys. Setup scripts are not laid over each other: each runs.
 */
import { type Refusal, TerminalError } from './errors.ts';
import { readDocument } from './read-document.ts';
import type { TarEntry } from './tar.ts';

export const SETUP_FILE = 'setup.sh';
const SETTINGS_FILE = /(?:^|\/)settings\.json$/;

export interface NamedFolder {
  name: string;
  entries: readonly TarEntry[];
}

export interface Overlay {
  entries: TarEntry[];
  /** In the order in which they run. */
  setups: { name: string; bytes: Uint8Array }[];
}

/** Throws TerminalError SPEC_INVALID for settings that are no JSON object. */
export function overlay(folders: readonly NamedFolder[]): Overlay {
  const merged = new Map<string, TarEntry>();
  /** Folders of what has been laid down so far. */
  const parents = new Set<string>();
  const setups: Overlay['setups'] = [];
  for (const { name, entries } of folders) {
    for (const entry of entries) {
      if (entry.path === SETUP_FILE) setups.push({ name, bytes: entry.bytes });
      else lay(merged, parents, entry);
    }
  }
  return { entries: [...merged.values()], setups };
}

function lay(merged: Map<string, TarEntry>, parents: Set<string>, entry: TarEntry): void {
  const { path } = entry;
  const below = merged.get(path);
  if (isSettings(entry) && below !== undefined && isSettings(below)) {
    const settings = mergedSettings(settingsOf(below), settingsOf(entry));
    merged.set(path, { ...entry, bytes: new TextEncoder().encode(`${JSON.stringify(settings, null, 2)}\n`) });
    return;
  }
  for (let end = path.indexOf('/'); end > 0; end = path.indexOf('/', end + 1)) {
    merged.delete(path.slice(0, end));
    parents.add(path.slice(0, end));
  }
  if (parents.delete(path)) {
    for (const other of [...merged.keys()]) if (other.startsWith(`${path}/`)) merged.delete(other);
  }
  merged.set(path, entry);
}

function isSettings({ path, kind }: TarEntry): boolean {
  return kind !== 'link' && SETTINGS_FILE.test(path);
}

type Settings = Record<string, unknown>;

function settingsOf(entry: TarEntry): Settings {
  const read = settingsRead(entry);
  if ('settings' in read) return read.settings;
  throw new TerminalError(read);
}

function settingsRead({ path, bytes }: TarEntry): { settings: Settings } | Refusal {
  const read = readDocument(bytes);
  if (read.ok && isObject(read.value)) return { settings: read.value };
  const why = read.ok ? 'they are no JSON object' : (read.refusals[0]?.problem ?? 'they are no JSON');
  const fix = 'Settings are merged by their keys: write one JSON object.';
  return { code: 'SPEC_INVALID', path, problem: `settings cannot be read: ${why}`, fix };
}

function isObject(value: unknown): value is Settings {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Objects by their keys; of anything else, lists too, the later one. Its nesting has been bounded by its reader. */
function mergedSettings(below: Settings, above: Settings): Settings {
  const merged = new Map(Object.entries(below));
  for (const [key, value] of Object.entries(above)) {
    const other = merged.get(key);
    merged.set(key, isObject(other) && isObject(value) ? mergedSettings(other, value) : value);
  }
  return Object.fromEntries(merged);
}

/** What is wrong with a folder that is to be a capability. */
export function capabilityProblems(entries: readonly TarEntry[]): Refusal[] {
  return entries.flatMap((entry): Refusal[] => {
    if (entry.path === SETUP_FILE && entry.kind === 'link') {
      const problem = 'the setup script is a link';
      return [{ code: 'SPEC_INVALID', path: SETUP_FILE, problem, fix: 'Write the script itself there.' }];
    }
    if (!isSettings(entry)) return [];
    const read = settingsRead(entry);
    return 'settings' in read ? [] : [read];
  });
}
