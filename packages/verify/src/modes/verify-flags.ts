/** The flags of a verification, for every command that verifies: what they are called, and the files behind them. */
import { existsSync } from 'node:fs';
import { EvidenceError } from '../evidence-error.ts';
import { loadTrust, type TrustFile } from '../keys/trust.ts';
import { type LedgerSource, LedgerUnreachable, readTile } from '../log/tile-source.ts';
import { type TileRef, tilePath } from '../log/tiles.ts';
import { DEFAULT_LIMITS, limitsOf, type ReadLimits } from '../record/read-limits.ts';
import { readCapture } from '../verdict/anchor-object.ts';
import { readAnchorUrls } from '../verdict/anchor-online.ts';
import { REQUIRABLE, readDemands } from '../verdict/facets.ts';
import { loadPolicy, type PolicyFile } from '../verdict/policy.ts';
import { escapeText } from '../verdict/report.ts';
import type { VerifyOptions } from '../verdict/verify-bundle.ts';
import { VerifyState } from '../verdict/verify-state.ts';
import { directorySource } from './ledger-source.ts';
import { readAuditorFile, refuseNamedPipe, requireDirectory, UsageError } from './mode.ts';
import type { FlagValues, ModeFlag } from './mode-flags.ts';
import { replaceFile } from './replaced-file.ts';

export { COMPARE_FLAGS, type FlagValues, LOG_FLAGS, type ModeFlag } from './mode-flags.ts';
export { refuseNamedPipe, UsageError };

const LIMIT_FLAGS: readonly [name: string, limit: keyof ReadLimits][] = [
  ['max-file-bytes', 'fileBytes'],
  ['max-line-bytes', 'lineBytes'],
  ['max-event-bytes', 'eventBytes'],
  ['max-json-depth', 'jsonDepth'],
  ['max-json-nodes', 'jsonNodes'],
  ['max-note-bytes', 'noteBytes'],
  ['max-proof-hashes', 'proofHashes'],
  ['max-tsr-bytes', 'tsrBytes'],
];

export const VERIFY_FLAGS: readonly ModeFlag[] = [
  { name: 'keys', value: '<file>', summary: 'public keys (waybill-keys/v1), obtained from anywhere but the bundle' },
  { name: 'policy', value: '<file>', summary: 'keys and all else that you trust and demand (waybill-policy/v1)' },
  { name: 'run', value: '<id>', summary: 'the run that the bundle has to be about' },
  {
    name: 'require',
    value: '<tiers>',
    summary: `what is enough (default signed), joined by commas: ${REQUIRABLE.join(', ')}`,
    isRepeated: true,
  },
  { name: 'anchor', value: '<file>', summary: 'capture of the anchor (waybill-anchor-capture/v1)' },
  {
    name: 'online',
    value: '<file>',
    summary: 'presigned URLs of the anchor (waybill-anchor-urls/v1): asks over the network',
  },
  { name: 'state', value: '<file>', summary: 'what was verified before: compared and kept; made when it is not there' },
  {
    name: 'ledger',
    value: '<directory>',
    summary: "the deployment's log in tiles, to prove what --state only compares",
  },
  ...LIMIT_FLAGS.map(([name, limit]) => ({ name, value: '<n>', summary: `default ${DEFAULT_LIMITS[limit]}` })),
];

/** Those of a single item's disclosure. */
export const ITEM_FLAGS: readonly ModeFlag[] = [
  ...VERIFY_FLAGS,
  { name: 'item', value: '<id>', summary: 'the item that the file has to be about' },
];

export interface PreparedVerification {
  options: VerifyOptions;
  /** Call it after the verification: keeps what was verified. Throws UsageError when it cannot be written. */
  keepState(): void;
}

