/** `waybill-verify [verify] <bundle>`: judges one audit bundle. */
import { parseArgs } from 'node:util';
import { renderReport } from '../report.ts';
import { loadTrust, type TrustFile } from '../trust.ts';
import { type RequiredTier, TIERS, type VerifyOptions, verifyBundle } from '../verify-bundle.ts';
import { type Io, openEvidence, readAuditorFile, UsageError } from './mode.ts';

const USAGE = `Usage: waybill-verify [verify] <bundle> [--keys <file>] [--run <id>] [--require <tier>] [--json]

  <bundle>          run-<id>.audit.jsonl, or - for standard input
  --keys <file>     the deployment's public keys (waybill-keys/v1), obtained from anywhere but the bundle
  --run <id>        the run that the bundle has to be about
  --require <tier>  ${TIERS.join(' or ')} (default signed)
  --json            the report as JSON

Exit codes: 0 verified, 1 failed, 2 insufficient, 3 malformed or over limits, 4 usage or keys file, 70 internal
`;

interface Invocation {
  bundle: string;
  options: VerifyOptions;
  json: boolean;
}

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { bundle, options, json } = readInvocation(args);
  const report = await verifyBundle(openEvidence('bundle', bundle, io), options);
  io.out(json ? `${JSON.stringify(report, null, 2)}\n` : renderReport(report));
  return report.exitCode;
}

function readInvocation(args: readonly string[]): Invocation {
  const { values, positionals } = parse(args);
  const [bundle, ...others] = positionals;
  if (bundle === undefined || others.length > 0) throw new UsageError('expected exactly one bundle', USAGE);
  const tier = TIERS.find((known) => known === (values.require ?? 'signed'));
  if (tier === undefined) throw new UsageError(`--require is ${TIERS.join(' or ')}`, USAGE);
  const run = values.run;
  if (run !== undefined && !/^[0-9a-f]{32}$/.test(run)) throw new UsageError('--run is 32 hex digits', USAGE);
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
    throw new UsageError(error instanceof Error ? error.message : 'wrong arguments', USAGE, error);
  }
}

function readTrust(path: string): TrustFile {
  return readAuditorFile('keys file', path, (text) => {
    const trust: unknown = JSON.parse(text);
    loadTrust(trust);
    return trust as TrustFile;
  });
}
