/** What a run becomes follows from what is recorded, each item comes once and whole, and until then the run does not end. */
import type { RunCounts } from '@waybill/verify';
import type { RowChange } from '#core/row-changes.ts';
import { type Growth, type ItemRow, keys, type OpenRow, type RunRow } from '#core/rows.ts';
import { isTerminal } from '#core/tally.ts';
import { isLeftOut, leftBy } from '#core/upstream.ts';
import type { RowTable } from './row-table.ts';
import { rowOf, specOf } from './rows-of.ts';
import type { Told } from './told-transitions.ts';
import { mustHold } from './violation.ts';

/** An item that is announced and not written. */
interface Announced {
  by: string;
  spec: string;
  /** The one that a branch is for. */
  output?: string;
}

export class GrowthInvariants {
  readonly #table: RowTable;
  /** By run and id. */
  readonly #announced = new Map<string, Map<string, Announced>>();

  constructor(table: RowTable) {
    this.#table = table;
  }

  committed(changes: readonly RowChange[], events: readonly Told[]): void {
    const comes = new Map<string, string[]>();
    for (const { run, event } of events) {
      const isNew = event.type === 'items.spawned' || event.type === 'run.extended';
      if (!isNew) continue;
      const { items } = event.data;
      comes.set(run, [...(comes.get(run) ?? []), ...items.map(({ id }) => id)]);
      if (event.type === 'items.spawned') this.#spawned(run, event.data);
      else for (const { id, spec } of items) this.#announce(run, id, { by: event.data.control, spec });
    }
    const runs = new Map<string, RowChange[]>();
    for (const change of changes) {
      const { pk, sk } = change;
      if (!pk.startsWith('run/')) continue;
      const run = pk.slice('run/'.length);
      if (sk.startsWith('item/')) this.#item(run, sk.slice('item/'.length), change);
      if (sk === 'run') this.#run(run, change, comes.get(run) ?? []);
      if (sk === 'run' || sk.startsWith('item/') || sk.startsWith('open/'))
        runs.set(run, [...(runs.get(run) ?? []), change]);
    }
    for (const { pk, sk, before, after } of changes)
      if (pk === 'todo' && after === null) this.#mustBeWhole(sk, before as { control?: string });
    for (const [run, ofRun] of runs) this.#mustAgree(run, ofRun, comes.get(run) ?? []);
    for (const { run, event } of events) if (event.type === 'run.completed') this.#completed(run, event.data.counts);
  }

