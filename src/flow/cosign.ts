/**
 * Cosign: witnesses see the signed head before it is anchored, all of them at once. Nobody is waited for longer than
 * was agreed: a checkpoint that fewer have cosigned is weaker evidence and says so by itself.
 */
import { consistencyProof, evaluateQuorum, type NoteSignature, parseNote } from '@waybill/verify';
import type { WitnessRow } from '#core/record-rows.ts';
import { keys } from '#core/rows.ts';
import { askWitness } from '#flow/ask-witness.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { hashReader } from '#flow/log.ts';
import { decide, peek } from '#flow/transaction.ts';
import { within } from '#flow/within.ts';
import type { Witness } from '#ports/witness.ts';

/** The cosignatures that came in time, in the order of the witnesses. The tiles of that size must be written. */
export async function cosigned(deps: FlowDeps, size: number, checkpoint: string): Promise<NoteSignature[]> {
  const answers = await Promise.all(
    deps.witnesses.map(async (witness) => {
      try {
        return await within(deps, `witness ${witness.name}`, ask(deps, witness, size, checkpoint));
      } catch (error) {
        deps.hints.outage(`witness ${witness.name}`, error);
        return [];
      }
    }),
  );
  const cosignatures = answers.flat();
  await reportQuorum(deps, checkpoint, cosignatures);
  return cosignatures;
}

async function ask(deps: FlowDeps, witness: Witness, size: number, checkpoint: string): Promise<NoteSignature[]> {
  const key = keys.witness(witness.name);
  const seen = (await peek<WitnessRow>(deps, key))?.size ?? 0;
  const proofFrom = (oldSize: number): Promise<Uint8Array[]> => consistencyProof(oldSize, size, hashReader(deps, size));
  // It has seen more or less than we know of, by a crash or by its own loss: its word decides where the proof begins.
  const signatures = await askWitness(witness, { checkpoint, size, seen, proofFrom });
  await decide(deps, async (draft) => {
    await draft.read([key]);
    draft.put(key, { size } satisfies WitnessRow);
  });
  return signatures;
}

async function reportQuorum(deps: FlowDeps, checkpoint: string, cosignatures: NoteSignature[]): Promise<void> {
  if (deps.witnessPolicy === null) return;
  const note = parseNote(checkpoint);
  const signed = { text: note.text, signatures: [...note.signatures, ...cosignatures] };
  const { met, k, n } = await evaluateQuorum(deps.witnessPolicy, signed, deps.origin);
  if (!met)
    deps.hints.outage('quorum', new RangeError(`${k} of ${n} witnesses cosigned, which the policy does not accept`));
}
