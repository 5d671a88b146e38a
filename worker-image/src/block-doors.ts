/** What a block is let to while it runs, through sockets of the wrapper: the model that it names, and hosts outside. */
import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import type { Block } from '@waybill/client/plan';
import type { Job } from '#core/mailbox-protocol.ts';
import type { AttemptTree } from './attempt-tree.ts';
import type { BlockEnd } from './block-process.ts';
import { EGRESS_SOCKET } from './egress/inside.ts';
import { openProxy } from './egress/proxy.ts';
import type { Outside } from './egress/reach.ts';
import type { EgressTally } from './egress/tally.ts';
import type { LogFile } from './log-file.ts';
import { type Models, openBlockModel } from './model/block-model.ts';
import type { DoorUsage } from './model/door.ts';
import type { Redactor } from './redactor.ts';
import { DOOR_VIEW } from './sandbox.ts';

export interface DoorSurroundings {
  job: Job;
  tree: AttemptTree;
  log: LogFile;
  models: Models;
  outside: Outside;
  egress: EgressTally;
  redactor: Redactor;
}

type Start = (env: Record<string, string>) => Promise<BlockEnd>;

/** Of one block, both ways. */
const MOST_BYTES = 2 * 1024 ** 3;
const SOCKET = 'egress.sock';
/** In the place of a host's name with a secret in it. */
const REDACTED = 'redacted';

/**
 * The doors are open as long as the block runs.
 * @param tell what passed the door to its model, known when the block is over; null where there was none
 */
export async function withDoors(
  around: DoorSurroundings,
  block: Block,
  index: number,
  start: Start,
  tell: (passed: DoorUsage | null) => void,
): Promise<BlockEnd> {
  if (block.block !== 'agent' || block.adapter === 'command') return await withEgress(around, index, start);
  const { models, tree, log, job } = around;
  const model = await openBlockModel(block, { models, tree, isolation: job.isolation, log });
  try {
    return await withEgress(around, index, (env) => start({ ...model.env, ...env }));
  } finally {
    tell(await model.close());
  }
}

async function withEgress(around: DoorSurroundings, block: number, start: Start): Promise<BlockEnd> {
  const { job, tree, log, outside, egress: tally, redactor } = around;
  if (job.egress === undefined) return await start({});
  mkdirSync(tree.door, { recursive: true, mode: 0o700 });
  // The path of a socket is short, and that of a state directory may not be: the descriptor of its directory is.
  const directory = openSync(tree.door, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const path = `/proc/self/fd/${directory}/${SOCKET}`;
    const note = (line: string): void => log.note(line);
    // What the proxy has of a name is in lower case.
    const shown = (host: string): string => (redactor.holdsInAnyCase(host) ? REDACTED : host);
    const lists = job.egress;
    const proxy = await openProxy({ lists, block, path, tally, outside, mostBytes: MOST_BYTES, shown, note });
    try {
      return await start({ [EGRESS_SOCKET]: `${DOOR_VIEW}/${SOCKET}` });
    } finally {
      await proxy.close();
    }
  } finally {
    closeSync(directory);
  }
}
