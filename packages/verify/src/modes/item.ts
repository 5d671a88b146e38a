/** `waybill-verify item <file>`: judges the disclosure of a single item. */
import { verifyDisclosure } from '../verdict/disclosure.ts';
import { renderItemReport } from '../verdict/item-report.ts';
import { type Io, openEvidence, UsageError } from './mode.ts';
import { flagLines, readFlags } from './mode-flags.ts';
import { ITEM_FLAGS, prepareVerification } from './verify-flags.ts';

export const USAGE: string = `Usage: waybill-verify item <file> [flags]

  <file>                   a disclosure (waybill-disclosure/v1), or - for standard input
${flagLines(ITEM_FLAGS)}  --json                   the report as JSON (waybill-item-report/v1)

Exit codes: 0 verified, 1 failed, 2 insufficient, 3 malformed or over limits, 4 usage or a file of yours,
5 what was to be asked could not be reached, 70 internal
`;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const flags = readFlags(args, ITEM_FLAGS, USAGE);
  const [file, ...others] = flags.positionals;
  if (file === undefined || others.length > 0) throw new UsageError('expected exactly one file', USAGE);
  const { options, keepState } = prepareVerification(flags.values);
  const item = flags.text('item');
  const report = await verifyDisclosure(openEvidence('disclosure', file, io), {
    ...options,
    ...(item === undefined ? {} : { expectItem: item }),
  });
  keepState();
  io.out(flags.has('json') ? `${JSON.stringify(report, null, 2)}\n` : renderItemReport(report));
  return report.exitCode;
}
