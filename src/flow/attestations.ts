/** The statements about the end of an attempt, signed, as the event names them and the container holds them. */
import { type ClaimedBlock, type Digest, type DsseEnvelope, digestOf } from '@waybill/verify';
import { type EndedAttempt, statementsAbout } from '#core/attestations.ts';
import type { AttemptRow } from '#core/rows.ts';
import type { SignStatement } from '#flow/envelope.ts';

export interface SignedStatements {
  digests: Digest[];
  envelopes: DsseEnvelope[];
}

type Ending = Pick<EndedAttempt, 'origin' | 'attemptId' | 'spec' | 'recipe' | 'outcome' | 'outputs' | 'endedAtMs'> & {
  blocks: readonly ClaimedBlock[];
};

/** An attempt that was never dispatched has left nothing that a statement could be about. */
export async function attestEnd(sign: SignStatement, attempt: AttemptRow, ending: Ending): Promise<SignedStatements> {
  const { manifest, isolation } = attempt;
  if (manifest === undefined || isolation === undefined) return { digests: [], envelopes: [] };
  const { run, item, attempt: number } = attempt;
  const statements = statementsAbout({ ...ending, run, item, attempt: number, isolation, manifest });
  const envelopes: DsseEnvelope[] = [];
  for (const statement of statements) envelopes.push(await sign(statement));
  return { digests: statements.map((statement) => digestOf(statement)), envelopes };
}
