/** People who change their mind at the worst moment, and those who put everything in order before they go home. */
import { digestOf } from '@waybill/verify';
import { type ItemRow, keys, type RunRow, type SpecRow } from '#core/rows.ts';
import type { SchedulesRow } from '#core/schedule-rows.ts';
import { abortOf, cancelOf, controlOf, scheduleVerbOf } from '../support/run-spec.ts';
import type { Deed } from './deed.ts';
import type { Commit, RowTable } from './row-table.ts';
import { mixed, scrambled, type Timeline } from './timeline.ts';

interface World {
  seed: number;
  table: RowTable;
  timeline: Timeline;
  /** Writes an object below `inbox/`. */
  arrive(key: string, document: object): void;
}

export class Minds {
  /** What was asked for beyond the workload. */
  readonly deeds: Pick<Deed, 'key' | 'document'>[] = [];
  readonly #world: World;
  readonly #asked = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  /** An item has just been claimed, or has failed, or a run has just ended. */
  saw({ changes }: Commit): void {
    for (const { pk, sk, before, after } of changes) {
      const run = pk.slice('run/'.length);
      const chance = scrambled(mixed(this.#world.seed, `mind ${pk} ${sk}`));
      if (sk.startsWith('item/') && chance % 60 === 0 && hasState(after, 'running')) {
        const item = sk.slice('item/'.length);
        this.#ask(run, chance % 180 === 0 ? controlOf('pause', run) : cancelOf(run, item), chance);
      }
      const isFailed = sk.startsWith('item/') && hasState(after, 'failed') && !hasState(before, 'failed');
      if (isFailed && chance % 3 === 0) this.#ask(run, controlOf('retry', run, sk.slice('item/'.length)), chance);
      if (sk.startsWith('item/') && hasState(after, 'suspended') && !hasState(before, 'suspended'))
        this.#sawGate(run, sk.slice('item/'.length), after as ItemRow, chance);
      if (sk.startsWith('item/')) this.#sawWaiting(run, sk.slice('item/'.length), before, after, chance);
      if (isGrowth(pk, sk, before, after)) this.#sawGrowth(pk, sk, chance);
      if (sk === 'run' && after !== null) this.#sawRun(run, before as RunRow | null, after as RunRow, chance);
    }
  }

  /** Something waits for money, or for people. */
  #sawWaiting(run: string, id: string, before: object | null, after: object | null, chance: number): void {
    const isShort = (item: object | null): boolean => (item as ItemRow | null)?.short === true;
    const isSuspended = hasState(after, 'suspended') && !hasState(before, 'suspended');
    if (!isSuspended && !(isShort(after) && !isShort(before))) return;
    const [cancel, skip, pause] = [cancelOf(run, id), controlOf('skip', run, id), controlOf('pause', run)];
    const wish = [cancel, skip, skip, pause][(chance >>> 3) % 12];
    if (wish !== undefined) this.#ask(run, wish, chance);
  }

  /** Those who decide it look at what it is about: most of them say so, and some have looked at something else. */
  #sawGate(run: string, id: string, { gate }: ItemRow, chance: number): void {
    const { table, seed } = this.#world;
    const people = table.body<SpecRow>(keys.spec(run, id))?.item.gate?.reviewers ?? [];
    if (gate?.reviewed === undefined) return;
    const { principal = '' } = table.body<RunRow>(keys.run(run)) ?? {};
    for (const who of people.length > 0 ? people : [principal]) {
      const draw = scrambled(mixed(seed, `verdict ${run} ${id} ${who}`));
      const { spec } = controlOf(draw % 5 === 0 ? 'reject' : 'approve', run, id) as { spec: object };
      const about = [{ reviewed: digestOf('something else') }, {}][(draw >>> 4) % 8] ?? { reviewed: gate.reviewed };
      const document = { ...controlOf('approve', run, id), spec: { ...spec, ...about } };
      this.#put(`@control/${who}/look-${chance}.json`, document, (draw >>> 8) % 8_000);
    }
  }

