/** Whether items are added to a run that is open-ended, and that no more are: what stands there then is accepted whole. */
import {
  type Addition,
  extensionProblems,
  inRun,
  namedBy,
  pinProblems,
  planEntries,
  planExtension,
} from '@waybill/client/compile';
import type { PlanItem } from '@waybill/client/plan';
import { canonicalize, digestOf } from '@waybill/verify';
import { itemRows, largestRows, partsOf } from '#core/admission.ts';
import { type Growth, keys, type RunRow, type SharedRow, type SpecRow, type TodoExtendRow } from '#core/rows.ts';
import { type Answer, refuse } from '#flow/answer.ts';
import { type Asked, accepted, controlId, dedupedAs, emitControl } from '#flow/asked.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { egressDenials } from '#flow/egress.ts';
import { environmentProblems } from '#flow/environments.ts';
import { extend } from '#flow/extend.ts';
import { isolationDenial } from '#flow/isolation.ts';
import { required } from '#flow/items.ts';
import { modelProblems } from '#flow/models.ts';
import { holdNoLonger, openMore } from '#flow/open-set.ts';
import { reviewersIn } from '#flow/reviewers.ts';
import { batchesOf } from '#flow/row-batches.ts';
import { secretProblems } from '#flow/secrets.ts';
import type { Draft } from '#flow/transaction.ts';
import { fetchUploads } from '#flow/uploads.ts';

type Accepted = Answer & {
  /** What has to be there first; nothing was decided, and it is asked again. */
  before?: () => Promise<void>;
  follow?: () => Promise<void>;
};

function refuseClosed(problem: string, fix: string): Answer {
  return refuse('invalid', { code: 'RUN_CLOSED', path: 'spec.run', problem, fix });
}

function closedProblem({ growth }: RunRow): Answer | null {
  const fix = 'Submit a run of its own.';
  if (growth?.mostItems === undefined) {
    const problem = 'the run was submitted with all of its items: it is not open-ended';
    return refuseClosed(problem, `${fix} One with \`openEnded: true\` takes more.`);
  }
  return growth.closed ? refuseClosed('somebody has closed the run', fix) : null;
}

export async function acceptExtension(
  deps: FlowDeps,
  draft: Draft,
  asked: Asked,
  written: Addition,
): Promise<Accepted> {
  const { run, row } = asked;
  const closed = closedProblem(row);
  if (closed !== null) return closed;
  const growth = required(row.growth, keys.run(run));
  const { extending } = growth;
  // Its items have to be there to be named.
  if (extending !== undefined) return { ...accepted(run), before: () => extend(deps, run, extending) };
  const addition = inRun(written, (await draft.readOne<SharedRow>(keys.shared(run))) ?? {});
  const present = await presentOf(deps, draft, run, addition);
  const { reserved, edges, mostItems = 0 } = growth;
  const hasSource = row.source.kind !== 'none';
  const { capMicroUsd } = row;
  const extended = { hasSource, present, mostItems, reserved, edges, capMicroUsd };
  const problems = [...extensionProblems(addition, extended), ...pinProblems(addition)];
  if (problems.length > 0) return { status: 'invalid', reasons: problems };
  const planned = planExtension(addition);
  // Of what the run knows they are there; the rest came with this object.
  const absent = await fetchUploads(deps, asked, { source: { kind: 'none' }, items: planned.items });
  if (absent.length > 0) return { status: 'invalid', reasons: absent };
  const denial = isolationDenial(deps.worker, planned);
  const denials = denial === null ? egressDenials(deps, row.queue, planned) : [denial];
  if (denials.length > 0) return { status: 'denied', reasons: denials };
  const unknown = [environmentProblems, secretProblems, modelProblems].flatMap((problemsOf) =>
    problemsOf(deps.worker, planned),
  );
  if (unknown.length > 0) return { status: 'invalid', reasons: unknown };
  // Throws where a row is larger than any store takes, or could become so: nothing could end the run then.
  const rows = itemRows(run, planned, { place: 0, openPlace: 0 }, reviewersIn(deps, row.principal));
  batchesOf(largestRows(run, rows));
  const bytes = new TextEncoder().encode(canonicalize(planned.items));
  const digest = digestOf(bytes);
  const isKept = (await deps.artifacts.size(digest)) !== null;
  if (!isKept)
    return { ...accepted(run), before: async () => void (await deps.artifacts.put(bytes, { expected: digest })) };
  emitControl(deps, draft, asked, 'extend');
  const parts = partsOf(planEntries(planned));
  for (const [part, items] of parts.entries())
    draft.emit(run, { type: 'run.extended', data: { control: asked.digest, part, parts: parts.length, items } });
  const by = controlId(asked);
  const ids = planned.items.map(({ id }) => id);
  const openPlace = await openMore(draft, run, ids);
  const lettingPass = planned.items.filter(({ onError }) => onError === 'continue').map(({ id }) => id);
  const named = lettingPass.length === 0 ? {} : { lettingPass };
  const todo: TodoExtendRow = { planned: digest, control: asked.digest, openPlace, place: row.items, ...named };
  draft.create(keys.todoExtend(run, by), todo);
  const grown: Growth = {
    ...growth,
    reserved: reserved + planned.reserved,
    edges: edges + planned.edges,
    extending: by,
  };
  draft.put(keys.run(run), { ...row, items: row.items + ids.length, growth: grown } satisfies RunRow);
  return { ...accepted(run), follow: () => extend(deps, run, by) };
}

/** Those of the items that are named which the run has, and one that bars each beginning that none may have. */
async function presentOf(
  deps: FlowDeps,
  draft: Draft,
  run: string,
  addition: Addition,
): Promise<Map<string, Pick<PlanItem, 'pipeline' | 'forEach'>>> {
  const { ids, starts } = namedBy(addition);
  const rows = await draft.read<SpecRow>(ids.map((id) => keys.spec(run, id)));
  const present = new Map(ids.flatMap((id, n): [string, PlanItem][] => (rows[n] ? [[id, rows[n].item]] : [])));
  for (const start of starts) {
    const { sk: prefix } = keys.spec(run, start);
    const [found] = await deps.store.query(`run/${run}`, { prefix, limit: 1 });
    if (found) present.set(found.sk.slice('spec/'.length), (found.body as unknown as SpecRow).item);
  }
  return present;
}

/** Nothing more comes: the run ends when what is there has. */
export async function acceptClose(deps: FlowDeps, draft: Draft, asked: Asked): Promise<Accepted> {
  const { run, row } = asked;
  if (row.growth?.closed) return dedupedAs(run);
  const closed = closedProblem(row);
  if (closed !== null) return closed;
  emitControl(deps, draft, asked, 'close');
  draft.put(keys.run(run), {
    ...row,
    growth: { ...required(row.growth, keys.run(run)), closed: true },
  } satisfies RunRow);
  const isCompleted = await holdNoLonger(draft, run);
  return { ...accepted(run), ...(isCompleted ? { follow: async () => deps.hints.runCompleted(run) } : {}) };
}
