import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { createLocalClock } from '#adapters/local/clock.ts';
import { lambdaFunction } from '#lambdas/shared/function.ts';
import { setting } from '#lambdas/shared/settings.ts';
import { fillSlot, type SlotDuties } from './fill-slot.ts';

export const handler = lambdaFunction('slot', async () => duties(), fillSlot);

function duties(): SlotDuties {
  const s3 = new S3Client({});
  const clock = createLocalClock();
  const Bucket = setting('WAYBILL_INBOX_BUCKET');
  return {
    nowMs: () => clock.nowMs(),
    async writeOnce(key, text) {
      try {
        const Body = Buffer.from(text);
        await s3.send(
          new PutObjectCommand({ Bucket, Key: key, Body, ContentType: 'application/json', IfNoneMatch: '*' }),
        );
        return true;
      } catch (error) {
        if (error instanceof Error && error.name === 'PreconditionFailed') return false;
        throw error;
      }
    },
  };
}