/** Reads the files behind the flags. Throws UsageError for whatever is wrong with them. */
export function prepareVerification(flags: FlagValues): PreparedVerification {
  const text = (name: string): string | undefined => {
    const value = flags[name];
    return typeof value === 'string' ? value : undefined;
  };
  const options: VerifyOptions = { ...chosenTrust(text('keys'), text('policy')), limits: chosenLimits(flags) };
  const { require = [] } = flags;
  options.require = asUsage('--require', () => readDemands([require].flat().map(String)));
  const run = text('run');
  if (run !== undefined && !/^[0-9a-f]{32}$/.test(run)) throw new UsageError('--run is 32 hex digits');
  if (run !== undefined) options.expectRun = run;
  Object.assign(options, chosenAnchor(text('anchor'), text('online')));
  const ledger = text('ledger');
  if (ledger !== undefined) {
    requireDirectory('ledger', ledger);
    options.readTile = tileReader(directorySource(ledger));
  }
  const path = text('state');
  const { state, keep } = openState(path);
  if (path !== undefined) options.state = state;
  else if (ledger !== undefined) throw new UsageError('--ledger has nothing to prove without --state');
  return { options, keepState: keep };
}

/** The state file at the path, empty when there is none yet; without a path nothing is remembered. */
export function openState(path: string | undefined): { state: VerifyState; keep(): void } {
  const state =
    path !== undefined && existsSync(path) ? readAuditorFile('state file', path, readState) : new VerifyState();
  const keep = (at: string): void => replaceFile('state file', at, `${JSON.stringify(state)}\n`, 0o600);
  return { state, keep: () => void (path !== undefined && state.isChanged && keep(path)) };
}

function readState(text: string): VerifyState {
  return VerifyState.read(JSON.parse(text));
}

/** The auditor's keys, or the policy that they stand in. Throws UsageError. */
export function chosenTrust(
  keys: string | undefined,
  policy: string | undefined,
): Pick<VerifyOptions, 'trust' | 'policy'> {
  if (keys !== undefined && policy !== undefined) throw new UsageError('give --keys or --policy, not both');
  if (keys !== undefined) {
    return { trust: readJson<TrustFile>('keys file', keys, (value) => void loadTrust(value)) };
  }
  if (policy === undefined) return {};
  return { policy: readJson<PolicyFile>('policy file', policy, (value) => void loadPolicy(value)) };
}

function chosenAnchor(
  capture: string | undefined,
  online: string | undefined,
): Pick<VerifyOptions, 'anchor' | 'fetch'> {
  if (capture !== undefined && online !== undefined) throw new UsageError('give --anchor or --online, not both');
  if (capture !== undefined) return { anchor: readJson('capture', capture, (value) => void readCapture(value)) };
  if (online === undefined) return {};
  const anchor = readJson('file of URLs', online, (value) => void readAnchorUrls(value));
  return { anchor, fetch: globalThis.fetch };
}

function chosenLimits(flags: FlagValues): Partial<ReadLimits> {
  const limits: Partial<ReadLimits> = {};
  for (const [name, limit] of LIMIT_FLAGS) {
    const value = flags[name];
    if (typeof value !== 'string') continue;
    limits[limit] = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
    asUsage(`--${name}`, () => limitsOf({ [limit]: limits[limit] }));
  }
  return limits;
}

function asUsage<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    throw new UsageError(`${what}: ${escapeText(error.message)}`, '', error);
  }
}

/** Parsed JSON that `check` does not refuse; the library loads it once more. */
function readJson<T>(what: string, path: string, check: (value: unknown) => void): T {
  return readAuditorFile(what, path, (text) => {
    const value: unknown = JSON.parse(text);
    check(value);
    return value as T;
  });
}

/** Reads tiles; rejects with LedgerUnreachable for one that is not there. */
export function tileReader(source: LedgerSource): (tile: TileRef) => Promise<Uint8Array> {
  return async (tile) => {
    const bytes = await readTile(source, tile);
    if (bytes === null) throw new LedgerUnreachable(`the ledger has no ${tilePath(tile)}`);
    return bytes;
  };
}
