import { type Evidence, NO_EVIDENCE, openEvidence } from '#composition/evidence.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { createLane } from '#flow/lane.ts';
import { lambdaFunction } from '#lambdas/shared/function.ts';
import { keysInForce } from '#lambdas/shared/keys-in-force.ts';
import { flowOf, openInbox, openLedger, openSigner } from '#lambdas/shared/ports.ts';
import { jsonSetting, queuesSetting } from '#lambdas/shared/settings.ts';
import { beginOnce, type SealDuties, sequenceMessages } from './sequence-messages.ts';
import { unstaged } from './unstaged.ts';

const HEARTBEAT_MS = 3_600_000;

export const handler = lambdaFunction(
  'seal',
  async (told): Promise<SealDuties> => {
    const ports = { inbox: openInbox(), ledger: openLedger(), mailbox: unstaged, signer: await openSigner() };
    const base = flowOf(told, ports);
    const { outsiders, settings, heartbeatMs = HEARTBEAT_MS } = evidenceOf(base);
    // Seals of one batch meet in the head of the log: in this process they take turns.
    const flow: FlowDeps = { ...base, ...outsiders, lane: createLane() };
    const { isolation, allowUnsandboxedAgents, executable } = flow.worker;
    return {
      flow,
      keysInForce: keysInForce(flow),
      begin: beginOnce(flow),
      heartbeatMs,
      settings: {
        format: 'waybill-settings/v1',
        queues: queuesSetting(),
        spending: jsonSetting('WAYBILL_SPENDING'),
        isolation,
        allowUnsandboxedAgents,
        executable,
        ...settings,
      },
    };
  },
  sequenceMessages,
);

/** As evidence.json of a state directory, with what that may name in files written out. */
function evidenceOf({ clock, chance }: FlowDeps): Evidence {
  const document = jsonSetting('WAYBILL_EVIDENCE');
  if (document === undefined) return NO_EVIDENCE;
  return openEvidence(document, { clock, chance, readFile: refuseFile });
}

function refuseFile(path: string): never {
  throw new TypeError(`a function has no file ${path}`);
}
