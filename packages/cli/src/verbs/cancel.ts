/** cancel: asks the engine to end a run or one item, and says what it answered. */
import { cancelRun } from '@waybill/client/operator';
import { answered, ensureEngine } from '../engine-process.ts';
import { refusalLines } from '../error-report.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { accessRun, itemOf, openTransport } from '../run-access.ts';
import type { VerbCall } from '../verb.ts';
import { toned } from '../view/styled.ts';

export async function cancel(call: VerbCall): Promise<ExitCode> {
  const transport = openTransport(call.home.path);
  const { run } = await accessRun(transport, call.arg(0));
  const id = call.optionalArg(1);
  const item = id === undefined ? undefined : itemOf(run, id).id;
  await ensureEngine(call.home, { env: call.env });
  const asked = cancelRun(transport, { run: run.run, ...(item === undefined ? {} : { item }) });
  const receipt = await answered(call.home, asked);
  const taken = receipt.status === 'accepted' || receipt.status === 'deduped';
  call.terminal.emit({ type: 'receipt', ...receipt });
  call.terminal.say([
    [
      toned(taken ? 'good' : 'bad', receipt.status),
      `  cancel ${item === undefined ? '' : `${item} of `}run ${run.run}`,
    ],
    ...receipt.reasons.flatMap(refusalLines),
  ]);
  return taken ? EXIT.ok : EXIT.refused;
}
