/** What a client has uploaded for a run becomes artifacts, each checked against its digest on the way: the source, and what items read. */
import { type Refusal, WaybillError } from '@waybill/client/errors';
import type { Plan } from '@waybill/client/plan';
import type { Digest } from '@waybill/verify';
import type { FlowDeps } from '#flow/deps.ts';
import type { InboxObject } from '#ports/inbox.ts';

interface Promised {
  path: string;
  /** Under it, where the digest stands. */
  key: string;
  sha256: Digest;
  sizeBytes: number;
}

/** Refusals of the first place that names each file. */
export async function fetchUploads(
  deps: FlowDeps,
  from: Pick<InboxObject, 'principal'>,
  plan: Pick<Plan, 'source' | 'items'>,
): Promise<Refusal[]> {
  const refusals: Refusal[] = [];
  const seen = new Set<string>();
  for (const promised of promisedBy(plan)) {
    const name = `${promised.sha256} ${promised.sizeBytes}`;
    if (seen.has(name)) continue;
    seen.add(name);
    refusals.push(...(await fetchOne(deps, from, promised)));
  }
  return refusals;
}

function promisedBy({ source, items }: Pick<Plan, 'source' | 'items'>): Promised[] {
  const tree =
    source.kind === 'none'
      ? []
      : [{ path: 'spec.source', key: 'bundle', sha256: source.bundle, sizeBytes: source.sizeBytes }];
  const reads = items.flatMap((item, n) =>
    (item.reads ?? []).map(({ key: as, sha256, sizeBytes }) => {
      const path = `spec.items[${n}].reads.${as}`;
      return { path, key: 'sha256', sha256, sizeBytes };
    }),
  );
  return [...tree, ...reads];
}

async function fetchOne(
  deps: FlowDeps,
  { principal }: Pick<InboxObject, 'principal'>,
  { path, key, sha256, sizeBytes }: Promised,
): Promise<Refusal[]> {
  const at = `${path}.${key}`;
  const fix = 'Pack it again and submit what was packed.';
  if ((await deps.artifacts.size(sha256)) === null) {
    const upload = await deps.inbox.openUpload(principal, sha256);
    if (upload === null) {
      const problem = `${sha256} was not uploaded`;
      return [{ code: 'SOURCE_MISSING', path: at, problem, fix: 'Upload it before the submission; the client does.' }];
    }
    try {
      await deps.artifacts.put(upload, { expected: sha256, maxBytes: sizeBytes });
    } catch (error) {
      if (!(error instanceof WaybillError) || error.retryable) throw error;
      const problem = `what was uploaded is not what the spec names: ${error.problem}`;
      return [{ code: 'SOURCE_INVALID', path: at, problem, fix }];
    }
  }
  const stored = await deps.artifacts.size(sha256);
  if (stored === sizeBytes) return [];
  const problem = `it has ${stored} bytes, the spec says ${sizeBytes}`;
  return [{ code: 'SOURCE_INVALID', path: `${path}.sizeBytes`, problem, fix }];
}
