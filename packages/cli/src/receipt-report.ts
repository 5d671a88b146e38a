/** What the engine answered to a control, on the terminal and as the exit code. */
import type { Receipt } from '@waybill/client/documents';
import { refusalLines } from './error-report.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { VerbCall } from './verb.ts';
import { toned } from './view/styled.ts';

/** @param what was asked for, as a person says it */
export function reportReceipt(call: VerbCall, receipt: Receipt, what: string): ExitCode {
  const taken = receipt.status === 'accepted' || receipt.status === 'deduped';
  call.terminal.emit({ type: 'receipt', ...receipt });
  call.terminal.say([
    [toned(taken ? 'good' : 'bad', receipt.status), `  ${what}`],
    ...receipt.reasons.flatMap(refusalLines),
  ]);
  return taken ? EXIT.ok : EXIT.refused;
}
