/** `waybill-verify [verify] <bundle>`: judges one audit bundle. */
import { parseArgs } from 'node:util';
import { renderReport } from '../verdict/report.ts';
import { verifyBundle } from '../verdict/verify-bundle.ts';
import { type Io, openEvidence, UsageError } from './mode.ts';
import { type FlagValues, prepareVerification, VERIFY_FLAGS } from './verify-flags.ts';

const USAGE = `Usage: waybill-verify [verify] <bundle> [flags]

  <bundle>                 run-<id>.audit.jsonl, or - for standard input
${VERIFY_FLAGS.map(({ name, value, summary }) => `  ${`--${name} ${value}`.padEnd(24)} ${summary}\n`).join('')}  --json                   the report as JSON (waybill-verify-report/v1)

Exit codes: 0 verified, 1 failed, 2 insufficient, 3 malformed or over limits, 4 usage or a file of yours,
5 what was to be asked could not be reached, 70 internal
`;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parse(args);
  const [bundle, ...others] = positionals;
  if (bundle === undefined || others.length > 0) throw new UsageError('expected exactly one bundle', USAGE);
  const { json, ...flags } = values;
  const { options, keepState } = prepareVerification(flags as FlagValues);
  const report = await verifyBundle(openEvidence('bundle', bundle, io), options);
  keepState();
  io.out(json === true ? `${JSON.stringify(report, null, 2)}\n` : renderReport(report));
  return report.exitCode;
}

function parse(args: readonly string[]): ReturnType<typeof parseArgs> {
  const flags = VERIFY_FLAGS.map(
    ({ name, isRepeated = false }) => [name, { type: 'string', multiple: isRepeated }] as const,
  );
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { ...Object.fromEntries(flags), json: { type: 'boolean' } },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : 'wrong arguments', USAGE, error);
  }
}
