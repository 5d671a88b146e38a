/** Runs checks side by side over the same lines; one that fails stops alone. */
import type { Check, CheckContext, CheckId, Watcher } from './checks/check.ts';
import { Contradiction } from './contradiction.ts';
import { EvidenceError } from './evidence-error.ts';

export type CheckStatus = 'pass' | 'fail' | 'skip';

export interface CheckResult {
  /** `well-formed`: every line could be read. */
  id: CheckId | 'well-formed';
  status: CheckStatus;
  claim: string;
  /** Why it failed or was skipped; empty when it passed. Quotes the bundle: escape it before printing. */
  detail: string;
}

export class CheckRun {
  readonly #checks: readonly Check[];
  readonly #skipped = new Set<CheckId>();
  readonly #watchers = new Map<CheckId, Watcher>();
  readonly #failures = new Map<CheckId, string>();

  constructor(checks: readonly Check[], context: CheckContext) {
    this.#checks = checks;
    for (const check of checks) {
      if (check.needsTrust && context.trust === undefined) this.#skipped.add(check.id);
      else this.#watchers.set(check.id, check.start(context));
    }
  }

  each(visit: (watcher: Watcher) => void): void {
    for (const [id, watcher] of this.#watchers) {
      try {
        visit(watcher);
      } catch (error) {
        this.#fail(id, error);
      }
    }
  }

  /** Waits for what the checks have started aside. */
  settle(): Promise<void> {
    return this.#eachInTurn((watcher) => watcher.settle?.());
  }

  /** The file has ended. */
  finish(): Promise<void> {
    return this.#eachInTurn((watcher) => watcher.finish?.());
  }

  /** @param malformed why reading stopped; the checks that had not failed by then say nothing */
  results(malformed: string | undefined): CheckResult[] {
    const read: CheckResult = {
      id: 'well-formed',
      status: malformed === undefined ? 'pass' : 'fail',
      claim: 'Every line is canonical JSON of a known, closed shape and within the limits.',
      detail: malformed ?? '',
    };
    return [read, ...this.#checks.map((check) => this.#result(check, malformed !== undefined))];
  }

  async #eachInTurn(visit: (watcher: Watcher) => Promise<void> | void): Promise<void> {
    for (const [id, watcher] of this.#watchers) {
      try {
        await visit(watcher);
      } catch (error) {
        this.#fail(id, error);
      }
    }
  }

  #fail(id: CheckId, error: unknown): void {
    if (!(error instanceof Contradiction || error instanceof EvidenceError)) throw error;
    this.#failures.set(id, error.message);
    this.#watchers.delete(id);
  }

  #result({ id, claim }: Check, isCutShort: boolean): CheckResult {
    const failure = this.#failures.get(id);
    if (failure !== undefined) return { id, status: 'fail', claim, detail: failure };
    if (this.#skipped.has(id)) return { id, status: 'skip', claim, detail: 'no keys were supplied' };
    if (isCutShort) return { id, status: 'skip', claim, detail: 'the file could not be read to its end' };
    return { id, status: 'pass', claim, detail: '' };
  }
}
