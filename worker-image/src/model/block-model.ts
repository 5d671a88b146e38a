/** The model of one block: opens the door for it where the engine's settings name its model, and says why where they do not. */
import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { WaybillError } from '@waybill/client/errors';
import type { PromptedBlock } from '@waybill/client/plan';
import type { Isolation } from '#core/mailbox-protocol.ts';
import { type ModelSession, parseModelSession } from '#core/model-session.ts';
import { readModelSettings } from '#core/model-settings.ts';
import { bedrockModel, sessionWith } from '#core/named-secrets.ts';
import type { AttemptTree } from '../attempt-tree.ts';
import type { LogFile } from '../log-file.ts';
import { DOOR_VIEW } from '../sandbox.ts';
import { type DoorUsage, openDoor } from './door.ts';

export interface BlockModel {
  /** Of the block: where the door is. */
  env: Record<string, string>;
  /** What passed; null where there was no door. */
  close(): Promise<DoorUsage | null>;
}

const SOCKET = 'model.sock';
/** Group and others. */
const NOT_FOR_OTHERS = 0o077;
const SHUT: BlockModel = { env: {}, close: async () => null };

/** What this worker may ask models with. */
export interface Models {
  /** Path of models.json; null where it was given none. */
  file: string | null;
  /** By model, those that the attempt was given: by the protocol of Bedrock. */
  sessions: ReadonlyMap<string, ModelSession>;
}

interface Surroundings {
  models: Models;
  tree: AttemptTree;
  isolation: Isolation;
  log: LogFile;
}

/** Never throws for what stands in the settings: an agent without a model says so itself. */
export async function openBlockModel(block: PromptedBlock, around: Surroundings): Promise<BlockModel> {
  const { models, tree, isolation, log } = around;
  const found = sessionFor(block, models) ?? (await foundIn(models, block));
  if (found === null) return SHUT;
  if ('problem' in found) {
    log.note(`no door to a model: ${found.problem}`);
    return SHUT;
  }
  // Blocks of another container see the directory of their job, and cannot write there.
  const place = isolation === 'container' ? dirname(tree.jobFile) : tree.door;
  mkdirSync(place, { recursive: true, mode: 0o700 });
  // The path of a socket is short, and that of a state directory may not be: the descriptor of its directory is.
  const directory = openSync(place, constants.O_RDONLY | constants.O_DIRECTORY);
  const path = `/proc/self/fd/${directory}/${SOCKET}`;
  const { adapter, model } = block;
  const door = await openDoor({ adapter, model, ...found, path, note: (line) => log.note(line) });
  const seen: Record<Isolation, string> = {
    bubblewrap: `${DOOR_VIEW}/${SOCKET}`,
    container: join(place, SOCKET),
    none: `/proc/${process.pid}/fd/${directory}/${SOCKET}`,
    'in-process': '',
  };
  return {
    env: { WAYBILL_MODEL_SOCKET: seen[isolation] },
    async close() {
      try {
        return await door.close();
      } finally {
        closeSync(directory);
      }
    },
  };
}

type Found = { url: string; key: string | ModelSession | null } | { problem: string };

function sessionFor(block: PromptedBlock, { sessions }: Models): Found | null {
  const session = sessions.get(bedrockModel(block) ?? '');
  return session === undefined ? null : { url: session.url, key: session };
}

async function foundIn({ file }: Models, block: PromptedBlock): Promise<Found | null> {
  return file === null ? null : await endpointOf(block, file).catch(unreadable);
}

/**
 * Takes the sessions out of what the worker was given: no block is ever given one, and nothing is looked for what they say.
 * Throws TerminalError LEASE_INVALID for one that cannot be read.
 */
export function takeSessions(given: ReadonlyMap<string, string>): {
  secrets: ReadonlyMap<string, string>;
  sessions: Models['sessions'];
} {
  const secrets = new Map<string, string>();
  const sessions = new Map<string, ModelSession>();
  for (const [name, value] of given) {
    const model = sessionWith(name);
    if (model === null) secrets.set(name, value);
    else sessions.set(model, parseModelSession(Buffer.from(value)));
  }
  return { secrets, sessions };
}

async function endpointOf({ adapter, model }: PromptedBlock, modelsFile: string): Promise<Found> {
  const endpoint = readModelSettings(JSON.parse(await readFile(modelsFile, 'utf8')), 'models.json')[adapter];
  if (endpoint === undefined || !endpoint.models.includes(model)) {
    return { problem: `models.json of the engine does not name ${model} for ${adapter}` };
  }
  const { url, keyFile } = endpoint;
  if (keyFile === undefined) return { url, key: null };
  const file = resolve(dirname(modelsFile), keyFile);
  const { mode } = await stat(file);
  if ((mode & NOT_FOR_OTHERS) !== 0) return { problem: 'the file of its key may be read by others than its owner' };
  return { url, key: (await readFile(file, 'utf8')).trim() };
}

function unreadable(error: unknown): { problem: string } {
  // The path of a file of the operator is nobody's who reads a log.
  return {
    problem: error instanceof WaybillError ? error.message : 'models.json, or the file of a key, cannot be read',
  };
}
