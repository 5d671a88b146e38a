/** Counts what AWS would charge for what the wiring bed saw. */
import type { DeploymentNames } from '../../lib/deployment-names.ts';
import type { RecordedCall } from './beds/recorder.ts';
import type { Invocation } from './deployed-world.ts';
import { type Counts, METERS, NOTHING } from './price-list.ts';
import { credentialOf, operationOf } from './recorded-actions.ts';

/** `a + factor * b`, meter by meter. */
export function combined(a: Counts, b: Partial<Counts>, factor = 1): Counts {
  return Object.fromEntries(METERS.map((name) => [name, a[name] + factor * (b[name] ?? 0)])) as Counts;
}

const WRITE_UNIT_BYTES = 1_024;
const READ_UNIT_BYTES = 4_096;
/** A request of SQS is billed for each 64 KiB begun; none of ours is longer. */
const STAGES_OF_QUEUES: Readonly<Record<string, 'messages' | 'orderedMessages'>> = {
  submit: 'messages',
  release: 'messages',
  settle: 'messages',
  notify: 'messages',
  reconcile: 'messages',
  seal: 'orderedMessages',
};
/** Lambda's own lines of an invocation that failed, in a JSON log: how it ended, and its report. Of others it writes none at the level WARN. */
const PLATFORM_LOG_BYTES = 700;
/** Of an execution that is logged without its data, at level ALL. */
const EXECUTION_LOG_BYTES = 6_000;
/** Of executions, by the sampling rule of the deployment, which has no reservoir. Functions begin no trace. */
const TRACED = 0.05;
/**
 * S3 asks for a bucket's data key once for each scope of a session that writes or reads there, and each attempt has a session
 * with a policy of its own: one for what is written, one for what is read.
 */
const KEY_REQUESTS_OF_A_SESSION = 2;

type Body = Record<string, unknown>;

interface Written {
  Item?: object;
  Key?: object;
}

/** What is known of the rows: an update or a check is billed by the size of what it meets. */
export class RowSizes {
  readonly #units = new Map<string, number>();

  /** A unit for each kilobyte begun of the item, the larger one of before and after; two in a transaction. */
  ofTransaction(body: Body): number {
    const actions = (body.TransactItems ?? []) as Record<string, Written>[];
    return actions.reduce((sum, action) => sum + 2 * this.ofOne(Object.values(action)[0] ?? {}), 0);
  }

  ofBatch(body: Body): number {
    const requests = Object.values((body.RequestItems ?? {}) as Record<string, Record<string, Written>[]>).flat();
    return requests.reduce((sum, request) => sum + this.ofOne(Object.values(request)[0] ?? {}), 0);
  }

  ofOne({ Item, Key }: Written): number {
    return Item === undefined ? this.#met(Key) : this.#put(Item);
  }

  #met(key: object | undefined): number {
    return this.#units.get(placeOf(key)) ?? 1;
  }

  #put(item: object): number {
    const units = Math.max(1, Math.ceil(sizeOf(item) / WRITE_UNIT_BYTES));
    const before = this.#met(item);
    this.#units.set(placeOf(item), units);
    return Math.max(units, before);
  }
}

function placeOf(item: object | undefined): string {
  const { pk, sk } = (item ?? {}) as Record<string, { S?: string }>;
  return `${pk?.S} ${sk?.S}`;
}

/** Names and values of attributes, as DynamoDB counts them; requests carry bytes as base64. */
function sizeOf(item: object): number {
  return Object.entries(item as Record<string, Record<string, string>>).reduce((sum, [name, value]) => {
    const [[kind, said] = ['', '']] = Object.entries(value);
    return sum + name.length + Buffer.byteLength(String(said), kind === 'B' ? 'base64' : 'utf8');
  }, 0);
}

function ofTable(operation: string, call: RecordedCall, sizes: RowSizes): Partial<Counts> {
  const body = JSON.parse(call.body || '{}') as Body;
  if (operation === 'TransactWriteItems') return { writeUnits: sizes.ofTransaction(body) };
  if (operation === 'BatchWriteItem') return { writeUnits: sizes.ofBatch(body) };
  if (/^(Put|Update|Delete)Item$/.test(operation)) return { writeUnits: sizes.ofOne(body) };
  const keys = Object.values((body.RequestItems ?? {}) as Record<string, { Keys?: unknown[] }>).flatMap(
    ({ Keys = [] }) => Keys,
  );
  return { readUnits: Math.max(1, keys.length, Math.ceil(call.responseBytes / READ_UNIT_BYTES)) };
}

