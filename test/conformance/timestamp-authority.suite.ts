/** The contract of the timestamp-authority port, over any adapter. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RetryableError } from '@waybill/client/errors';
import { timestampInterval, verifyTimestamp } from '@waybill/verify';
import type { TimestampAuthority } from '#ports/timestamp-authority.ts';
import { aroundBed } from './around-bed.ts';

export interface TimestampAuthorityBed {
  authority: TimestampAuthority;
  /** What an auditor trusts. */
  root: Uint8Array;
  /** The authority's operator ends it; the port stays. */
  vanish(): Promise<void>;
  close(): Promise<void>;
}

const MESSAGE = Buffer.from('a checkpoint\n');

export function timestampAuthoritySuite(name: string, open: () => Promise<TimestampAuthorityBed>): void {
  const withAuthority = (use: (bed: TimestampAuthorityBed) => Promise<void>) => aroundBed(open, use);

  describe(`timestamp authority: ${name}`, () => {
    it(
      'TA-01 stamp resolves with a time stamp over exactly the message, made now, that verifies with the root alone',
      withAuthority(async ({ authority, root }) => {
        const startedMs = Date.now();
        const tsr = await authority.stamp(MESSAGE);
        const said = await verifyTimestamp({ tsr, message: MESSAGE, roots: [root] });
        const { earliestMs, latestMs } = timestampInterval(said);
        assert.ok(earliestMs <= Date.now() && startedMs <= latestMs, `${earliestMs} to ${latestMs}`);
        const other = verifyTimestamp({ tsr, message: Buffer.from('another'), roots: [root] });
        await assert.rejects(other, /over another message/);
      }),
    );

    it(
      'TA-02 asking again, also at once, gives tokens of their own',
      withAuthority(async ({ authority, root }) => {
        const answers = await Promise.all([1, 2, 3].map(() => authority.stamp(MESSAGE)));
        const verified = answers.map((tsr) => verifyTimestamp({ tsr, message: MESSAGE, roots: [root] }));
        const serials = (await Promise.all(verified)).map(({ serial }) => serial);
        assert.equal(new Set(serials).size, 3);
      }),
    );

    it(
      'TA-03 an authority that is gone is a RetryableError',
      withAuthority(async ({ authority, vanish }) => {
        await vanish();
        await assert.rejects(
          authority.stamp(MESSAGE),
          (error) => error instanceof RetryableError && error.code === 'TSA_UNREACHABLE',
        );
      }),
    );
  });
}
