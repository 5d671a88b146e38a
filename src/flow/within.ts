import { RetryableError } from '@waybill/client/errors';
import type { FlowDeps } from '#flow/deps.ts';

/** What an outsider answers, if it does so in time; RetryableError TIMED_OUT if not, whatever it says later. */
export async function within<T>(deps: FlowDeps, about: string, answer: Promise<T>): Promise<T> {
  let cancel = (): void => {};
  const late = new Promise<never>((_resolve, reject) => {
    cancel = deps.clock.after(deps.outsiderWaitMs, () => {
      const problem = `did not answer within ${deps.outsiderWaitMs} ms`;
      const fix = 'Nothing has to be done: it is asked again with the next checkpoint.';
      reject(new RetryableError({ code: 'TIMED_OUT', path: about, problem, fix }));
    });
  });
  // Whoever loses the race must not be an unhandled rejection.
  answer.catch(() => {});
  late.catch(() => {});
  return Promise.race([answer, late]).finally(cancel);
}
