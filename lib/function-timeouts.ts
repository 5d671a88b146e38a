import { Duration } from 'aws-cdk-lib';
import type { FunctionName } from './deployment-names.ts';

/** How long a function may take at most; messages stay hidden for longer. */
export const FUNCTION_TIMEOUTS: Readonly<Record<FunctionName, Duration>> = {
  // A source of a gigabyte goes from the uploads to the artifacts.
  submit: Duration.seconds(300),
  advance: Duration.seconds(60),
  dispatch: Duration.seconds(60),
  // A worker waits for three minutes: what failed has to come again within them.
  release: Duration.seconds(10),
  settle: Duration.seconds(300),
  // Ten runs of thousands of items may end at once.
  seal: Duration.seconds(600),
  // A key is read, ten seconds are waited for an answer; CALLBACK_PATIENCE_MS is longer.
  notify: Duration.seconds(60),
  reconcile: Duration.seconds(55),
  slot: Duration.seconds(30),
  doctor: Duration.seconds(60),
};
