/** Release: a worker has staged the key to which the secrets that its attempt names are to be sealed. The same key again is answered again. */
import { WaybillError } from '@waybill/client/errors';
import { attemptOf } from '#adapters/aws/staging-names.ts';
import type { ReadSecret } from '#composition/secret-vault.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { release, type SecretKeeping } from '#flow/release.ts';
import { type BatchResponse, eachMessage } from '#lambdas/shared/batch.ts';
import { objectsCreated, objectsOf } from '#lambdas/shared/platform-events.ts';
import type { Told } from '#lambdas/shared/told.ts';

export interface ReleaseDuties {
  flow: FlowDeps;
  keeping: SecretKeeping;
}

/** Attempts share nothing here: one whose secret is not to be had ends by itself. */
export function releaseMessages({ flow, keeping }: ReleaseDuties, event: unknown, told: Told): Promise<BatchResponse> {
  return eachMessage(event, objectsCreated, told, async (message) => {
    for (const { key } of objectsOf(message)) {
      const attemptId = attemptOf('key', key);
      if (attemptId !== null) await release(flow, keeping, attemptId);
    }
  });
}

/** The worker hears that a secret is not to be had; what to do about it is for the operator. */
export function readTold(read: ReadSecret, told: Told): ReadSecret {
  return (name, attempt) =>
    read(name, attempt).catch((error: unknown) => {
      // What may pass fails its message, and is told of there.
      if (error instanceof WaybillError && !error.retryable) told.trouble(`secret ${name}`, error);
      throw error;
    });
}
