/** A bed around a test, and a run brought to its verified end. */
import assert from 'node:assert/strict';
import type { ItemStatus, RunStatus } from '@waybill/client/documents';
import type { Execution } from '#adapters/in-process/executor.ts';
import { type FlowBed, type FlowBedOptions, openFlowBed } from './embedded-flow.ts';
import { type SealedEvent, sealedEvents } from './sealed-events.ts';

export const SUCCEEDED: Execution = { outcome: 'succeeded', reason: 'ok', exit: 0 };
export const FAILED: Execution = { outcome: 'failed', reason: 'exit_nonzero', exit: 1 };

export async function withBed(options: FlowBedOptions, use: (bed: FlowBed) => Promise<void>): Promise<void> {
  const bed = await openFlowBed(options);
  try {
    await use(bed);
  } finally {
    await bed.close();
  }
}

/** Asks by an object for the control queue; resolves with the status of the answer, and the code of its first reason. */
export async function answerTo(
  bed: FlowBed,
  submissionId: string,
  document: object,
): Promise<[string, string | undefined]> {
  bed.control(submissionId, document);
  const { status, reasons } = await bed.until(() => bed.receipts(submissionId)[0]);
  return [status, reasons[0]?.code];
}

export interface FinishedRun {
  status: RunStatus;
  /** By item. */
  states: Record<string, string>;
  item(id: string): ItemStatus | undefined;
  events: SealedEvent[];
}

/** Waits for the seal; the bundle must verify and the engine must not have met an error. */
export async function finished(bed: FlowBed, submissionId: string): Promise<FinishedRun> {
  const { status, report } = await bed.sealed(submissionId);
  assert.equal(report.verdict, 'verified', JSON.stringify(report));
  assert.equal(report.exitCode, 0);
  assert.deepEqual(bed.errors, []);
  return {
    status,
    states: Object.fromEntries(status.items.map((item) => [item.id, item.state])),
    item: (id) => status.items.find((each) => each.id === id),
    events: sealedEvents(bed.directory, status.run),
  };
}

/** One run in a bed of its own, brought to its end. */
export async function ranAlone(options: FlowBedOptions, document: object): Promise<FinishedRun> {
  let result: FinishedRun | undefined;
  await withBed(options, async (bed) => {
    bed.submit('s', document);
    result = await finished(bed, 's');
  });
  return result ?? assert.fail();
}

/** What runs is in that state now. */
export function inState(bed: FlowBed, run: string, item: string, state: string): Promise<unknown> {
  return bed.until(async () => (await bed.itemRow(run, item))?.state === state);
}

/** Something that a test opens once, and that executors wait for. */
export class Gate {
  readonly opened: Promise<void>;
  #open: () => void = () => {};

  constructor() {
    this.opened = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  open(): void {
    this.#open();
  }
}

export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

export function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs);
  });
}
