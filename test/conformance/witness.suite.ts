import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TerminalError } from '@waybill/client/errors';
import { formatNote, parseNote, parseWitnessVkey, verifyCosignatures } from '@waybill/verify';
import { type CosignRequest, type Witness, WitnessConflict } from '#ports/witness.ts';
import { SampleLog } from '../support/sample-log.ts';

export interface WitnessBed {
  witness: Witness;
  /** Verifier key of the witness. */
  vkey: string;
  /** The witness's operator ends it; the port stays. */
  vanish(): Promise<void>;
  close(): Promise<void>;
}

async function requestOf(log: SampleLog, oldSize: number, size: number): Promise<CosignRequest> {
  return { oldSize, proof: await log.proof(oldSize, size), checkpoint: log.checkpoint(size) };
}

const isTerminal = (code: string) => (error: unknown) => error instanceof TerminalError && error.code === code;

/** @param open a fresh witness of the log */
export function witnessSuite(name: string, open: (log: SampleLog) => Promise<WitnessBed>): void {
  const withWitness = (use: (bed: WitnessBed, log: SampleLog) => Promise<void>) => async () => {
    const log = new SampleLog().grow(12);
    const bed = await open(log);
    try {
      await use(bed, log);
    } finally {
      await bed.close();
    }
  };

  describe(`witness: ${name}`, () => {
    it(
      'WI-01 cosign resolves with one verified cosignature, which makes the checkpoint a note that verifies',
      withWitness(async ({ witness, vkey }, log) => {
        for (const [oldSize, size] of [
          [0, 5],
          [5, 12],
          [12, 12],
        ] as const) {
          const cosignatures = await witness.cosign(await requestOf(log, oldSize, size));
          const { text, signatures } = parseNote(log.checkpoint(size));
          const note = parseNote(formatNote(text, [...signatures, ...cosignatures]));
          const verified = await verifyCosignatures(note, [parseWitnessVkey(vkey)]);
          assert.equal(verified.length, 1);
          assert.ok(Math.abs((verified[0]?.timeMs ?? 0) - Date.now()) < 60_000);
        }
      }),
    );

    it(
      'WI-02 an old size that is not the one seen last is a conflict that carries that one',
      withWitness(async ({ witness }, log) => {
        await witness.cosign(await requestOf(log, 0, 5));
        for (const oldSize of [0, 4, 6]) {
          const asked = witness.cosign(await requestOf(log, oldSize, 12));
          await assert.rejects(
            asked,
            (error) => error instanceof WitnessConflict && error.size === 5 && error.retryable,
          );
        }
        assert.equal((await witness.cosign(await requestOf(log, 5, 12))).length, 1);
      }),
    );

    it(
      'WI-03 a smaller checkpoint meets a conflict with the larger size',
      withWitness(async ({ witness }, log) => {
        await witness.cosign(await requestOf(log, 0, 12));
        const asked = witness.cosign(await requestOf(log, 5, 5));
        await assert.rejects(asked, (error) => error instanceof WitnessConflict && error.size === 12);
      }),
    );

    it(
      'WI-04 another tree of the size that was cosigned is refused as a disagreement',
      withWitness(async ({ witness }, log) => {
        await witness.cosign(await requestOf(log, 0, 12));
        const forked = log.fork(11).grow(1, 'another');
        await assert.rejects(witness.cosign(await requestOf(forked, 12, 12)), isTerminal('WITNESS_DISAGREES'));
      }),
    );

    it(
      'WI-05 an extension without a proof that holds, an unknown log and an unknown key are refused for good',
      withWitness(async ({ witness }, log) => {
        await witness.cosign(await requestOf(log, 0, 5));
        const forked = log.fork(4).grow(8, 'another');
        await assert.rejects(witness.cosign(await requestOf(forked, 5, 12)), isTerminal('WITNESS_REFUSED'));
        const unproved = { ...(await requestOf(log, 5, 12)), proof: [] };
        await assert.rejects(witness.cosign(unproved), isTerminal('WITNESS_REFUSED'));
        const unknown = await requestOf(new SampleLog('log.test/unknown').grow(3), 0, 3);
        await assert.rejects(witness.cosign(unknown), isTerminal('WITNESS_REFUSED'));
        const impostor = await requestOf(new SampleLog(log.origin).grow(12), 5, 12);
        await assert.rejects(witness.cosign(impostor), isTerminal('WITNESS_REFUSED'));
      }),
    );

    it(
      'WI-06 of many calls at once for different checkpoints none gets a cosignature for a tree that does not extend the last',
      withWitness(async ({ witness, vkey }, log) => {
        log.grow(52);
        const requests = await Promise.all(Array.from({ length: 64 }, (_, index) => requestOf(log, 0, index + 1)));
        const answers = await Promise.allSettled(requests.map((request) => witness.cosign(request)));
        assert.equal(
          answers.filter(({ status }) => status === 'fulfilled').length,
          1,
          `one of them was the first for ${vkey}`,
        );
        assert.ok(answers.every((answer) => answer.status === 'fulfilled' || answer.reason instanceof WitnessConflict));
      }),
    );

    it(
      'WI-07 a witness that is away can be asked again later',
      withWitness(async ({ witness, vanish }, log) => {
        await vanish();
        const asked = witness.cosign(await requestOf(log, 0, 5));
        await assert.rejects(asked, { name: 'RetryableError', code: 'WITNESS_UNREACHABLE' });
      }),
    );
  });
}
