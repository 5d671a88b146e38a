import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { COMMON_OPTIONS, VERBS } from './verbs.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');

/** What a page says to type: `waybill …` in a fenced block, continued lines joined. */
function documentedCommands(page: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8').replace(/\\\n\s*/g, '');
  const blocks = [...text.matchAll(/^```(?:text|sh)\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  return blocks.flatMap((block) => block.split('\n')).filter((line) => line.startsWith('waybill '));
}

/** What is wrong with a command, by the table of verbs; null when it could be typed. */
function problemOf(command: string): string | null {
  const words = command
    .replaceAll(/\$\([^)]*\)/g, 'value')
    .split(/\s+/)
    .slice(1);
  while (words[0]?.startsWith('--')) words.splice(0, 2);
  const verb = VERBS.find(({ name }) => name === words.slice(0, name.split(' ').length).join(' '));
  if (verb === undefined) return 'no such verb';
  const known = [...verb.options, ...COMMON_OPTIONS].flatMap(({ flags }) => flags.split(/,? /));
  const unknown = words.filter((word) => word.startsWith('-') && word.length > 1 && !known.includes(word));
  if (unknown.length > 0) return `no such option: ${unknown.join(' ')}`;
  const isEmbedded = verb.isEmbeddedOnly === true;
  return isEmbedded && command.includes('--target aws') ? 'it has no meaning for a deployment' : null;
}

test('documented verbs: every command that a page says to type has its verb and its options', () => {
  const pages = globSync('{*.md,docs/**/*.md,packages/*/README.md}', { cwd: ROOT });
  const commands = pages.flatMap(documentedCommands);
  assert.ok(commands.length >= 30, `${commands.length} commands`);
  assert.deepEqual(
    commands.map((command) => [command, problemOf(command)]).filter(([, problem]) => problem !== null),
    [],
  );
});

test('documented verbs: what could not be typed is found', () => {
  assert.equal(problemOf('waybill frobnicate'), 'no such verb');
  assert.equal(problemOf('waybill --target aws status latest --jsn'), 'no such option: --jsn');
  assert.equal(problemOf('waybill keys rotate attest --target aws'), 'it has no meaning for a deployment');
  assert.equal(problemOf('waybill audit export latest -o file'), null);
});
