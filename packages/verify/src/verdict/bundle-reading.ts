/** Follows the lines of one bundle: gathers what they say, and lets every check see them. */

import type { AuditorMaterial, BundleFacts, Check, Proven } from '../checks/check.ts';
import { Contradiction } from '../contradiction.ts';
import { hexOf } from '../crypto/bytes.ts';
import { EvidenceError } from '../evidence-error.ts';
import { TreeBuilder } from '../log/merkle.ts';
import { type BundleLine, type LineRules, readBundleLine } from '../record/bundle-line.ts';
import { EnvelopePairing, type Paired } from '../record/pairing.ts';
import { PlanBook } from '../replay/plan-book.ts';
import { type CheckResult, CheckRun } from './check-run.ts';
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
  readonly proven: Proven = {};
  #hasEnded = false;
  /** Attempts that ran inside the control plane's own process. */
  inProcess = 0;
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
    if (event.type === 'attempt.dispatched' && event.data.isolation === 'in-process') this.inProcess++;
    if (event.type === 'run.planned') this.#gatherPlan(event.data);
  }

  #gatherPlan(part: Parameters<PlanBook['add']>[0]): void {
    try {
      this.facts.plan.add(part);
    } catch (error) {
      if (!(error instanceof Contradiction)) throw error;
      this.facts.planProblem ??= error.message;
    }
  }

  #show(pair: Paired | undefined): void {
    if (pair?.type === 'attempt.dispatched') {
      this.#run.show('dispatch', (watcher) => watcher.dispatch?.(pair.event, pair.manifest));
    }
    if (pair?.type === 'attempt.settled') {
      this.#run.show('settlement', (watcher) => watcher.settlement?.(pair.event, pair.attestations));
    }
  }
}
