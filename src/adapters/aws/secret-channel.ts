/** The channel in the staging bucket: `<attemptId>/key.json` and `<attemptId>/sealed.json`. The mailbox takes both away at its end. */
import { ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { keyOf, MAX_KEY_BYTES } from '#core/sealed-secrets.ts';
import type { SecretChannel } from '#ports/secret-channel.ts';
import { Bucket, ONCE } from './bucket.ts';
import { isAttemptId, stagedKey } from './staging-names.ts';

export function createS3Channel({ s3, bucket: name }: { s3: S3Client; bucket: string }): SecretChannel {
  const bucket = new Bucket(s3, name);
  return {
    async asked(attemptId) {
      if (!isAttemptId(attemptId)) return null;
      const staged = await bucket.read(stagedKey(attemptId, 'key'), { lastByte: MAX_KEY_BYTES });
      return staged === null || staged.bytes.byteLength > MAX_KEY_BYTES ? null : keyOf(staged.bytes, attemptId);
    },
    async answer(attemptId, sealed) {
      // The worker that took its answer has taken its key away before. Listed and not asked for: whoever answers may read no lease.
      const listed = await bucket.send(attemptId, (client, Bucket) =>
        client.send(new ListObjectsV2Command({ Bucket, Prefix: `${attemptId}/` })),
      );
      const there = new Set(listed.Contents?.map(({ Key }) => Key));
      if (!there.has(stagedKey(attemptId, 'lease')) || !there.has(stagedKey(attemptId, 'key'))) return false;
      return (await bucket.put(stagedKey(attemptId, 'sealed'), Buffer.from(sealed), ONCE)) !== null;
    },
  };
}
