/** `waybill-verify [verify] <bundle>`: judges one audit bundle. */
import { renderReport } from '../verdict/report.ts';
import { verifyBundle } from '../verdict/verify-bundle.ts';
import { type Io, openEvidence, UsageError } from './mode.ts';
import { flagLines, readFlags } from './mode-flags.ts';
import { prepareVerification, VERIFY_FLAGS } from './verify-flags.ts';

export const USAGE: string = `Usage: waybill-verify [verify] <bundle> [flags]
       waybill-verify item|log|compare …     --help after one of these words shows its own flags

  <bundle>                 run-<id>.audit.jsonl, or - for standard input
${flagLines(VERIFY_FLAGS)}  --json                   the report as JSON (waybill-verify-report/v1)

Exit codes: 0 verified, 1 failed, 2 insufficient, 3 malformed or over limits, 4 usage or a file of yours,
5 what was to be asked could not be reached, 70 internal
`;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const flags = readFlags(args, VERIFY_FLAGS, USAGE);
  const [bundle, ...others] = flags.positionals;
  if (bundle === undefined || others.length > 0) throw new UsageError('expected exactly one bundle', USAGE);
  const { options, keepState } = prepareVerification(flags.values);
  const report = await verifyBundle(openEvidence('bundle', bundle, io), options);
  keepState();
  io.out(flags.has('json') ? `${JSON.stringify(report, null, 2)}\n` : renderReport(report));
  return report.exitCode;
}
