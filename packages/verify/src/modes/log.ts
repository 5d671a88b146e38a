/** `waybill-verify log <ledger>`: audits the whole log of a deployment from its tiles. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fromBase64 } from '../base64.ts';
import { auditLog, type LogAuditOptions } from '../log-audit.ts';
import { renderLogReport } from '../log-report.ts';
import { loadPolicy, type PolicyFile } from '../policy.ts';
import { escapeText } from '../report.ts';
import type { LedgerSource } from '../tile-source.ts';
import { loadTrust, type TrustFile } from '../trust.ts';
import { directorySource, fileBundles, ownBundles, webSource } from './ledger-source.ts';
import { type Io, isSystemError, readAuditorFile, UsageError } from './mode.ts';
import { openState } from './verify-flags.ts';

const USAGE = `Usage: waybill-verify log <ledger> [flags]

  <ledger>                  the directory that holds checkpoints/ and tile/, or with --online its URL
  --online                  allows an http or https URL: asks over the network
  --keys <file>             public keys (waybill-keys/v1), obtained from anywhere but the ledger
  --policy <file>           a policy (waybill-policy/v1), of which the keys are used
  --checkpoint <file>       the signed checkpoint to begin with; default the newest of the ledger
  --bundles <path>          a directory of bundles, or one bundle; may be repeated; default the ledger's own runs/
  --no-bundles              leave the bundles alone
  --max-silence <duration>  longest time between two entries, and since the newest: 90s, 15m, 24h, 7d
  --max-open <duration>     longest time that a run may be unsealed
  --max-age <duration>      greatest age of the newest entry
  --max-backwards <duration>  by how much a time may lie before an earlier one (default 10m)
  --state <file>            heads that were verified before: compared and kept; made when it is not there
  --save-keys <file>        writes the keys that follow from yours by the statements in the log
  --json                    the report as JSON (waybill-log-report/v1)

Exit codes: 0 verified, 1 failed, 2 insufficient, 3 malformed, 4 usage or a file of yours, 5 the ledger could not be
asked, 70 internal
`;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parse(args);
  const [ledger, ...others] = positionals;
  if (ledger === undefined || others.length > 0) throw new UsageError('expected exactly one ledger', USAGE);
  const source = sourceOf(ledger, values.online === true);
  const trust = chosenTrust(values.keys, values.policy);
  const { state, keep } = openState(values.state);
  const options: LogAuditOptions = {
    ...(trust === undefined ? {} : { trust }),
    ...(values.checkpoint === undefined ? {} : { checkpoint: readBytes('checkpoint', values.checkpoint) }),
    ...(await chosenBundles(source, values.bundles, values['no-bundles'] === true)),
    ...durations(values),
    seen: (origin) => state.heads(origin).map(({ size, root }) => ({ size, root: fromBase64(root) })),
  };
  const report = await auditLog(source, options);
  if (report.verdict === 'verified' && report.head !== null) {
    state.rememberHead(report.head.origin, report.head);
    keep();
  }
  if (values['save-keys'] !== undefined) saveKeys(values['save-keys'], report.trust, io);
  io.out(values.json === true ? `${JSON.stringify(report, null, 2)}\n` : renderLogReport(report));
  return report.exitCode;
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        online: flag,
        keys: text,
        policy: text,
        checkpoint: text,
        bundles: { type: 'string', multiple: true },
        'no-bundles': flag,
        'max-silence': text,
        'max-open': text,
        'max-age': text,
        'max-backwards': text,
        state: text,
        'save-keys': text,
        json: flag,
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : 'wrong arguments', USAGE, error);
  }
}

export function sourceOf(ledger: string, isOnline: boolean): LedgerSource {
  const isUrl = /^https?:\/\//.test(ledger);
  if (isUrl !== isOnline) throw new UsageError(isUrl ? 'a URL takes --online' : '--online takes a URL', USAGE);
  if (isUrl) return webSource(ledger);
  if (!existsSync(ledger)) throw new UsageError(`ledger ${escapeText(ledger)}: there is no such directory`);
  return directorySource(ledger);
}

export function chosenTrust(keys: string | undefined, policy: string | undefined): TrustFile | undefined {
  if (keys !== undefined && policy !== undefined) throw new UsageError('give --keys or --policy, not both');
  if (keys !== undefined) return readAuditorFile('keys file', keys, (text) => loaded<TrustFile>(text, loadTrust));
  if (policy === undefined) return undefined;
  return readAuditorFile('policy file', policy, (text) => loaded<PolicyFile>(text, loadPolicy)).keys;
}

function loaded<T>(text: string, load: (value: unknown) => unknown): T {
  const value: unknown = JSON.parse(text);
  load(value);
  return value as T;
}

export function readBytes(what: string, path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new UsageError(`${what} ${escapeText(path)}: ${escapeText(error.message)}`, '', error);
  }
}

async function chosenBundles(
  source: LedgerSource,
  paths: readonly string[] | undefined,
  isNone: boolean,
): Promise<Pick<LogAuditOptions, 'bundles'>> {
  if (isNone) return {};
  if (paths === undefined) return { bundles: ownBundles(source) };
  try {
    return { bundles: await fileBundles(paths) };
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new UsageError(`bundles: ${escapeText(error.message)}`, '', error);
  }
}

const UNITS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function durations(values: Partial<Record<string, unknown>>): LogAuditOptions {
  const options: LogAuditOptions = {};
  for (const [flag, option] of [
    ['max-silence', 'maxSilenceMs'],
    ['max-open', 'maxOpenMs'],
    ['max-age', 'maxAgeMs'],
    ['max-backwards', 'maxBackwardsMs'],
  ] as const) {
    const value = values[flag];
    if (typeof value !== 'string') continue;
    const match = /^(\d{1,9})([smhd])$/.exec(value);
    if (match === null) throw new UsageError(`--${flag} is a duration like 90s, 15m, 24h or 7d`, USAGE);
    options[option] = Number(match[1]) * (UNITS[match[2] as string] as number);
  }
  return options;
}

/** Only what a log without a contradiction says about keys is worth keeping. */
function saveKeys(path: string, trust: TrustFile | null, io: Io): void {
  if (trust === null) {
    io.err('waybill-verify: no keys are saved: the log does not show which are good\n');
    return;
  }
  try {
    writeFileSync(path, `${JSON.stringify(trust, null, 2)}\n`);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new UsageError(`--save-keys ${escapeText(path)}: ${escapeText(error.message)}`, '', error);
  }
}
