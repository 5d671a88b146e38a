/**
 * Stands for an agent of somebody else, with a command line and a stream of its own: `agent.mjs --model <name>`, the prompt on
 * stdin, one JSON object a line. It asks no model: its "summary" is the first sentence, and its tokens are words.
 */
const model = process.argv[process.argv.indexOf('--model') + 1];
let prompt = '';
for await (const text of process.stdin.setEncoding('utf8')) prompt += text;
const [task, ...words] = prompt.split(/\s+/).filter((word) => word !== '');
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const end = (status, more = {}) =>
  say({
    kind: 'end',
    status,
    model: `${model}-2026-11`,
    words: { read: words.length, written: 12 },
    usd: 0.0021,
    ...more,
  });

if (task === 'crash') process.exit(3);
say({ kind: 'note', text: `I was given ${words.length} words.` });
if (task === 'wait') setInterval(() => {}, 1_000);
else if (task === 'refuse') end('refused');
else if (task === 'ask' && !prompt.includes('The answer:')) end('asks', { question: 'Of which part?' });
else if (task === 'limit') end('out of turns');
else if (task === 'garble') process.stdout.write('{"kind":"end","status":"done"\n');
else end('done', { reply: `${words.join(' ').split('. ')[0]}.` });
