/**
 * Release: the secrets that an attempt names are sealed to the key that its worker staged, once. That they are given is decided and
 * recorded before anything sealed can be read; for another key than the first, or for an attempt that is over, nothing is read at all.
 */
import { WaybillError } from '@waybill/client/errors';
import { type Digest, digestOf } from '@waybill/verify';
import type { ManifestFacts } from '#core/record-rows.ts';
import { type AttemptRow, keys } from '#core/rows.ts';
import { unavailableAnswer } from '#core/sealed-secrets.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { type Draft, decide, peek } from '#flow/transaction.ts';
import type { SecretChannel } from '#ports/secret-channel.ts';
import type { SecretVault } from '#ports/secret-vault.ts';

/** What is kept, and how it is asked for. */
export interface SecretKeeping {
  vault: SecretVault;
  channel: SecretChannel;
}

/** Anything but a dispatched attempt that asks is left alone; so is one that was answered and has taken its key away. */
export async function release(deps: FlowDeps, { vault, channel }: SecretKeeping, attemptId: string): Promise<void> {
  const attempt = await peek<AttemptRow>(deps, keys.attempt(attemptId));
  const named = attempt === null ? null : secretsOf(attempt);
  if (attempt === null || named === null) return;
  const key = await channel.asked(attemptId);
  if (key === null || isAnother(named.sealedTo, digestOf(key))) return;
  const to = { attemptId, epoch: attempt.attempt, manifest: named.manifest.payload, key };
  const sealed = await vault.seal(named.names, to, attempt.expiresAtMs).catch(async (error: unknown) => {
    if (!(error instanceof WaybillError) || error.retryable) throw error;
    await channel.answer(attemptId, unavailableAnswer(attemptId, `${error.path} ${error.problem}`));
    return null;
  });
  if (sealed === null) return;
  const isGiven = await decide(deps, (draft) => grant(draft, attemptId, digestOf(key)));
  if (!isGiven) return;
  await deps.store.durable();
  await channel.answer(attemptId, sealed);
}

/** True also where it was given to this very key before: its answer may have got lost on the way. */
async function grant(draft: Draft, attemptId: string, sealedTo: Digest): Promise<boolean> {
  const key = keys.attempt(attemptId);
  const attempt = await draft.readOne<AttemptRow>(key);
  const named = attempt === null ? null : secretsOf(attempt);
  if (attempt === null || named === null) return false;
  if (named.sealedTo !== undefined) return !isAnother(named.sealedTo, sealedTo);
  const { run, item, attempt: number } = attempt;
  const { names, manifest } = named;
  draft.put(key, { ...attempt, manifest: { ...manifest, secrets: { names, sealedTo } } } satisfies AttemptRow);
  draft.emit(run, { type: 'secrets.released', data: { attempt: number, id: attemptId, item, secrets: names } });
  return true;
}

/** Of its two keys, the one that was first has everything. */
function isAnother(first: Digest | undefined, asking: Digest): boolean {
  return first !== undefined && first !== asking;
}

/** What it may have while it is at work, and nobody has told it to stop or given it up; null where that is nothing. */
function secretsOf({
  state,
  manifest,
  cancel,
  givenUp,
}: AttemptRow): { names: string[]; sealedTo?: Digest; manifest: ManifestFacts } | null {
  const isAtWork = state === 'dispatched' && cancel === undefined && givenUp === undefined;
  return isAtWork && manifest?.secrets !== undefined ? { ...manifest.secrets, manifest } : null;
}