  #sawRun(run: string, was: RunRow | null, now: RunRow, chance: number): void {
    const isEnd = !was?.completedAtMs && now.completedAtMs;
    if (isEnd && chance % 8 === 0) this.#ask(run, abortOf(run, 'regret'), chance);
    if (!was?.stopping && now.stopping && chance % 5 === 0) this.#ask(run, abortOf(run, 'regret'), chance);
    if (now.state !== 'open') return;
    if (was?.state === 'admitting' && chance % 2 === 0) this.#ask(run, this.#early(run, chance >>> 4), chance);
    if (was?.pausedAtMs === undefined && now.pausedAtMs !== undefined && chance % 2 === 0)
      this.#ask(run, controlOf('resume', run), chance + 1);
  }

  /** More items come to be, some moments later or now, and are not written yet. */
  #sawGrowth(pk: string, sk: string, chance: number): void {
    const [kind, run = '', what = ''] = pk === 'todo' ? sk.split('/') : ['', pk.slice('run/'.length), sk.slice(5)];
    const item = kind === 'extend' ? '' : what;
    const spec = this.#world.table.body<SpecRow>(keys.spec(run, item));
    if (chance % 2 !== 0 || (kind === 'decide' && spec?.item.forEach === undefined)) return;
    const ofRun = [cancelOf(run), controlOf('pause', run), controlOf('close', run), abortOf(run, 'regret')];
    const ofItem = [cancelOf(run, item), controlOf('skip', run, `${item}~1`), cancelOf(run, `${item}~2`)];
    const wishes = item === '' ? ofRun : [...ofRun, ...ofItem];
    this.#ask(run, wishes[(chance >>> 4) % wishes.length] as object, chance >>> 2);
  }

  /** Of a run of which nothing has begun. */
  #early(run: string, chance: number): object {
    const [first] = this.#world.table.query(`run/${run}`, { prefix: 'item/', limit: 1 });
    const item = first?.sk.slice('item/'.length) ?? 'none';
    const [cancel, skip] = [cancelOf(run, item), controlOf('skip', run, item)];
    const wishes = [cancelOf(run), cancel, cancel, skip, skip, controlOf('pause', run), abortOf(run, 'regret')];
    return wishes[chance % wishes.length] as object;
  }

  /** Whoever paused a run goes home last: a resume may have been taken in before its pause. */
  resumeAll(): void {
    const { table, timeline } = this.#world;
    for (const { sk: run } of table.query('runs', { prefix: '', limit: 100 })) {
      const isPaused = table.body<RunRow>(keys.run(run))?.pausedAtMs !== undefined;
      if (isPaused) this.#ask(run, controlOf('resume', run), timeline.steps);
    }
  }

  /** Nobody adds anything any more. */
  closeAll(): void {
    const { table, timeline } = this.#world;
    for (const { sk: run } of table.query('runs', { prefix: '', limit: 100 })) {
      const { growth } = table.body<RunRow>(keys.run(run)) ?? {};
      const isOpen = growth?.mostItems !== undefined && !growth.closed;
      if (isOpen) this.#ask(run, controlOf('close', run), timeline.steps + 7);
    }
  }

  /** A deployment with schedules never comes to rest. */
  removeSchedules(): void {
    const { schedules = [] } = this.#world.table.body<SchedulesRow>(keys.schedules()) ?? {};
    for (const { principal, name } of schedules)
      this.#put(`@control/${principal}/home-${name}-${this.#world.timeline.steps}.json`, scheduleVerbOf('rm', name), 0);
  }

  #ask(run: string, document: object, chance: number): void {
    const { principal } = this.#world.table.body<RunRow>(keys.run(run)) ?? {};
    this.#put(`@control/${principal}/m-${chance}.json`, document, chance % 300);
  }

  #put(key: string, document: object, afterMs: number): void {
    if (this.#asked.has(key)) return;
    this.#asked.add(key);
    this.deeds.push({ key, document });
    this.#world.timeline.after(afterMs, () => this.#world.arrive(key, document));
  }
}

/** An item may become many, or has, or somebody has added some. */
function isGrowth(pk: string, sk: string, before: object | null, after: object | null): boolean {
  if (pk === 'todo') return /^(extend|decide)\//.test(sk) && before === null;
  const [was, now] = [before as SpecRow | null, after as SpecRow | null];
  return sk.startsWith('spec/') && was?.branches === undefined && now?.branches !== undefined;
}

function hasState(item: object | null, state: ItemRow['state']): boolean {
  return (item as ItemRow | null)?.state === state;
}
