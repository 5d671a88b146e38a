/** What an agent is told: the prompt of its block with the inputs in it, and what people answered to earlier questions. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PromptedBlock } from '@waybill/client/plan';
import { type PromptPart, readPrompt } from '@waybill/client/prompt-template';
import { AgentEnded } from '../agent-endings.ts';
import { hasCode } from '../errno.ts';

/** Of one file, and of all of it. */
const MAX_TEXT_BYTES = 256 * 1024;
const MAX_PROMPT_CHARS = 1024 * 1024;

export interface PromptPlaces {
  workspace: string;
  inputs: string;
}

/** Throws AgentEnded `prompt_invalid`. */
export async function renderPrompt(
  { prompt, promptFile }: Pick<PromptedBlock, 'prompt' | 'promptFile'>,
  places: PromptPlaces,
): Promise<string> {
  const templates = [
    ...(promptFile === undefined ? [] : [await textOf(join(places.workspace, promptFile), promptFile)]),
    ...(prompt === undefined ? [] : [prompt]),
  ];
  const rendered: string[] = [];
  for (const template of templates) rendered.push(await render(template, places.inputs));
  const whole = [...rendered, ...(await answers(places.inputs))].join('\n\n');
  if (whole.length > MAX_PROMPT_CHARS) throw invalid(`the prompt is longer than ${MAX_PROMPT_CHARS} characters`);
  return whole;
}

async function render(template: string, inputs: string): Promise<string> {
  const read = readPrompt(template);
  if (!read.ok) throw invalid(read.problem);
  let text = '';
  for (const part of read.parts) text += part.kind === 'literal' ? part.text : await partOf(part, inputs);
  return text;
}

async function partOf(part: Exclude<PromptPart, { kind: 'literal' }>, inputs: string): Promise<string> {
  const path = join(inputs, part.key);
  if (!(await isThere(path))) {
    if (part.mayMiss) return '';
    throw invalid(`there is no input ${part.key}`);
  }
  if (part.kind === 'path') return path;
  const text = await textOf(path, `inputs/${part.key}`);
  return part.kind === 'text' ? text : valueAt(text, part.key, part.pointer);
}

/** A text as it is, anything else as JSON. */
function valueAt(text: string, key: string, pointer: string): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(`inputs/${key} is no JSON`, cause);
  }
  for (const step of pointer.split('/').slice(1)) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    const isWithin = typeof value === 'object' && value !== null && Object.hasOwn(value, name);
    if (!isWithin) throw invalid(`inputs/${key} has nothing at ${pointer}`);
    value = (value as Record<string, unknown>)[name];
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** In the order in which they were asked. */
async function answers(inputs: string): Promise<string[]> {
  const asked = (await readdir(inputs)).flatMap((name) => /^question-(\d+)\.txt$/.exec(name)?.[1] ?? []);
  const talk: string[] = [];
  for (const n of asked.map(Number).toSorted((a, b) => a - b)) {
    const [question, answer] = [`question-${n}.txt`, `answer-${n}.txt`].map((name) => join(inputs, name));
    if (!(await isThere(answer ?? ''))) continue;
    talk.push(`You asked:\n${await textOf(question ?? '', 'the question')}`);
    talk.push(`The answer:\n${await textOf(answer ?? '', 'the answer')}`);
  }
  return talk;
}

async function textOf(path: string, name: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_TEXT_BYTES) throw invalid(`${name} is longer than ${MAX_TEXT_BYTES} bytes`);
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
    if (text.includes('\0')) throw invalid(`${name} is no text`);
    return text;
  } catch (cause) {
    if (cause instanceof AgentEnded) throw cause;
    throw invalid(hasCode(cause, 'ENOENT') ? `there is no file ${name}` : `${name} cannot be read as text`, cause);
  }
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    (kind) => kind.isFile(),
    () => false,
  );
}

function invalid(problem: string, cause?: unknown): AgentEnded {
  return new AgentEnded('prompt_invalid', problem, cause);
}
