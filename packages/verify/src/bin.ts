/** `waybill-verify`: verifies one audit bundle offline. */
import { createReadStream, readFileSync } from 'node:fs';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { EvidenceError } from './evidence-error.ts';
import { escapeText, renderReport } from './report.ts';
import { loadTrust, type TrustFile } from './trust.ts';
import { type RequiredTier, TIERS, type VerifyOptions, verifyBundle } from './verify-bundle.ts';

const USAGE = `Usage: waybill-verify <bundle> [--keys <file>] [--run <id>] [--require <tier>] [--json]

  <bundle>          run-<id>.audit.jsonl, or - for standard input
  --keys <file>     the deployment's public keys (waybill-keys/v1), obtained from anywhere but the bundle
  --run <id>        the run that the bundle has to be about
  --require <tier>  ${TIERS.join(' or ')} (default signed)
  --json            the report as JSON

Exit codes: 0 verified, 1 failed, 2 insufficient, 3 malformed or over limits, 4 usage or keys file, 70 internal
`;
const USAGE_ERROR = 4;
const INTERNAL_ERROR = 70;

class UsageError extends Error {}

interface Invocation {
  bundle: string;
  options: VerifyOptions;
  json: boolean;
}

/** Where the command writes. */
export interface Output {
  out(text: string): void;
  err(text: string): void;
}

const TERMINAL: Output = { out: (text) => process.stdout.write(text), err: (text) => process.stderr.write(text) };

/** Runs the command and resolves with its exit code. */
export async function main(args: readonly string[], { out, err }: Output = TERMINAL): Promise<number> {
  try {
    const { bundle, options, json } = readInvocation(args);
    const report = await verifyBundle(openBundle(bundle), options);
    out(json ? `${JSON.stringify(report, null, 2)}\n` : renderReport(report));
    return report.exitCode;
  } catch (error) {
    const isUsage = error instanceof UsageError;
    const problem = error instanceof Error ? error.message : String(error);
    err(`waybill-verify: ${isUsage ? problem : escapeText(problem)}\n`);
    if (isUsage) err(`\n${USAGE}`);
    return isUsage ? USAGE_ERROR : INTERNAL_ERROR;
  }
}

function readInvocation(args: readonly string[]): Invocation {
  const { values, positionals } = parse(args);
  const [bundle, ...others] = positionals;
  if (bundle === undefined || others.length > 0) throw new UsageError('expected exactly one bundle');
  const tier = TIERS.find((known) => known === (values.require ?? 'signed'));
  if (tier === undefined) throw new UsageError(`--require is ${TIERS.join(' or ')}`);
  const run = values.run;
  if (run !== undefined && !/^[0-9a-f]{32}$/.test(run)) throw new UsageError('--run is 32 hex digits');
  const options: VerifyOptions = { require: tier satisfies RequiredTier };
  if (run !== undefined) options.expectRun = run;
  if (values.keys !== undefined) options.trust = readTrust(values.keys);
  return { bundle, options, json: values.json ?? false };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        keys: { type: 'string' },
        run: { type: 'string' },
        require: { type: 'string' },
        json: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : 'wrong arguments');
  }
}

function readTrust(path: string): TrustFile {
  try {
    const trust: unknown = JSON.parse(readFileSync(path, 'utf8'));
    loadTrust(trust);
    return trust as TrustFile;
  } catch (error) {
    const known = error instanceof EvidenceError || error instanceof SyntaxError || isSystemError(error);
    throw known ? new UsageError(`keys file ${escapeText(path)}: ${escapeText(error.message)}`) : error;
  }
}

async function* openBundle(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* path === '-' ? process.stdin : createReadStream(path, { highWaterMark: 1 << 18 });
  } catch (error) {
    throw isSystemError(error) ? new UsageError(`bundle ${escapeText(path)}: ${escapeText(error.message)}`) : error;
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}
