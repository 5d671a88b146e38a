/**
 * W4: runs of one item, submitted to an engine whose queue is paused, so that nothing but the submissions is measured.
 *
 * Through the inbox a submission begins with the client's durable write of the object and ends when its receipt is durable. In
 * process it is the use case that the inbox calls, and ends when the run is durable: no object, no receipt.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DirectoryTransport } from '@waybill/client';
import { digestOf } from '@waybill/verify';
import { composeInProcess } from '#embedded/compose-in-process.ts';
import { createEngine, type Engine } from '#embedded/engine.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { createLane } from '#flow/lane.ts';
import { submit } from '#flow/submit.ts';
import { type Figure, timeSubmissions } from './shapes.ts';

const SPEC = {
  apiVersion: 'waybill/v1',
  kind: 'Run',
  metadata: { name: 'bench' },
  spec: { items: [{ id: 'only', pipeline: [{ block: 'script', run: 'true' }] }] },
};
/** The object that each submission is. */
export const SUBMITTED: Uint8Array = new TextEncoder().encode(JSON.stringify(SPEC));

type Way = 'inbox' | 'in-process';

export function transportTo(directory: string): DirectoryTransport {
  return new DirectoryTransport(directory);
}

export async function timeSubmitting(scratch: string, inFlight: number, way: Way): Promise<Figure> {
  const directory = mkdtempSync(join(scratch, 'submit-'));
  const { deps, store, inbox } = await composeInProcess(directory, () => null);
  const transport = transportTo(directory);
  const answered = new Map<string, () => void>();
  const answer = inbox.answer.bind(inbox);
  inbox.answer = async (object, receipt) => {
    await answer(object, receipt);
    if (receipt.status === 'accepted') answered.get(object.submissionId)?.();
  };
  const errors: unknown[] = [];
  let whole: FlowDeps | null = null;
  const engine: Engine = createEngine(deps, {
    queues: { default: { concurrency: 1, state: 'paused' } },
    selfCheck: false,
    status: false,
    log: (level, message, facts) => level === 'error' && errors.push({ message, ...facts }),
    hear(hints) {
      whole = { ...deps, hints, lane: createLane() };
      return hints;
    },
    onFatal: (error) => errors.push(error),
  });
  await engine.start();
  const through: Record<Way, (n: number) => Promise<unknown>> = {
    async inbox(n) {
      const accepted = new Promise<void>((resolve) => answered.set(`s${n}`, resolve));
      await transport.putSubmission('default', `s${n}`, SUBMITTED);
      await accepted;
    },
    async 'in-process'(n) {
      const { principal } = transport;
      const object = { key: `default/${principal}/s${n}.json`, queue: 'default', principal, submissionId: `s${n}` };
      if (whole) await submit(whole, object, SUBMITTED, digestOf(SUBMITTED));
      await store.durable();
    },
  };
  const figure = await timeSubmissions(inFlight, through[way]);
  await engine.stop();
  inbox.unwatch();
  await store.close();
  rmSync(directory, { recursive: true });
  if (errors.length > 0) throw new RangeError(`submitting failed: ${JSON.stringify(errors[0])}`);
  return figure;
}
