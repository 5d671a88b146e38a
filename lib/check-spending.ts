/** What the deployment may spend, as its functions will read it. */
import { spendingMistake } from '#composition/spending.ts';
import type { WaybillProps } from './waybill-props.ts';

export function spendingProblems({ spending = {} }: Pick<WaybillProps, 'spending'>): string[] {
  const mistake = spendingMistake(spending);
  return mistake === null ? [] : [`${mistake.path.replace(' ', '.')}: ${mistake.problem}`];
}
