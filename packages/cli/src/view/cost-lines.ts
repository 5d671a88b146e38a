/** Money for people: where it went, and what is left of each cap. */
import type { Cost } from '@waybill/client';
import type { RunStatus } from '@waybill/client/documents';
import type { AgentPrice } from '../agent-price.ts';
import type { Estimate } from '../plan-estimate.ts';
import { safeCell } from '../safe-text.ts';
import { asOf, formatUsd } from './measure.ts';
import { type Line, toned } from './styled.ts';
import { tableLines } from './table.ts';

const SHOWN_PARTS = 30;

/** Nothing where no item may use a model. */
export function estimateLines(
  { microUsd, retriedMicroUsd, criticalMicroUsd, unsaid, agentMicroUsd }: Estimate,
  { isDefault }: AgentPrice,
): Line[] {
  if (microUsd === 0 && unsaid === 0) return [];
  const retried = retriedMicroUsd > microUsd ? `, ${formatUsd(retriedMicroUsd)} with all that retry allows` : '';
  const source = isDefault ? 'unless the engine has another price' : 'as spending.json says';
  const silent = `${unsaid} with an agent and without one at ${formatUsd(agentMicroUsd)} each, ${source}`;
  const basis = unsaid === 0 ? 'by maxUsd' : `by maxUsd; ${silent}`;
  const text = `${formatUsd(microUsd)}${retried}; ${formatUsd(criticalMicroUsd)} on the critical path`;
  const more = 'the time of workers comes on top, and attempts that are lost, ask, or are sent back';
  return [[toned('quiet', 'models         '), text, toned('quiet', ` (${basis}; ${more})`)]];
}

/** @param run whose items the parts are; null: the parts are runs */
export function costLines(cost: Cost, run: RunStatus | null, nowMs: number): Line[] {
  const { microUsd, parts, models, cutMicroUsd = 0 } = cost;
  const head: Line = [
    toned('strong', formatUsd(microUsd)),
    run === null ? '  all runs' : `  ${safeCell(run.name)} ${safeCell(run.run).slice(0, 12)}`,
  ];
  const known = models.reduce((sum, model) => sum + model.microUsd, 0);
  const rest = { name: 'workers, and what nobody told', microUsd: microUsd + cutMicroUsd - known };
  const byModel = [...models.map((one) => ({ name: safeCell(one.model), microUsd: one.microUsd })), rest];
  const cut = { name: 'cut: claimed beyond what one attempt is charged', microUsd: -cutMicroUsd };
  const hidden = parts.length - SHOWN_PARTS;
  return [
    head,
    ...listed(
      run === null ? 'RUN' : 'ITEM',
      parts.slice(0, SHOWN_PARTS).map(({ id, microUsd: cost }) => ({ name: safeCell(id), microUsd: cost })),
    ),
    ...(hidden > 0 ? [[toned('quiet', `… and ${hidden} more`)] satisfies Line] : []),
    ...listed('MODEL', microUsd === 0 ? [] : [...byModel, cut]),
    ...capLines(cost, nowMs),
  ];
}

function listed(what: string, rows: readonly { name: string; microUsd: number }[]): Line[] {
  const paid = rows.filter(({ microUsd }) => microUsd !== 0);
  if (paid.length === 0) return [];
  const cells = paid.map(({ name, microUsd }) => [{ text: name }, { text: formatUsd(microUsd) }]);
  return [[], ...tableLines([what, 'COST'], cells)];
}

function capLines({ caps, capsAt }: Cost, nowMs: number): Line[] {
  if (caps.length === 0) return [];
  const rows = caps.map(({ cap, limitMicroUsd, leftMicroUsd, turns = '' }) => [
    { text: cap },
    { text: formatUsd(limitMicroUsd) },
    { text: formatUsd(leftMicroUsd) },
    { text: Date.parse(turns) <= nowMs ? 'by now' : turns },
  ]);
  const age = capsAt === undefined ? undefined : asOf(capsAt, nowMs);
  const old: Line[] = age === undefined ? [] : [[toned('quiet', `${age}: what was spent or set since is not in it`)]];
  return [[], ...tableLines(['CAP', 'LIMIT', 'LEFT', 'WHOLE AGAIN'], rows), ...old];
}
