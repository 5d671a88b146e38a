/** Follows the lines of one bundle: gathers what they say, and lets every check see them. */

import type { AuditorMaterial, BundleFacts, Check, Proven } from '../checks/check.ts';
import { Contradiction } from '../contradiction.ts';
import { hexOf } from '../crypto/bytes.ts';
import { EvidenceError } from '../evidence-error.ts';
import { TreeBuilder } from '../log/merkle.ts';
import { type BundleLine, type LineRules, readBundleLine } from '../record/bundle-line.ts';
import type { RunEvent } from '../record/events.ts';
import { EnvelopePairing, type Paired } from '../record/pairing.ts';
import { PlanBook } from '../replay/plan-book.ts';
import { PlanGrowth } from '../replay/plan-growth.ts';
import { type CheckResult, CheckRun } from './check-run.ts';
import type { Unguarded } from './verdict.ts';
import type { VerdictCode } from './verdict-code.ts';

export class BundleReading {
  readonly #rules: LineRules;
  readonly #run: CheckRun;
  readonly #tree = new TreeBuilder();
  readonly #pairing = new EnvelopePairing();
  readonly facts: BundleFacts = {
    header: undefined,
    plan: new PlanBook(),
    planProblem: undefined,
    opened: undefined,
    completed: undefined,
    firstLeaf: undefined,
    size: 0,
    root: undefined,
    seal: undefined,
    openedEntry: undefined,
    sealedEntry: undefined,
    tsr: undefined,
  };
  readonly #growth = new PlanGrowth(this.facts.plan);
  readonly proven: Proven = {};
  #hasEnded = false;
  readonly unguarded: Unguarded = { inProcess: 0, reusedUnsandboxed: 0, reusedInProcess: 0 };
  lines = 0;

  constructor(checks: readonly Check[], rules: LineRules, material: AuditorMaterial) {
    this.#rules = rules;
    this.#run = new CheckRun(checks, { ...material, facts: this.facts, proven: this.proven });
  }

  take(bytes: Uint8Array): void {
    this.see(() => readBundleLine(bytes, this.#rules));
  }

  /** Takes the next line, however it is written down. */
  see(read: () => BundleLine): void {
    if (this.#hasEnded) throw new EvidenceError('CONTAINER', 'the file goes on after its end');
    const line = read();
    if (this.lines === 0 && line.kind !== 'header') throw new EvidenceError('CONTAINER', 'the file has no header');
    this.#gather(line);
    this.#run.show('line', (watcher) => watcher.line?.(line));
    this.#show(this.#pairing.take(line));
    if (line.kind === 'event') {
      const { event } = line;
      this.#run.show('event', (watcher) => watcher.event?.(event));
    }
    this.#hasEnded = line.kind === 'end';
    this.lines++;
  }

  settle(everything: boolean): Promise<void> {
    return this.#run.settle(everything);
  }

  async finish(): Promise<void> {
    if (!this.#hasEnded) throw new EvidenceError('CONTAINER', 'the file has no end record: it is cut short');
    this.facts.root = `sha256:${hexOf(this.#tree.root())}`;
    await this.#run.finish();
  }

  results(malformed: { code: VerdictCode; detail: string } | undefined): CheckResult[] {
    return this.#run.results(malformed);
  }

  #gather(line: BundleLine): void {
    const { facts } = this;
    if (line.kind === 'header') facts.header ??= line.header;
    if (line.kind === 'seal') facts.seal ??= line.seal;
    if (line.kind === 'time') facts.tsr ??= line.tsr;
    if (line.kind === 'log') {
      const { entry } = line.record;
      if (entry.type === 'run.opened') facts.openedEntry ??= { ...line.record, entry };
      else facts.sealedEntry ??= { ...line.record, entry };
    }
    if (line.kind !== 'event') return;
    this.#tree.append(line.leaf);
    facts.size = this.#tree.size;
    facts.firstLeaf ??= line.leaf;
    const { event } = line;
    if (event.type === 'run.opened') facts.opened ??= event;
    if (event.type === 'run.completed') facts.completed = event;
    this.#gatherUnguarded(event);
    this.#gatherPlan(event);
  }

  #gatherUnguarded({ type, data }: RunEvent): void {
    if (type === 'attempt.dispatched' && data.isolation === 'in-process') this.unguarded.inProcess++;
    if (type !== 'item.reused') return;
    if (data.isolation === 'none') this.unguarded.reusedUnsandboxed++;
    if (data.isolation === 'in-process') this.unguarded.reusedInProcess++;
  }

  #gatherPlan(event: RunEvent): void {
    try {
      this.#growth.take(event);
    } catch (error) {
      if (!(error instanceof Contradiction)) throw error;
      this.facts.planProblem ??= error.message;
    }
  }

  #show(pair: Paired | undefined): void {
    if (pair?.type === 'attempt.dispatched') {
      this.#run.show('dispatch', (watcher) => watcher.dispatch?.(pair.event, pair.manifest));
    }
    if (pair?.type === 'item.reused') {
      this.#run.show('reuse', (watcher) => watcher.reuse?.(pair.event, pair.provenance));
    }
    if (pair?.type === 'attempt.settled') {
      this.#run.show('settlement', (watcher) => watcher.settlement?.(pair.event, pair.attestations));
    }
  }
}
