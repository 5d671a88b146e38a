/** A witness in this process, with a key and a state of its own, for tests of whatever talks to witnesses. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Conflict, type LogHead, startWitness as start } from '@waybill/witness';

export interface WitnessRequest {
  origin: string;
  /** The verifier key of the log, or all of them. */
  logVkey: string | readonly string[];
  name?: string;
  /** Keeps the state of an earlier witness; without it the state is thrown away at the end. */
  directory?: string;
  /** The port of an earlier one; without it any free one. */
  port?: number;
  nowMs?: () => number;
  requestTimeoutMs?: number;
}

export interface TestWitness {
  /** Submission prefix: requests go to `<url>/add-checkpoint`. */
  url: string;
  /** For `witness <name> <vkey>` in a policy. */
  vkey: string;
  directory: string;
  head(): LogHead | null;
  conflicts(): Conflict[];
  stop(): Promise<void>;
}

export async function startWitness(request: WitnessRequest): Promise<TestWitness> {
  const { origin, logVkey, name, directory, port, nowMs, requestTimeoutMs } = request;
  const own = directory ?? mkdtempSync(join(tmpdir(), 'waybill-witness-'));
  const witness = await start({
    directory: own,
    name: name ?? 'witness.test/w1',
    logs: typeof logVkey === 'string' ? [logVkey] : logVkey,
    port: port ?? 0,
    ...(nowMs === undefined ? {} : { nowMs }),
    ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
  });
  return {
    url: witness.url,
    vkey: witness.vkey,
    directory: own,
    head: () => witness.state.head(origin),
    conflicts: () => witness.state.conflicts(),
    stop: async () => {
      await witness.stop();
      if (directory === undefined) rmSync(own, { recursive: true, force: true });
    },
  };
}
