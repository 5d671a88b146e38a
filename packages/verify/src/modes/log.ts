/** `waybill-verify log <ledger>`: audits the whole log of a deployment from its tiles. */
import { auditLog, type LogAuditOptions } from '../audit/log-audit.ts';
import { renderLogReport } from '../audit/log-report.ts';
import { fromBase64 } from '../crypto/base64.ts';
import { EvidenceError } from '../evidence-error.ts';
import type { TrustFile } from '../keys/trust.ts';
import type { LedgerSource } from '../log/tile-source.ts';
import { escapeText } from '../verdict/report.ts';
import { directorySource, fileBundles, ownBundles, webSource } from './ledger-source.ts';
import { fileProblem, type Io, isSystemError, readWhole, requireDirectory, UsageError } from './mode.ts';
import { flagLines, LOG_FLAGS, type ReadFlags, readFlags } from './mode-flags.ts';
import { replaceFile } from './replaced-file.ts';
import { chosenTrust, openState } from './verify-flags.ts';

export const USAGE: string = `Usage: waybill-verify log <ledger> [flags]

  <ledger>                 the directory that holds checkpoints/ and tile/, or with --online its URL
${flagLines(LOG_FLAGS)}  --json                   the report as JSON (waybill-log-report/v1)

Exit codes: 0 verified, 1 failed, 2 insufficient, 3 malformed, 4 usage or a file of yours, 5 the ledger could not be
asked, 70 internal
`;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const flags = readFlags(args, LOG_FLAGS, USAGE);
  const [ledger, ...others] = flags.positionals;
  if (ledger === undefined || others.length > 0) throw new UsageError('expected exactly one ledger', USAGE);
  const source = sourceOf(ledger, flags.has('online'), USAGE);
  const trust = pinnedKeys(flags);
  const checkpoint = flags.text('checkpoint');
  const { state, keep } = openState(flags.text('state'));
  const report = await auditLog(source, {
    ...(trust === undefined ? {} : { trust }),
    ...(checkpoint === undefined ? {} : { checkpoint: readBytes('checkpoint', checkpoint) }),
    ...(await chosenBundles(source, flags)),
    ...durations(flags),
    seen: (origin) => state.heads(origin).map(({ size, root }) => ({ size, root: fromBase64(root) })),
  });
  if (report.verdict === 'verified' && report.head !== null) {
    state.rememberHead(report.head.origin, report.head);
    keep();
  }
  const saved = flags.text('save-keys');
  if (saved !== undefined) saveKeys(saved, report.trust, io);
  io.out(flags.has('json') ? `${JSON.stringify(report, null, 2)}\n` : renderLogReport(report));
  return report.exitCode;
}

export function sourceOf(ledger: string, isOnline: boolean, usage: string): LedgerSource {
  const isUrl = /^https?:\/\//.test(ledger);
  if (isUrl !== isOnline) throw new UsageError(isUrl ? 'a URL takes --online' : '--online takes a URL', usage);
  if (isUrl) return webSource(ledger);
  requireDirectory('ledger', ledger);
  return directorySource(ledger);
}

/** The keys of the trust file or of the policy, of which nothing else is about a log. */
export function pinnedKeys(flags: ReadFlags): TrustFile | undefined {
  const { trust, policy } = chosenTrust(flags.text('keys'), flags.text('policy'));
  return policy?.keys ?? trust;
}

/** Far more than a note may be. */
const CHECKPOINT_BYTES = 1_048_576;

function readBytes(what: string, path: string): Uint8Array {
  try {
    return readWhole(path, CHECKPOINT_BYTES);
  } catch (error) {
    if (isSystemError(error)) throw fileProblem(what, path, error);
    if (!(error instanceof EvidenceError)) throw error;
    throw new UsageError(`${what} ${escapeText(path)}: ${error.message}`, '', error);
  }
}

async function chosenBundles(source: LedgerSource, flags: ReadFlags): Promise<Pick<LogAuditOptions, 'bundles'>> {
  const paths = flags.all('bundles');
  if (flags.has('no-bundles')) {
    if (paths !== undefined) throw new UsageError('give --bundles or --no-bundles, not both', USAGE);
    return {};
  }
  if (paths === undefined) return { bundles: ownBundles(source) };
  return { bundles: await fileBundles(paths) };
}

const UNITS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function durations(flags: ReadFlags): LogAuditOptions {
  const options: LogAuditOptions = {};
  for (const [flag, option] of [
    ['max-silence', 'maxSilenceMs'],
    ['max-open', 'maxOpenMs'],
    ['max-age', 'maxAgeMs'],
    ['max-backwards', 'maxBackwardsMs'],
  ] as const) {
    const value = flags.text(flag);
    if (value === undefined) continue;
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
  replaceFile('--save-keys', path, `${JSON.stringify(trust, null, 2)}\n`);
}
