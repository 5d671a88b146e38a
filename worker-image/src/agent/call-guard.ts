/** Ends an agent that goes round in circles, or is told too much. */
import type { PlanGuards } from '@waybill/client/plan';
import { AgentEnded } from '../agent-endings.ts';
import { whole } from './shown.ts';

export interface CallGuard {
  called(name: string, input: unknown): void;
  told(text: string, isError: boolean): void;
  failed(problem: string): void;
}

/** Each throws AgentEnded when it is the one that reaches a limit; what is not limited goes on for ever. */
export function createCallGuard({ repeats, errors, toldBytes }: PlanGuards): CallGuard {
  const most = (limit: number | undefined): number => limit ?? Number.POSITIVE_INFINITY;
  let [last, same, failures, bytes] = ['', 0, 0, 0];
  const failed = (problem: string): void => {
    failures += 1;
    if (failures >= most(errors))
      throw new AgentEnded('errors_repeated', `${failures} errors in a row, at last: ${whole(problem)}`);
  };
  return {
    failed,
    called(name, input) {
      const call = JSON.stringify([name, input]);
      same = call === last ? same + 1 : 1;
      last = call;
      if (same >= most(repeats))
        throw new AgentEnded('call_repeated', `${whole(name)} is called as before, ${same} times`);
    },
    told(text, isError) {
      if (isError) failed(text);
      else failures = 0;
      bytes += Buffer.byteLength(text);
      if (bytes > most(toldBytes)) throw new AgentEnded('output_limit', `it was told more than ${toldBytes} bytes`);
    },
  };
}
