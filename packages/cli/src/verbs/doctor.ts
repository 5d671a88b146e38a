/** doctor: looks whether a deployment is as it has to be. It changes nothing and spends nothing. */
import { clientsOf } from '../deployed/clients.ts';
import { examine, type Finding } from '../deployed/examine.ts';
import { DeployedTarget } from '../deployed-target.ts';
import { usageError } from '../error-report.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { safeCell } from '../safe-text.ts';
import type { VerbCall } from '../verb.ts';
import { counted } from '../view/measure.ts';
import { type Line, type Tone, toned } from '../view/styled.ts';

const TONE: Readonly<Record<Finding['verdict'], Tone>> = { ok: 'good', warn: 'warn', fail: 'bad' };
const MAX_DETAIL_CHARS = 400;

export async function doctor(call: VerbCall): Promise<ExitCode> {
  const { target } = call;
  if (!(target instanceof DeployedTarget)) {
    const problem = 'only deployments can be examined so far';
    throw usageError('--deployed', problem, 'Add --deployed, with --deployment when the file has another name.');
  }
  const deployment = await target.deployment;
  const count = { ok: 0, warn: 0, fail: 0 };
  for await (const finding of examine(clientsOf(deployment.region), deployment)) {
    count[finding.verdict]++;
    call.terminal.emit({ type: 'finding', ...finding });
    call.terminal.say(linesOf(finding));
  }
  call.terminal.emit({ type: 'examined', ...count });
  call.terminal.say([[], [`${counted(count.ok, 'finding')} good, ${count.warn} to look at, ${count.fail} failed`]]);
  return count.fail === 0 ? EXIT.ok : EXIT.failed;
}

function linesOf({ verdict, check, detail, fix }: Finding): Line[] {
  const head: Line = [
    toned(TONE[verdict], verdict.padEnd(4)),
    `  ${check.padEnd(16)} ${safeCell(detail, MAX_DETAIL_CHARS)}`,
  ];
  return fix === undefined ? [head] : [head, [toned('quiet', `      fix: ${safeCell(fix, MAX_DETAIL_CHARS)}`)]];
}
