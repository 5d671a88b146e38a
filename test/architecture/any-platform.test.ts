import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, sourceFiles } from './repository-files.ts';

/** What is for Node alone, and the command line. */
const ON_NODE = /\/([a-z-]+\.node|bin[a-z-]*|modes\/[a-z-]+)\.ts$|\.test\.ts$/;
/** What Node has and a browser has not, also without an import. */
const GLOBALS_OF_NODE = /\bBuffer\b|\b(?:process|global)[.[]|\b(?:require|setImmediate)\(|__(?:dirname|filename)/;

function usesNode(source: string): boolean {
  const code = source.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'/g, '');
  return GLOBALS_OF_NODE.test(code);
}

test('verify: nothing but its door to Node and its command line uses what only Node has', () => {
  const files = sourceFiles().filter((path) => path.startsWith('packages/verify/src/') && !ON_NODE.test(path));
  assert.ok(files.length > 30);
  assert.deepEqual(
    files.filter((path) => usesNode(readFileSync(join(ROOT, path), 'utf8'))),
    [],
  );
});

test('verify: the use of a global of Node is caught, its mention in a comment or a text is not', () => {
  assert.equal(usesNode("const text = Buffer.from('a');"), true);
  assert.equal(usesNode('process.exit(1);'), true);
  assert.equal(usesNode("/** A Buffer. */ const text = 'no process'; // process"), false);
});
