/** A process of the worker serves several attempts: no module of its bundle may keep anything of one. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { keptState } from '../test/architecture/kept-state.ts';
import { buildWorker } from './build.ts';

/** What the bundle keeps and could write, by its name there, and why it holds nothing of an attempt. */
const KEPT: Record<string, string> = {
  BRACES: 'a global expression, given to replace, which begins at 0',
  'a ForOfStatement': 'fills `special`',
  global: 'filled where it is declared',
  'global.addSubnet()': 'fills it',
  handles: 'by public key: those that are pinned for the process',
  'process.env': 'variables of the worker are taken out before the first attempt',
  'process.exit()': 'the program',
  special: 'filled where it is declared',
  thread: 'is given signatures of bundles, which no worker checks',
  utf82: 'decodes whole texts',
};

/** Called while modules load: of what they are given they make a value that nothing can change, or a function without memory. */
const CALLS = new Set([
  ...[
    'String',
    'bytesOfHex',
    'choose',
    'closed',
    'dirname',
    'integer',
    'join',
    'listOf',
    'namedOf',
    'nullable',
    'oneOf',
  ],
  ...['process.getBuiltinModule', 'statementShape', 'subjectOf', 'tableOf', 'text'],
]);

it('module state: of what the worker bundles, nothing is kept between attempts but what is listed with a reason', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-modules-'));
  try {
    const bundle = join(directory, 'worker.mjs');
    await buildWorker(bundle);
    assert.deepEqual(keptState(readFileSync(bundle, 'utf8'), CALLS), Object.keys(KEPT).sort());
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

it('module state: what could be kept is seen', () => {
  for (const line of [
    'let last;',
    'let last = 0; function see(one) { last = one; }',
    'let last = 0; function see() { last += 1; }',
    'let last = 0; function see() { last++; }',
    'let [last, next] = [0, 1]; function see(one) { ({ one: next } = one); }',
    'let last = 0; function see(all) { for (last of all); }',
    'let last; (() => { last = 1; })();',
    'const last = { lease: null }; function see(one) { last.lease = one; }',
    'const last = { lease: 1 }; function see() { delete last.lease; }',
    'const last = {}; function see(one) { Object.assign(last, one); }',
    'const last = Object.create(null);',
    'const seen = new Set(); function see(one) { seen.add(one); }',
    'const seen = new Map(); function see(one) { seen.set(one, one); }',
    'const seen = { ids: [] }; function see(one) { seen.ids.push(one); }',
    'const seen = []; const see = (one) => { if (one) seen[0] = one; };',
    "const said = ['a']; function see(one) { said.push(one); }",
    'const seen = new WeakMap();',
    'const words = /word/gu;',
    'const scratch = Buffer.alloc(10);',
    'const memo = remembering();',
    'const [one, other] = [memoOf(1), memoOf(2)];',
    'const memo = (() => { let last; return (one) => (last ??= one); })();',
    'const inner = { memo: remembering() };',
    'const controller = new AbortController();',
    'const door = new Door(); class Door {}',
    'class Door { static seen = new Map(); }',
    'export class Door { static #last; }',
    'export const Door = class { static last = 1; };',
    'class Door { static { start(); } }',
    'class Door {} function see(one) { Door.last = one; }',
    'function read(one) { return (read.cache ??= one); }',
    'function see() { globalThis.last = 1; }',
    'function see() { Array.prototype.last = 1; }',
    "import fs from 'node:fs'; function see(one) { fs.last = one; }",
    'start();',
  ]) {
    assert.notDeepEqual(keptState(line, CALLS), [], line);
  }
});

it('module state: what is constant, and what belongs to a call or an instance, is let be', () => {
  for (const line of [
    'const MOST = 5 * 60; export const NAME = `of a block`;',
    "const ALL = new Set(['a']); const has = (one) => ALL.has(one);",
    "const BY_NAME = { a: [1, 2], b: { c: (one) => one } }; const list = text(/^a$/u, 'a');",
    'const ORDERED = [2, 1]; const sorted = (more) => [...ORDERED, ...more].sort();',
    'function count(all) { let seen = 0; const ids = []; for (const one of all) { seen += 1; ids.push(one); } return seen; }',
    'class Door { #open = false; seen = new Map(); open() { this.#open = true; this.seen.set(1, 2); } }',
    'const last = 1; function see() { let last = 0; last = 2; return last; }',
  ]) {
    assert.deepEqual(keptState(line, CALLS), [], line);
  }
});
