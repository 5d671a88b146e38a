/** A process of the worker serves several attempts: no module of its bundle may keep anything of one. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { buildWorker } from './build.ts';

const ROOT = join(import.meta.dirname, '..');

/** What is declared for as long as the process lives and could be written, and why it holds nothing of an attempt. */
const KEPT: Record<string, string> = {
  'packages/client/src/prompt-template.ts BRACES': 'a global expression, given to replace, which begins at 0',
  'packages/verify/src/crypto.node.ts handles': 'by public key: those that are pinned for the process',
  'packages/verify/src/json/jcs.ts utf8': 'decodes whole texts',
  'packages/verify/src/record/event-shapes.ts LINES': 'constant',
  'packages/verify/src/signature-thread.node.ts thread': 'is given signatures of bundles, which no worker checks',
  'worker-image/src/egress/addresses.ts global': 'filled where it is declared',
  'worker-image/src/egress/addresses.ts special': 'filled where it is declared',
  'worker-image/src/workspace-scan.ts SEPARATOR': 'constant',
};

/** Names at the top of a module that are variables, collections that are not read-only, or expressions that keep a place. */
function keptBy(source: string): string[] {
  const declared = /^(?:export )?(let|var|const) (?:([\w$]+)|\[[^\]]*\]|\{[^}]*\})(: [^=]+)? = ([^\n]*)/gm;
  return [...source.matchAll(declared)]
    .flatMap(([, kind, name = 'several', type = '', value = '']) => {
      const isCollection =
        /^(?:new (?!RegExp\b|TextEncoder\b)|Buffer\.|\[\]|\{\})/.test(value) && !/^: Readonly/.test(type);
      const keepsPlace = /^\/.*\/[a-z]*[gy][a-z]*;$/.test(value);
      return kind !== 'const' || isCollection || keepsPlace ? [name] : [];
    })
    .concat([...source.matchAll(/^(?:export )?(?:let|var) ([\w$]+)(?:: [^=;\n]+)?;/gm)].map(([, name = '']) => name));
}

it('module state: of what the worker bundles, nothing is kept between attempts but what is listed with a reason', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-modules-'));
  try {
    const bundle = join(directory, 'worker.mjs');
    await buildWorker(bundle);
    const sources = [...readFileSync(bundle, 'utf8').matchAll(/^\/\/ (\S+\.ts)$/gm)].map(([, path = '']) => path);
    assert.ok(sources.includes('worker-image/src/main.ts') && sources.length > 100);
    const kept = sources.flatMap((path) =>
      keptBy(readFileSync(join(ROOT, path), 'utf8')).map((name) => `${path} ${name}`),
    );
    assert.deepEqual([...new Set(kept)].sort(), Object.keys(KEPT).sort());
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

it('module state: what could be kept is seen', () => {
  for (const line of [
    'let last: string | undefined;',
    'let last = 0;',
    'export let [last, next] = [0, 1];',
    'const seen = new Set<string>();',
    'export const byId: Map<string, string> = new Map();',
    'const said: string[] = [];',
    'const scratch = Buffer.alloc(10);',
    'const words = /word/gu;',
  ]) {
    assert.equal(keptBy(`const one = 1;\n${line}\n`).length, 1, line);
  }
  for (const line of ['const MOST = 5;', "const ALL: ReadonlySet<string> = new Set(['a']);", 'const word = /word/u;']) {
    assert.deepEqual(keptBy(line), [], line);
  }
});
