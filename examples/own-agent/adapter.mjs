/**
 * Lets Waybill run the agent beside it: `node adapter.mjs <model> <prompt>`. Written after docs/how-to/write-an-agent-adapter.md
 * alone; it needs Node and nothing of Waybill.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const { WAYBILL_INPUTS: inputs, WAYBILL_OUTPUTS: outputs, WAYBILL_USAGE: usageFile } = process.env;
const [model, prompt] = process.argv.slice(2);
/** Exit codes of an agent block, by what this agent calls it. */
const ENDINGS = { done: 0, refused: 10, asks: 20, 'out of turns': 30 };
const FAILED = 1;

const read = (name) => readFileSync(join(inputs, name), 'utf8');

function wholePrompt() {
  const parts = [prompt, read('text.txt')];
  for (let n = 1; existsSync(join(inputs, `answer-${n}.txt`)); n += 1) {
    parts.push(`You asked: ${read(`question-${n}.txt`)}`, `The answer: ${read(`answer-${n}.txt`)}`);
  }
  return parts.join('\n\n');
}

/** What is not known is not said: without the file the block is charged what was reckoned for it. */
function leaveUsage({ read: inputTokens, written: outputTokens }, served, usd) {
  const entry = { requested: model, served, inputTokens, outputTokens, costMicroUsd: Math.ceil(usd * 1_000_000) };
  writeFileSync(usageFile, JSON.stringify({ v: 1, usage: [entry] }));
}

function parse(line) {
  try {
    return JSON.parse(line);
  } catch {
    return { kind: 'noise', text: line };
  }
}

const agent = spawn(process.execPath, [join(inputs, 'agent.mjs'), '--model', model], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
// The platform asks before it forces: what the agent says last is still heard.
process.on('SIGTERM', () => agent.kill('SIGTERM'));
agent.stdin.on('error', () => {});
agent.stdin.end(wholePrompt());

let end = null;
for await (const line of createInterface({ input: agent.stdout })) {
  const said = parse(line);
  if (said.kind === 'end') end = said;
  else console.log(said.text ?? line);
}
if (end === null) {
  console.error('the agent ended and did not say how');
  process.exit(FAILED);
}
leaveUsage(end.words, end.model, end.usd);
if (end.reply !== undefined) writeFileSync(join(outputs, 'summary.txt'), `${end.reply}\n`);
if (end.question !== undefined) writeFileSync(join(outputs, 'question.txt'), end.question);
console.log(`the agent ended: ${end.status}`);
process.exit(ENDINGS[end.status] ?? FAILED);
