/**
 * The adapter of an agent with a prompt, as the process of its block: in the sandbox, with what any block has. It reads the
 * job, tells the agent what to do, and leaves what a block may leave: an exit code, files, and what it used of models.
 */
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { WaybillError } from '@waybill/client/errors';
import type { PromptedBlock } from '@waybill/client/plan';
import { type Job, WORKER_EXIT } from '#core/mailbox-protocol.ts';
import { AgentEnded, type AgentReason } from '../agent-endings.ts';
import { openBridge } from './bridge.ts';
import { claudeCommand, claudeEnvironment, claudeEvents } from './claude-code.ts';
import { runCliAgent } from './cli-agent.ts';
import type { AgentUsage, EventReader } from './cli-events.ts';
import { codexCommand, codexEnvironment, codexEvents } from './codex.ts';
import { renderPrompt } from './prompt.ts';

/** As a first argument, of the worker and of the runner; the number of the block in its job follows. */
export const AGENT_FLAG = '--agent';

const OTHER_FAILURE = 1;
/** How it ends before a model was asked: then nothing was used, and that is known. */
const BEFORE_ANY_MODEL: ReadonlySet<string> = new Set<AgentReason>([
  'agent_missing',
  'model_unavailable',
  'prompt_invalid',
]);

/** Asks a model through the door at `socket`, and resolves with its last message. Throws AgentEnded. */
export type ModelLoop = (
  block: PromptedBlock,
  prompt: string,
  places: { workspace: string; outputs: string; socket: string },
) => Promise<string>;

/** Resolves with the exit code of the block. */
export async function runAgent(index: number, loop: ModelLoop): Promise<number> {
  const places = readPlaces();
  let model: string | null = null;
  try {
    const block = await readBlock(places.workspace, index);
    model = block.model;
    const reply = await talk(block, await renderPrompt(block, places), places, loop);
    if (block.reply !== undefined) await writeBelow(places.outputs, block.reply, reply);
    return (await isAsking(places.outputs)) ? WORKER_EXIT.needsInput : 0;
  } catch (error) {
    const said =
      error instanceof AgentEnded ? error.said : error instanceof WaybillError ? error.message : String(error);
    process.stderr.write(`${said}\n`);
    if (!(error instanceof AgentEnded)) return OTHER_FAILURE;
    // Where a door was open, what passed it counts, and not this.
    if (model !== null && BEFORE_ANY_MODEL.has(error.path)) await leaveUsage(places.usage, [nothingOf(model)]);
    return error.exit;
  }
}

interface Places {
  workspace: string;
  inputs: string;
  outputs: string;
  usage: string;
  /** Of the door to its model; empty where there is none. */
  socket: string;
}

function readPlaces(): Places {
  const of = (name: string): string => process.env[`WAYBILL_${name}`] ?? '';
  const [workspace, inputs, outputs] = [of('WORKSPACE'), of('INPUTS'), of('OUTPUTS')];
  return { workspace, inputs, outputs, usage: of('USAGE'), socket: of('MODEL_SOCKET') };
}

/** The wrapper has written the job, where no block can. */
async function readBlock(workspace: string, index: number): Promise<PromptedBlock> {
  const job: Job = JSON.parse(await readFile(join(dirname(workspace), '.waybill', 'job.json'), 'utf8'));
  const block = job.pipeline[index];
  if (block?.block === 'agent' && block.adapter !== 'command') return block;
  throw new AgentEnded('agent_failed', `block ${index} of the job is no agent with a prompt`);
}

async function talk(block: PromptedBlock, prompt: string, places: Places, loop: ModelLoop): Promise<string> {
  if (block.adapter === 'bedrock') {
    if (places.socket === '') throw new AgentEnded('model_unavailable', `there is no door to ${block.model} here`);
    // What passes the door is counted there.
    return await loop(block, prompt, places);
  }
  const bridge = places.socket === '' ? null : await openBridge(places.socket);
  const url = bridge?.url ?? null;
  const events = block.adapter === 'codex' ? codexEvents(block) : claudeEvents(block);
  const argv = block.adapter === 'codex' ? codexCommand(block, url) : claudeCommand(block);
  const env = block.adapter === 'codex' ? codexEnvironment(url) : claudeEnvironment(block, url);
  try {
    const { reply } = await runCliAgent({ argv, env, cwd: places.workspace, prompt }, events);
    return reply;
  } finally {
    bridge?.close();
    await leaveUsage(places.usage, knownUsage(events));
  }
}

/** An agent that failed has used something all the same. */
function knownUsage(events: EventReader): AgentUsage[] | null {
  try {
    return events.usage();
  } catch {
    return null;
  }
}

function nothingOf(requested: string): AgentUsage {
  return { requested, inputTokens: 0, outputTokens: 0, cachedTokens: 0 };
}

/** Whatever stands there was left by something else than this adapter. */
async function leaveUsage(path: string, usage: AgentUsage[] | null): Promise<void> {
  await rm(path, { recursive: true, force: true });
  if (usage !== null) await writeFile(path, JSON.stringify({ v: 1, usage }), { flag: 'wx' });
}

async function writeBelow(directory: string, name: string, text: string): Promise<void> {
  const path = join(directory, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** As `readQuestion` of the wrapper looks for it, and judges it. */
async function isAsking(outputs: string): Promise<boolean> {
  return await stat(join(outputs, 'question.txt')).then(
    () => true,
    () => false,
  );
}
