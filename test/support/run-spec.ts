import type { ControlSpec } from '@waybill/client/compile';

/** Documents as a client submits them, for tests that care about the items and not about the form. */

export interface ItemDraft {
  id: string;
  dependsOn?: string[];
  needs?: Record<string, { from?: string; oneOf?: string[]; select: 'patch' | { output: string }; onError?: 'stop' }>;
  when?: object;
  onError?: 'stop' | 'continue';
  /** Instead of the pipeline that every other item gets. */
  gate?: { approvals?: number; reviewers?: string[]; expires?: string };
  locks?: (string | { name: string; mode: 'shared' | 'exclusive' })[];
  retry?: { maxAttempts?: number; backoff?: string; maxBackoff?: string };
  priority?: number;
  environment?: string;
  timeout?: string;
  deadline?: string;
  notBefore?: string;
  /** Makes the script of its pipeline a gate or a check. */
  lens?: 'gate' | 'verify';
}

/** A run of these items; each gets a pipeline, because an item without one is refused. */
export function runOf(
  items: readonly ItemDraft[],
  spec: { queue?: string; caps?: object; defaults?: object } = {},
): object {
  return {
    apiVersion: 'waybill/v1',
    kind: 'Run',
    metadata: { name: 'tested' },
    spec: {
      ...spec,
      items: items.map(({ lens, ...item }) => (item.gate ? item : { ...item, pipeline: pipelineOf(lens) })),
    },
  };
}

function pipelineOf(lens: ItemDraft['lens']): object[] {
  const script = { block: 'script', run: 'true', ...(lens === undefined ? {} : { lens }) };
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

/** A request to end a run without a seal. */
export function abortOf(run: string, reason: string): object {
  return { apiVersion: 'waybill/v1', kind: 'Control', spec: { verb: 'abort', run, reason } };
}

/** `count` items named by a prefix and their place, whose order by name is their order. */
export function itemsOf(prefix: string, count: number, more: Omit<ItemDraft, 'id'> = {}): ItemDraft[] {
  return Array.from({ length: count }, (_, n) => ({ id: `${prefix}${String(n).padStart(3, '0')}`, ...more }));
}
