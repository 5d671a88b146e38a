/**
 * A container of a function: it keeps what it knows from call to call, and dies as a whole between any two effects. Calls of
 * its ports take time, and each may go wrong.
 */
import { RetryableError } from '@waybill/client/errors';
import type { FaultPlan } from './faults.ts';
import type { Timeline } from './timeline.ts';

/** How a call can go wrong. The last two happen after the effect: the caller does not know that it happened. */
const CALL_FAULTS = ['refused', 'slow', 'crash', 'answer-lost', 'crash-after'] as const;
const READ_FAULTS = ['refused', 'slow', 'crash'] as const;
const SLOW_MS = 45_000;

export interface CallRule {
  /** It changes nothing. */
  isRead?: boolean;
  /** It is one of the table, which throttles. */
  isStore?: boolean;
  /** What whoever calls is told when it was refused or its answer was lost. */
  refusal?: () => Error;
}

export class Container {
  readonly name: string;
  readonly timeline: Timeline;
  readonly faults: FaultPlan;
  /** When the invocation that is under way began, in steps. */
  sinceStep = 0;
  isDead = false;
  onDeath: () => void = () => {};

  constructor(name: string, timeline: Timeline, faults: FaultPlan) {
    this.name = name;
    this.timeline = timeline;
    this.faults = faults;
  }

  /** Makes a call of a port: `effect` happens at once, at some later time, unless something goes wrong. */
  call<T>(what: string, effect: () => T | Promise<T>, rule: CallRule = {}): Promise<T> {
    if (this.isDead) return never();
    const { timeline, faults } = this;
    const draw = faults.draw(`${this.name} ${what}`);
    const struck = faults.strike('call', draw, rule.isRead ? READ_FAULTS : CALL_FAULTS);
    const isThrottled = rule.isStore === true && faults.throttles(timeline.nowMs, draw.bits);
    const fault = struck ?? (isThrottled ? 'refused' : null);
    if (fault === 'crash') {
      this.die(what);
      return never();
    }
    const latencyMs = fault === 'slow' ? (SLOW_MS * (draw.bits % 1000)) / 1000 : usualLatency(draw.bits);
    return new Promise((resolve, reject) => {
      timeline.after(latencyMs, () => {
        if (this.isDead) return;
        if (fault !== null) timeline.note(`${this.name} ${what}: ${fault}`);
        else timeline.note(`${this.name} ${what}`);
        if (fault === 'refused') return reject((rule.refusal ?? busy)());
        const deliver = (answer: T): void => {
          if (fault === 'crash-after') this.die(what);
          else if (fault === 'answer-lost') reject((rule.refusal ?? busy)());
          else resolve(answer);
        };
        try {
          const answer = effect();
          if (answer instanceof Promise) timeline.hold(answer.then(deliver, reject));
          else deliver(answer);
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  die(at: string): void {
    if (this.isDead) return;
    this.isDead = true;
    this.timeline.note(`${this.name} dies at ${at}`);
    this.onDeath();
  }
}

/** Most calls take a few milliseconds, some a hundred. */
function usualLatency(bits: number): number {
  const share = (bits >>> 8) & 0xff;
  return share < 230 ? share >> 5 : share - 200;
}

export function busy(): RetryableError {
  return new RetryableError({ code: 'STORE_BUSY', path: 'simulation', problem: 'no answer', fix: 'Try again.' });
}

/** One of its own for each call: what waits for it would live as long as it does, and with that the whole world of a seed. */
function never(): Promise<never> {
  return new Promise(() => {});
}