/** Taking away is free; of many its request is a POST. S3 tells queues of objects free of charge, but for the message. */
function ofBucket({ method, url }: RecordedCall): Partial<Counts> {
  const [path = '', query = ''] = url.split('?');
  const isObject = path.slice(1).split('/').slice(1).join('') !== '';
  if (method === 'DELETE' || (method === 'POST' && query.startsWith('delete'))) return {};
  if (method === 'PUT' || method === 'POST') return { objectWrites: 1 };
  return isObject ? { objectReads: 1 } : { objectWrites: 1 };
}

function ofBus(body: string): Partial<Counts> {
  return { events: (JSON.parse(body) as { Entries: unknown[] }).Entries.length };
}

/** Requests that failed too: AWS charges for most of them. Calls of STS, ECS and of executions themselves are free. */
function ofCall(call: RecordedCall, sizes: RowSizes): Partial<Counts> {
  const operation = operationOf(call);
  switch (credentialOf(call)?.service) {
    case 's3':
      return ofBucket(call);
    case 'dynamodb':
      return ofTable(operation, call, sizes);
    case 'kms':
      return operation === 'GenerateMac' ? { symmetric: 1 } : { signatures: 1 };
    case 'sqs':
      return call.body.includes('.fifo') ? { orderedMessages: 1 } : { messages: 1 };
    case 'events':
      return ofBus(call.body);
    case 'sts':
      return { symmetric: KEY_REQUESTS_OF_A_SESSION };
    default:
      return {};
  }
}

/** An invocation, and what brings it: a queue is received from and deleted from once a batch. Lambda reads streams for free. */
function ofInvocation(names: DeploymentNames, invocation: Invocation): Partial<Counts> {
  const { elapsedMs, memoryMiB = 0, logBytes = 0, records = 0, failed = false } = invocation;
  if (elapsedMs === undefined) return {};
  const queue = records > 0 ? STAGES_OF_QUEUES[stageOf(names, invocation)] : undefined;
  return {
    invocations: 1,
    gigabyteSeconds: (memoryMiB / 1_024) * (elapsedMs / 1_000),
    logBytes: logBytes + (failed ? PLATFORM_LOG_BYTES : 0),
    ...(queue !== undefined && { [queue]: 2 }),
  };
}

export function stageOf(names: DeploymentNames, { function: name }: Invocation): string {
  return name.slice(names.name.length + 1);
}

export interface Observed {
  /** Of the deployment's roles and its workers; not those of people. */
  calls: readonly RecordedCall[];
  invocations: readonly Invocation[];
  /** States that executions entered. */
  transitions: number;
  executions: number;
}

/** Messages that S3 and EventBridge put into queues: what `submit` and `settle` were given and nobody of ours had sent. */
function deliveries({ calls, invocations }: Observed, names: DeploymentNames): number {
  const taken = invocations
    .filter((one) => ['submit', 'settle'].includes(stageOf(names, one)))
    .reduce((sum, { records = 0 }) => sum + records, 0);
  const sent = calls
    .filter(({ body }) => body.includes(`/${names.queue('submit')}"`))
    .reduce((sum, { body }) => sum + ((JSON.parse(body) as { Entries?: unknown[] }).Entries?.length ?? 1), 0);
  return taken - sent;
}

/** @param sizes of all rows before; shared by the windows of one record */
export function countsOf(observed: Observed, names: DeploymentNames, sizes: RowSizes): Counts {
  const { calls, invocations, transitions, executions } = observed;
  let sum: Counts = combined(NOTHING, {
    transitions,
    // The machine writes the row of its execution.
    writeUnits: executions,
    messages: deliveries(observed, names),
    logBytes: executions * EXECUTION_LOG_BYTES,
    traces: executions * TRACED,
  });
  for (const call of calls) sum = combined(sum, ofCall(call, sizes));
  for (const one of invocations) sum = combined(sum, ofInvocation(names, one));
  return sum;
}
