/** Puts together what an event names and the statements that follow it. */
import type { BundleLine, Signed } from './bundle-line.ts';
import type { EventLine, EventOf } from './events.ts';
import type { ProvenanceStatement } from './provenance.ts';
import type { DispatchStatement } from './statement.ts';
import type { TestResultStatement } from './test-result.ts';

export type DispatchedEvent = EventLine & EventOf<'attempt.dispatched'>;
export type SettledEvent = EventLine & EventOf<'attempt.settled'>;

export type ReusedEvent = EventLine & EventOf<'item.reused'>;

/** The statements behind the end of an attempt, the first of each kind. */
export interface Attestations {
  provenance: Signed<ProvenanceStatement> | undefined;
  testResult: Signed<TestResultStatement> | undefined;
}

export type Paired =
  | { type: 'attempt.dispatched'; event: DispatchedEvent; manifest: Signed<DispatchStatement> | undefined }
  | { type: 'attempt.settled'; event: SettledEvent; attestations: Attestations }
  | { type: 'item.reused'; event: ReusedEvent; provenance: Signed<ProvenanceStatement> | undefined };

export class EnvelopePairing {
  #open: Paired | undefined;

  /** Takes the next line and answers with the pair that it completes: the one that began with the last event. */
  take(line: BundleLine): Paired | undefined {
    const open = this.#open;
    if (open !== undefined && joins(open, line)) return undefined;
    this.#open = line.kind === 'event' ? begin(line.event) : undefined;
    return open;
  }
}

function begin(event: EventLine): Paired | undefined {
  const { type } = event;
  if (type === 'attempt.dispatched') return { type, event, manifest: undefined };
  if (type === 'item.reused') return { type, event, provenance: undefined };
  if (type !== 'attempt.settled') return undefined;
  return { type, event, attestations: { provenance: undefined, testResult: undefined } };
}

function joins(open: Paired, line: BundleLine): boolean {
  if (open.type === 'attempt.dispatched') {
    if (line.kind !== 'manifest') return false;
    open.manifest ??= line.manifest;
    return true;
  }
  if (open.type === 'item.reused') {
    if (line.kind !== 'provenance') return false;
    open.provenance ??= line.provenance;
    return true;
  }
  const { attestations } = open;
  if (line.kind === 'provenance') attestations.provenance ??= line.provenance;
  else if (line.kind === 'test-result') attestations.testResult ??= line.testResult;
  else return false;
  return true;
}