  /** One for each output under the beginning of the path, in the order of their names. */
  #spawned(run: string, { item, items }: { item: string; items: readonly { id: string; spec: string }[] }): void {
    const { forEach } = specOf(this.#table, run, item).item;
    mustHold(forEach !== undefined, 'I9', `${item} of ${run} becomes many, and its plan does not say so`);
    const start = `outputs/${forEach.outputs}`;
    const names = (leftBy(rowOf(this.#table, run, forEach.from))?.outputs ?? []).map(({ name }) => name);
    const found = names.filter((name) => name.startsWith(start)).sort();
    const wanted = found.map((_name, n) => `${item}~${n + 1}`);
    const are = items.map(({ id }) => id);
    mustHold(wanted.join() === are.join(), 'I9', `${item} of ${run} becomes ${are}, and its outputs say ${wanted}`);
    mustHold(are.length <= forEach.max, 'I9', `${item} of ${run} becomes ${are.length}, more than ${forEach.max}`);
    items.forEach(({ id, spec }, n) => {
      this.#announce(run, id, { by: item, spec, output: (found[n] ?? '').slice('outputs/'.length) });
    });
  }

  #announce(run: string, id: string, what: Announced): void {
    const ofRun = this.#announced.get(run) ?? new Map<string, Announced>();
    const isThere = ofRun.has(id) || this.#table.body(keys.item(run, id)) !== null;
    mustHold(!isThere, 'I9', `${id} comes into ${run} twice`);
    this.#announced.set(run, ofRun.set(id, what));
  }

  #item(run: string, id: string, { before, after }: RowChange): void {
    const [was, now] = [before as ItemRow | null, after as ItemRow | null];
    if (was === null && now !== null) this.#written(run, id, now);
    const isDone = now?.state === 'done' && was?.state !== 'done';
    if (!isDone) return;
    const { item, branches = 0 } = specOf(this.#table, run, id);
    for (let n = 1; n <= branches; n += 1) {
      const row = rowOf(this.#table, run, `${id}~${n}`);
      const isLetPass = (row.state === 'failed' && item.onError === 'continue') || isLeftOut(row);
      mustHold(row.state === 'done' || isLetPass, 'I2', `${id} of ${run} is done while ${id}~${n} is ${row.state}`);
    }
  }

  #written(run: string, id: string, { addedBy }: ItemRow): void {
    const announced = this.#announced.get(run)?.get(id);
    if (addedBy === undefined) {
      mustHold(announced === undefined, 'I9', `${id} of ${run} is written as if the plan had it`);
      return;
    }
    const by = 'item' in addedBy ? addedBy.item : addedBy.control;
    mustHold(announced?.by === by, 'I9', `${by} adds ${id} to ${run}, which was not announced, or was written before`);
    const { digest, item } = specOf(this.#table, run, id);
    mustHold(digest === announced.spec, 'I9', `${id} of ${run} is another than was announced`);
    const { output } = announced;
    const forEach = output === undefined ? undefined : specOf(this.#table, run, by).item.forEach;
    const given = item.needs.find(({ key }) => key === forEach?.as);
    const isItsOwn = JSON.stringify([given?.from, given?.select]) === JSON.stringify([[forEach?.from], { output }]);
    mustHold(output === undefined || isItsOwn, 'I9', `${id} of ${run} is not given ${output}`);
    this.#announced.get(run)?.delete(id);
  }

  /** What was to be written is. */
  #mustBeWhole(todo: string, { control }: { control?: string }): void {
    const [kind = '', run = '', what = ''] = todo.split('/');
    if (kind !== 'spawn' && kind !== 'extend') return;
    const left = [...(this.#announced.get(run) ?? [])].filter(([, { by }]) => by === (control ?? what));
    mustHold(left.length === 0, 'I9', `${left.map(([id]) => id)} of ${run} are not written, and nobody will`);
  }

  #run(run: string, { before, after }: RowChange, comes: readonly string[]): void {
    const [was, now] = [before as RunRow | null, after as RunRow | null];
    if (was === null || now === null) return;
    mustHold(now.items - was.items === comes.length, 'I9', `${run} has ${now.items} items after ${was.items}`);
    const [had, has]: Partial<Growth>[] = [was.growth ?? {}, now.growth ?? {}];
    mustHold(!had?.closed || has?.closed === true, 'I8', `${run} was closed and is opened again`);
    if (has?.extending === undefined || had?.extending === has.extending) return;
    mustHold(!had?.closed, 'I8', `${run} is added to after it was closed`);
    mustHold(had?.mostItems !== undefined, 'I8', `${run} is added to and is not open-ended`);
    mustHold(had.extending === undefined, 'I8', `${run} is added to twice at once`);
    mustHold(was.completedAtMs === undefined, 'I8', `${run} is added to after it has ended`);
    mustHold(now.items <= had.mostItems, 'I8', `${run} has ${now.items} items, more than ${had.mostItems}`);
  }

  /** Whatever is open stands in the open set, from the moment at which it is announced, and nothing else does. */
  #mustAgree(run: string, changes: readonly RowChange[], comes: readonly string[]): void {
    const row = this.#table.body<RunRow>(keys.run(run));
    if (row === null || row.state === 'admitting') return;
    const ofRun = changes.find(({ sk }) => sk === 'run');
    const isOpening = ofRun !== undefined && [undefined, 'admitting'].includes((ofRun.before as RunRow | null)?.state);
    if (isOpening) {
      this.#mustBeginWhole(run);
      return;
    }
    const opened = new Set<string>(comes);
    const ended = new Set<string>();
    const held = { opened: new Set<string>(), ended: new Set<string>() };
    for (const { sk, before, after } of changes) {
      if (sk.startsWith('open/') && sk !== 'open/root') this.#diff(run, sk, before as OpenRow, after as OpenRow, held);
      if (!sk.startsWith('item/') || before === null || after === null) continue;
      const [was, is] = [isTerminal((before as ItemRow).state), isTerminal((after as ItemRow).state)];
      if (was !== is) (is ? ended : opened).add(sk.slice('item/'.length));
    }
    const said = (ids: ReadonlySet<string>): string => [...ids].sort().join();
    const isSame = said(held.opened) === said(opened) && said(held.ended) === said(ended);
    const differing = `${said(held.opened)} for ${said(opened)}, and ends ${said(held.ended)} for ${said(ended)}`;
    mustHold(isSame, 'I9', `the open set of ${run} opens ${differing}`);
  }

  #diff(
    run: string,
    sk: string,
    before: OpenRow | null,
    after: OpenRow | null,
    held: { opened: Set<string>; ended: Set<string> },
  ): void {
    const [was, now] = [new Set(before?.ids), new Set(after?.ids)];
    for (const id of now) if (!was.has(id)) held.opened.add(id);
    for (const id of was) if (!now.has(id)) held.ended.add(id);
    const root = this.#table.body<OpenRow>(keys.openRoot(run));
    const isNamed = root?.ids.includes(String(Number(sk.slice('open/'.length)))) === true;
    mustHold(isNamed === now.size > 0, 'I9', `${sk} of ${run} has ${now.size} items, and its root says otherwise`);
  }

  #mustBeginWhole(run: string): void {
    const bodies = (prefix: string): [string, object][] =>
      this.#table
        .query(`run/${run}`, { prefix, limit: Number.MAX_SAFE_INTEGER })
        .map(({ sk, body }) => [sk.slice(prefix.length), body]);
    const items = bodies('item/').filter(([, body]) => !isTerminal((body as ItemRow).state));
    const open = bodies('open/').flatMap(([n, body]) => (n === 'root' ? [] : (body as OpenRow).ids));
    const ids = items.map(([id]) => id);
    mustHold(ids.sort().join() === open.sort().join(), 'I9', `${run} begins with ${ids}, and ${open} are open`);
  }

  #completed(run: string, counts: RunCounts): void {
    const left = [...(this.#announced.get(run)?.keys() ?? [])];
    mustHold(left.length === 0, 'I8', `${run} is completed before ${left} are written`);
    const row = this.#table.body<RunRow>(keys.run(run));
    mustHold(row !== null, 'I9', `${run} is gone`);
    const isHeld = row.growth?.mostItems !== undefined && !row.growth.closed && !row.stopping;
    mustHold(!isHeld, 'I8', `${run} is completed and was to be held open`);
    const items = this.#table.query(`run/${run}`, { prefix: 'item/', limit: Number.MAX_SAFE_INTEGER });
    const of = (state: string): number => items.filter(({ body }) => body.state === state).length;
    for (const state of ['done', 'failed', 'skipped', 'cancelled', 'denied'] as const)
      mustHold(counts[state] === of(state), 'I9', `${run} counts ${counts[state]} ${state}, and has ${of(state)}`);
    const isWhole = counts.items === items.length && row.items === items.length;
    mustHold(isWhole, 'I9', `${run} counts ${counts.items} of ${row.items} items, and has ${items.length}`);
  }
}
