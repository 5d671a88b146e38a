/** Doctor: the checks of `waybill doctor --deployed`, made in the account with a role of its own, and those of the rows. */

import type { Clients } from '@waybill/cli/deployed/clients';
import { examine, type Finding } from '@waybill/cli/deployed/examine';
import { bad, type Found } from '@waybill/cli/deployed/finding';
import type { Deployment } from '@waybill/client/deployment';
import type { LogHeadRow, LogKeysRow } from '#core/record-rows.ts';
import { keys } from '#core/rows.ts';
import type { Told } from '#lambdas/shared/told.ts';
import type { RunStore } from '#ports/run-store.ts';
import { judgeLog } from './log-check.ts';

export interface DoctorDuties {
  clients: Clients;
  deployment: Deployment;
  store: Pick<RunStore, 'get'>;
  nowMs(): number;
  heartbeatMs: number;
}

export interface Report {
  v: 1;
  /** The worst of them. */
  verdict: Finding['verdict'];
  findings: Finding[];
}

const WORST: readonly Finding['verdict'][] = ['fail', 'warn', 'ok'];

export async function report(duties: DoctorDuties, _event: unknown, told: Told): Promise<Report> {
  const findings: Finding[] = [];
  for await (const finding of examine(duties.clients, duties.deployment)) findings.push(finding);
  findings.push({ check: 'log', ...(await lookAtLog(duties).catch(unreadable)) });
  const verdict = WORST.find((each) => findings.some((finding) => finding.verdict === each)) ?? 'ok';
  told.info('examined', { verdict, findings: findings.length });
  return { v: 1, verdict, findings };
}

async function lookAtLog({ store, nowMs, heartbeatMs }: DoctorDuties): Promise<Found> {
  const [head, held] = await store.get([keys.logHead(), keys.logKeys()]);
  const log = { head: (head?.body ?? null) as LogHeadRow | null, keys: (held?.body ?? null) as LogKeysRow | null };
  return judgeLog(log, nowMs(), heartbeatMs);
}

function unreadable(error: unknown): Found {
  return bad(`cannot be read: ${String(error)}`, 'Look at the permissions of the doctor’s role.');
}
