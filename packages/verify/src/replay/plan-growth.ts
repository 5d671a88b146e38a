/** What a run added to its plan, gathered as it passes: each addition is what the plan, or an object that was accepted, comes to. */
import { mustFind, mustHold } from '../contradiction.ts';
import type { EventData, RecordedOutput, RunEvent } from '../record/events.ts';
import { branchDeps, branchId, branchNeeds, branchSpec, outputsUnder } from '../record/growth.ts';
import type { PlanBook } from './plan-book.ts';
import { mustBeLinked } from './plan-links.ts';

export class PlanGrowth {
  readonly #plan: PlanBook;
  /** Of the extension whose parts are passing by. */
  #control: string | undefined;
  #part = 0;
  #partsDue = 0;
  #added: string[] = [];

  constructor(plan: PlanBook) {
    this.#plan = plan;
  }

  /** Takes what changes the plan, and what decides how it may. Throws Contradiction. */
  take(event: RunEvent): void {
    if (event.type === 'run.opened') this.#plan.isOpenEnded ||= event.data.openEnded !== undefined;
    else if (event.type === 'run.planned') this.#plan.add(event.data);
    else if (event.type === 'attempt.settled') this.#leave(event.data.item, event.data.next, event.data.outputs);
    else if (event.type === 'item.reused') this.#leave(event.data.item, 'done', event.data.outputs);
    else if (event.type === 'items.spawned') this.#spawn(event.data);
    else if (event.type === 'run.extended') this.#extend(event.data);
  }

  #leave(item: string, next: string, outputs: readonly RecordedOutput[]): void {
    if (next === 'done' && this.#plan.isSplit(item)) this.#plan.outputs.set(item, outputs);
  }

  #spawn({ item: id, items }: EventData['items.spawned']): void {
    const booked = mustFind(this.#plan.items.get(id), `item ${id} becomes many and is not in the plan`);
    const forEach = mustFind(booked.forEach, `item ${id} becomes many, which its plan does not say`);
    mustHold(booked.branches === undefined, `item ${id} becomes many twice`);
    const paths = outputsUnder(forEach, this.#plan.outputs.get(forEach.from) ?? []);
    const count = items.length;
    mustHold(count === paths.length, `item ${id} becomes ${count} items, ${forEach.from} left ${paths.length} outputs`);
    mustHold(count <= forEach.max, `item ${id} becomes ${count} items, its plan allows ${forEach.max}`);
    const { spec: template, deps: _waited, needs: own, when: _asked, forEach: _many, ...shared } = booked;
    for (const [place, path] of paths.entries()) {
      const { id: branch = '', spec } = items[place] ?? {};
      mustHold(
        branch === branchId(id, place),
        `item ${id} becomes ${branch}, which is not what number ${place + 1} is called`,
      );
      mustHold(!this.#plan.items.has(branch) && spec !== undefined, `item ${branch} is planned twice`);
      mustHold(spec === branchSpec(template, place, path), `item ${branch} does something else than ${id} for ${path}`);
      const needs = branchNeeds(forEach, own, path);
      this.#plan.keep(branch, { spec, deps: branchDeps(needs), needs, ...shared }, id);
    }
    booked.branches = items.map(({ id: branch }) => branch);
  }

  #extend({ control, part, parts, items }: EventData['run.extended']): void {
    mustHold(this.#plan.isComplete, 'the run is extended before its plan is complete');
    if (this.#control === undefined) this.#partsDue = parts;
    this.#control ??= control;
    const isNext = control === this.#control && part === this.#part && part < parts;
    mustHold(isNext, `part ${part} of an extension stands where part ${this.#part} belongs`);
    mustHold(parts === this.#partsDue, 'the parts of an extension disagree on how many they are');
    this.#part++;
    for (const entry of items) {
      this.#plan.book(entry);
      if (entry.more === undefined) this.#added.push(entry.id);
    }
    if (this.#part < parts) return;
    mustHold(!this.#plan.isCutShort, 'an extension ends within the entries of one item');
    // Nothing that comes later may be waited for: runs grow forward.
    for (const id of this.#added) mustBeLinked(id, mustFind(this.#plan.items.get(id), id), this.#plan.items);
    this.#control = undefined;
    this.#part = 0;
    this.#added = [];
  }
}
