import type { ControlSpec, ScheduleSpec, ScheduleVerb } from '@waybill/client/compile';

/** Documents as a client submits them, for tests that care about the items and not about the form. */

export interface ItemDraft {
  id: string;
  dependsOn?: string[];
  needs?: Record<
    string,
    { from?: string; oneOf?: string[]; each?: string; select: 'patch' | { output: string }; onError?: 'stop' }
  >;
  when?: object;
  /** It becomes one for each output of another. */
  forEach?: { from: string; outputs: string; as?: string; max?: number };
  onError?: 'stop' | 'continue';
  /** Instead of the pipeline that every other item gets. */
  gate?: { approvals?: number; reviewers?: string[]; expires?: string; reviews?: string[] };
  locks?: (string | { name: string; mode: 'shared' | 'exclusive' })[];
  retry?: { maxAttempts?: number; backoff?: string; maxBackoff?: string };
  capabilities?: string[];
  values?: string[];
  effect?: 'pure' | 'read' | 'write';
  reads?: Record<string, { sha256: string; sizeBytes: number }>;
  outputs?: Record<string, { kind: 'csv' | 'json' | 'jsonl' | 'patch' | 'text'; schema?: object }>;
  shape?: { name: string; pack: string; shape: string };
  priority?: number;
  env?: Record<string, string>;
  environment?: string;
  egress?: string[];
  timeout?: string;
  deadline?: string;
  notBefore?: string;
  maxUsd?: number;
  /** Makes the script of its pipeline a gate or a check. */
  lens?: 'gate' | 'verify';
  /** Of that script. */
  secrets?: Record<string, string>;
}

/** A run of these items; each gets a pipeline, because an item without one is refused. */
export function runOf(
  items: readonly ItemDraft[],
  spec: {
    queue?: string;
    caps?: object;
    defaults?: object;
    pins?: object;
    reuse?: 'off';
    notBefore?: string;
    source?: object;
    openEnded?: boolean;
    callback?: string;
  } = {},
): object {
  return {
    apiVersion: 'waybill/v1',
    kind: 'Run',
    metadata: { name: 'tested' },
    spec: {
      ...spec,
      items: specsOf(items),
    },
  };
}

function specsOf(items: readonly ItemDraft[]): object[] {
  return items.map(({ lens, secrets, ...item }) =>
    item.gate ? item : { ...item, pipeline: pipelineOf(lens, secrets) },
  );
}

/** A request to add items to a run that is open-ended. */
export function extendOf(run: string, items: readonly ItemDraft[], around: object = {}): object {
  return { apiVersion: 'waybill/v1', kind: 'Control', spec: { verb: 'extend', run, ...around, items: specsOf(items) } };
}

function pipelineOf(lens: ItemDraft['lens'], secrets: ItemDraft['secrets']): object[] {
  const more = { ...(lens === undefined ? {} : { lens }), ...(secrets === undefined ? {} : { secrets }) };
  const script = { block: 'script', run: 'true', ...more };
  return [script, { block: 'capture', what: 'outputs' }];
}

/** A request to cancel a run, or one item of it. */
export function cancelOf(run: string, item?: string): object {
  return controlOf('cancel', run, item);
}

/** A request to steer a run or an item of it. */
export function controlOf(verb: ControlSpec['spec']['verb'], run: string, item?: string): object {
  return {
    apiVersion: 'waybill/v1',
    kind: 'Control',
    spec: { verb, run, ...(item === undefined ? {} : { item }) },
  };
}

/** The answer to what an item asks. */
export function answerOf(run: string, item: string, text: string, question?: string): object {
  const spec = { verb: 'answer', run, item, text, ...(question === undefined ? {} : { question }) };
  return { apiVersion: 'waybill/v1', kind: 'Control', spec };
}

/** A request to end a run without a seal. */
export function abortOf(run: string, reason: string): object {
  return { apiVersion: 'waybill/v1', kind: 'Control', spec: { verb: 'abort', run, reason } };
}

/** `count` items named by a prefix and their place, whose order by name is their order. */
export function itemsOf(prefix: string, count: number, more: Omit<ItemDraft, 'id'> = {}): ItemDraft[] {
  return Array.from({ length: count }, (_, n) => ({ id: `${prefix}${String(n).padStart(3, '0')}`, ...more }));
}

/** A schedule whose run has these items. */
export function scheduleOf(
  name: string,
  { items, ...spec }: Omit<ScheduleSpec['spec'], 'run'> & { items: readonly ItemDraft[] },
): ScheduleSpec {
  const { spec: run } = runOf(items) as { spec: ScheduleSpec['spec']['run'] };
  return { apiVersion: 'waybill/v1', kind: 'Schedule', metadata: { name }, spec: { ...spec, run } };
}

/** A request to do something with a schedule. */
export function scheduleVerbOf(verb: ScheduleVerb['do'], schedule: string): object {
  return { apiVersion: 'waybill/v1', kind: 'Control', spec: { verb: 'schedule', do: verb, schedule } };
}
