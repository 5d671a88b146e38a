/** Runs checks side by side over the same lines; one that fails stops alone. */
import type { Check, CheckContext, CheckId, Outcome, Watcher } from '../checks/check.ts';
import { Contradiction } from '../contradiction.ts';
import { EvidenceError } from '../evidence-error.ts';
import type { VerdictCode } from './verdict-code.ts';

export type CheckStatus = 'fail' | Outcome['status'];

export interface CheckResult {
  /** `well-formed`: every line could be read. */
  id: CheckId | 'well-formed';
  status: CheckStatus;
  /** Null when and only when it passed. */
  code: VerdictCode | null;
  claim: string;
  /** Why it did not pass; may say more when it did. Quotes the bundle: escape it before printing. */
  detail: string;
}

const PASSED: Outcome = { status: 'pass', code: null, detail: '' };
const NO_KEYS: Outcome = { status: 'skip', code: 'NO_KEYS', detail: 'no keys were supplied' };
const CUT_SHORT: Outcome = { status: 'skip', code: 'CUT_SHORT', detail: 'the file could not be read to its end' };

/** What passes while a file is read. */
type Sight = 'line' | 'event' | 'dispatch' | 'settlement' | 'reuse';

export class CheckRun {
  readonly #checks: readonly Check[];
  /** Those that have not failed. */
  readonly #watchers = new Map<Check, Watcher>();
  readonly #lookers: Record<Sight, readonly Check[]>;
  readonly #outcomes = new Map<Check, Outcome | { status: 'fail'; code: VerdictCode; detail: string }>();

  constructor(checks: readonly Check[], context: CheckContext) {
    this.#checks = checks;
    for (const check of checks) {
      if (check.needsTrust && context.trust === undefined) this.#outcomes.set(check, NO_KEYS);
      else this.#watchers.set(check, check.start(context));
    }
    const lookersAt = (kind: Sight): Check[] =>
      checks.filter((check) => this.#watchers.get(check)?.[kind] !== undefined);
    this.#lookers = {
      line: lookersAt('line'),
      event: lookersAt('event'),
      dispatch: lookersAt('dispatch'),
      settlement: lookersAt('settlement'),
      reuse: lookersAt('reuse'),
    };
  }

  /** Shows something to every watcher that looks at its kind. */
  show(kind: Sight, visit: (watcher: Watcher) => void): void {
    for (const check of this.#lookers[kind]) {
      const watcher = this.#watchers.get(check);
      if (watcher === undefined) continue;
      try {
        visit(watcher);
      } catch (error) {
        this.#fail(check, error);
      }
    }
  }

  /** Waits for what the checks have started aside. */
  async settle(everything: boolean): Promise<void> {
    for (const [check, watcher] of this.#watchers) {
      try {
        await watcher.settle?.(everything);
      } catch (error) {
        this.#fail(check, error);
      }
    }
  }

  /** Ends the checks in their order: later ones may build on what earlier ones have proven. */
  async finish(): Promise<void> {
    for (const [check, watcher] of this.#watchers) {
      try {
        this.#outcomes.set(check, (await watcher.finish?.()) ?? PASSED);
      } catch (error) {
        this.#fail(check, error);
      }
    }
  }

  /** @param malformed why reading stopped; the checks that had not failed by then say nothing */
  results(malformed: { code: VerdictCode; detail: string } | undefined): CheckResult[] {
    const read: CheckResult = {
      id: 'well-formed',
      status: malformed === undefined ? 'pass' : 'fail',
      code: malformed?.code ?? null,
      claim: 'Every line is canonical JSON of a known, closed shape and within the limits.',
      detail: malformed?.detail ?? '',
    };
    return [read, ...this.#checks.map((check) => this.#result(check))];
  }

  #fail(check: Check, error: unknown): void {
    if (!(error instanceof Contradiction || error instanceof EvidenceError)) throw error;
    const code = (error instanceof Contradiction ? error.code : undefined) ?? check.code;
    this.#outcomes.set(check, { status: 'fail', code, detail: error.message });
    this.#watchers.delete(check);
  }

  #result(check: Check): CheckResult {
    const { status, code, detail } = this.#outcomes.get(check) ?? CUT_SHORT;
    return { id: check.id, status, code, claim: check.claim, detail };
  }
}
