/** Message queue on SQS. One that keeps order has one message group: what it carries is worked off one after another. */
import { SendMessageBatchCommand, type SendMessageBatchRequestEntry, type SQSClient } from '@aws-sdk/client-sqs';
import { RetryableError } from '@waybill/client/errors';
import type { Message, MessageQueue } from '#ports/message-queue.ts';
import { awsFailure } from './aws-failure.ts';

const BATCH = 10;
const GROUP = 'all';

export function createSqsQueue({ sqs, url }: { sqs: SQSClient; url: string }): MessageQueue {
  const keepsOrder = url.endsWith('.fifo');
  const entryOf = ({ body, id, delayS }: Message, n: number): SendMessageBatchRequestEntry => ({
    Id: String(n),
    MessageBody: JSON.stringify(body),
    ...(keepsOrder ? { MessageGroupId: GROUP, MessageDeduplicationId: id } : { DelaySeconds: delayS ?? 0 }),
  });
  return {
    async send(messages) {
      for (let from = 0; from < messages.length; from += BATCH) {
        const entries = messages.slice(from, from + BATCH).map(entryOf);
        const sent = await sqs
          .send(new SendMessageBatchCommand({ QueueUrl: url, Entries: entries }))
          .catch((error: unknown) => Promise.reject(awsFailure(`queue ${url}`, error)));
        const failed = sent.Failed?.[0];
        if (failed !== undefined) throw refused(url, `${failed.Code}: ${failed.Message ?? ''}`);
      }
    },
  };
}

function refused(url: string, said: string): RetryableError {
  return new RetryableError({
    code: 'STORE_BUSY',
    path: `queue ${url}`,
    problem: `some messages were not stored (${said})`,
    fix: 'Send them again: those that were stored are taken twice, which does no harm.',
  });
}
