/** How long it takes from a write into the inbox to the first launch, hop by hop, from what the bed has recorded. */
import type { DeploymentNames, FunctionName } from '../../lib/deployment-names.ts';
import type { RecordedCall } from './beds/recorder.ts';
import { callsByRole } from './callers.ts';
import type { Invocation } from './deployed-world.ts';
import { credentialOf, operationOf } from './recorded-actions.ts';

/** In order. Hops of the deployment are what its functions take; the others are the bed's own pace, and another in AWS. */
export const HOPS = {
  arrival: 'inbox PUT to start of submit (event, queue)',
  submit: 'submit: read, admit, answer',
  'to advance': 'ready row to start of advance (stream)',
  advance: 'advance: claim',
  'to dispatch': 'claim to start of dispatch (stream)',
  dispatch: 'dispatch: sign, post the lease, StartExecution',
  launch: 'StartExecution to the first request of the worker (machine, RunTask, container)',
} as const;
export type Hop = keyof typeof HOPS;
export const OURS = ['submit', 'advance', 'dispatch'] as const satisfies readonly Hop[];

/** Milliseconds. */
export interface Launch {
  hops: Record<Hop, number>;
  /** Of our hops: without the time in which a call was at the bed and nothing was left to do but wait for it. */
  computeMs: number;
  /** Processor time of the three invocations, to their ends: what else the machine does is not in it. */
  cpuMs: Record<(typeof OURS)[number], number>;
  totalMs: number;
}

interface Span {
  fromMs: number;
  toMs: number;
}

const spanOf = (call: RecordedCall): Span => ({ fromMs: call.atMs, toMs: call.atMs + call.elapsedMs });

/** How much of a span the others cover together. */
export function covered({ fromMs, toMs }: Span, others: readonly Span[]): number {
  let at = fromMs;
  let sum = 0;
  for (const other of [...others].sort((a, b) => a.fromMs - b.fromMs)) {
    const begin = Math.max(at, other.fromMs);
    const end = Math.min(toMs, other.toMs);
    if (end > begin) {
      sum += end - begin;
      at = end;
    }
  }
  return sum;
}

export interface Observation {
  names: DeploymentNames;
  calls: readonly RecordedCall[];
  invocations: readonly Invocation[];
  root: string;
}

/** Of runs that were submitted one after another: so each invocation is of one of them. */
export class LaunchLatency {
  readonly #names: DeploymentNames;
  readonly #byRole: Map<string, RecordedCall[]>;
  readonly #invocations: readonly Invocation[];

  constructor({ names, calls, invocations, root }: Observation) {
    this.#names = names;
    this.#invocations = invocations;
    this.#byRole = new Map();
    for (const { role, call } of callsByRole(names, { calls, root })) {
      const known = this.#byRole.get(role) ?? [];
      known.push(call);
      this.#byRole.set(role, known);
    }
  }

  /**
   * Null for a run that the reconciler has moved on: its minute may come between any two hops.
   * @throws TypeError naming the hop that was not found
   */
  of(submissionId: string, run: string): Launch | null {
    const { names } = this;
    const isOfRun = (call: RecordedCall): boolean => isWrite(call, '"attempt/') && call.body.includes(run);
    if (this.#byRole.get(names.role('reconcile'))?.some(isOfRun)) return null;
    const put = this.#find('submitter', `/${submissionId}.json`, (call) => call.method === 'PUT');
    const opened = this.#last(names.role('submit'), (call) => isWrite(call, `run/${run}`));
    const claim = this.#find(names.role('advance'), '', isOfRun);
    const attemptId = /"attempt\/([0-9a-f]+)"/.exec(claim.body)?.[1] ?? '';
    const started = this.#find(names.role('dispatch'), '', (call) => call.body.includes(`a-${attemptId}`));
    const worker = this.#find(names.role('mailbox'), `/${attemptId}/`, ({ url }) => url.includes('lease.json'));
    const spans = {
      submit: this.#workOn('submit', opened),
      advance: this.#workOn('advance', claim),
      dispatch: this.#workOn('dispatch', started),
    };
    const putMs = spanOf(put).toMs;
    const between = (left: Span, right: Span): number => Math.max(0, right.fromMs - left.toMs);
    const hops: Record<Hop, number> = {
      arrival: spans.submit.fromMs - putMs,
      submit: lengthOf(spans.submit),
      'to advance': between(spans.submit, spans.advance),
      advance: lengthOf(spans.advance),
      'to dispatch': between(spans.advance, spans.dispatch),
      dispatch: lengthOf(spans.dispatch),
      launch: spanOf(worker).fromMs - spans.dispatch.toMs,
    };
    const computeMs = OURS.reduce((sum, which) => sum + this.#compute(which, spans[which]), 0);
    const cpuMs = { submit: spans.submit.cpuMs, advance: spans.advance.cpuMs, dispatch: spans.dispatch.cpuMs };
    return { hops, computeMs, cpuMs, totalMs: spanOf(worker).fromMs - putMs };
  }

  private get names(): DeploymentNames {
    return this.#names;
  }

  /** From the start of the invocation to the answer of the call that ends the hop. */
  #workOn(which: FunctionName, end: RecordedCall): Span & { cpuMs: number } {
    const toMs = spanOf(end).toMs;
    const name = this.#names.functionName(which);
    const begun = this.#invocations
      .filter((one) => one.function === name && one.elapsedMs !== undefined && one.startedMs <= end.atMs)
      .at(-1);
    if (begun === undefined) throw new TypeError(`no invocation of ${which}`);
    return { fromMs: begun.startedMs, toMs, cpuMs: begun.cpuMs ?? Number.NaN };
  }

  #compute(which: FunctionName, span: Span): number {
    const waiting = (this.#byRole.get(this.#names.role(which)) ?? []).map(spanOf);
    return lengthOf(span) - covered(span, waiting);
  }

  #find(role: string, url: string, holds: (call: RecordedCall) => boolean): RecordedCall {
    const found = this.#byRole.get(role)?.find((call) => call.status < 300 && call.url.includes(url) && holds(call));
    if (found === undefined) throw new TypeError(`no call of ${role} ${url}`);
    return found;
  }

  #last(role: string, holds: (call: RecordedCall) => boolean): RecordedCall {
    const found = this.#byRole.get(role)?.findLast((call) => call.status < 300 && holds(call));
    if (found === undefined) throw new TypeError(`no call of ${role}`);
    return found;
  }
}

const lengthOf = ({ fromMs, toMs }: Span): number => toMs - fromMs;

function isWrite(call: RecordedCall, text: string): boolean {
  const isOfRows =
    credentialOf(call)?.service === 'dynamodb' && /^(TransactWriteItems|PutItem)$/.test(operationOf(call));
  return isOfRows && call.body.includes(text);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
