/** The example of a bug that models mend, with a server of ours in their place: from a red test to a patch, its cost and its evidence. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { RunStatus } from '@waybill/client';
import { ROOT } from '../architecture/repository-files.ts';
import { layMend, MEND_ENDS, MEND_MODEL, MEND_SCRIPT } from '../model-server/mend-story.ts';
import { ModelServer } from '../model-server/model-server.ts';

const KEY = 'key-of-the-operator-51ce';
const TIMEOUT_MS = 90_000;

interface RunLine {
  run: RunStatus;
  evidence: { verdict: string };
}

/** Nothing of a directory, and of a file that the engine has just replaced. */
function bytesOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}

describe('mend a bug:', () => {
  let server: ModelServer;
  const scratch = mkdtempSync(join(tmpdir(), 'waybill-mend-'));
  const state = join(scratch, 'state');

  function waybill(...args: string[]): Promise<{ exit: number | null; out: string; err: string }> {
    return new Promise((resolve) => {
      const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1' };
      delete env.NODE_TEST_CONTEXT;
      const bin = join(ROOT, 'packages', 'cli', 'bin', 'waybill.js');
      const child = spawn(process.execPath, [bin, ...args, '--dir', state], { cwd: scratch, env, timeout: TIMEOUT_MS });
      const said = { out: '', err: '' };
      for (const name of ['out', 'err'] as const) {
        child[`std${name}`].setEncoding('utf8').on('data', (text: string) => {
          said[name] += text;
        });
      }
      child.on('close', (exit) => resolve({ exit, ...said }));
    });
  }

  before(async () => {
    server = await ModelServer.open();
    server.script(...MEND_SCRIPT);
    layMend(scratch);
    mkdirSync(state);
    const endpoint = { url: server.url, keyFile: 'model.key', models: [MEND_MODEL] };
    writeFileSync(join(state, 'models.json'), JSON.stringify({ bedrock: endpoint }));
    writeFileSync(join(state, 'model.key'), KEY, { mode: 0o600 });
    const price = { inputMicroUsd: 3_000_000, outputMicroUsd: 15_000_000, cachedMicroUsd: 300_000 };
    const prices = { version: 'test', models: { [MEND_MODEL]: price } };
    writeFileSync(join(state, 'spending.json'), JSON.stringify({ prices }));
  });

  after(() => {
    server.close();
    const file = join(state, 'engine.json');
    if (existsSync(file)) process.kill((JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid, 'SIGTERM');
    rmSync(scratch, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });

  it('is changed, red, changed again, green, reviewed and accepted, with its cost and verified evidence', async (t) => {
    const { exit, out, err } = await waybill('run', 'flow.yaml', '--json');
    if (out.includes('sandbox_required')) return t.skip('bubblewrap does not work here');
    assert.equal(exit, 0, `${out}\n${err}`);
    const line = out.split('\n').find((text) => text.startsWith('{"type":"run"'));
    const { run, evidence } = JSON.parse(line ?? '{}') as RunLine;
    assert.deepEqual([run.state, evidence.verdict], ['done', 'verified']);
    const happened = run.items.filter(({ state: ended }) => ended !== 'skipped');
    assert.deepEqual(
      happened.map(({ id, state: ended }) => `${id} ${ended}`),
      MEND_ENDS,
    );
    assert.equal(server.asked.length, MEND_SCRIPT.length);
    const said = JSON.stringify(server.asked[4]?.body);
    assert.match(said, /exit 1/, 'the second of the agents saw the test that was still red');

    const patch = await waybill('patch', 'latest', 'accepted');
    assert.match(patch.out, /^\+ {2}return \(sorted\[Math\.ceil\(middle\) - 1\]/m);
    // Six calls and three last words: 6 × (1,000 × 3 + 100 × 15) + 3 × (10 × 3 + 5 × 15) micro-USD.
    const cost = await waybill('cost', 'latest', '--json');
    assert.deepEqual((JSON.parse(cost.out) as { models: unknown }).models, [{ model: MEND_MODEL, microUsd: 27_315 }]);

    const leaked = globSync('**', { cwd: state }).filter((name) => bytesOf(join(state, name)).includes(KEY));
    assert.deepEqual(leaked, ['model.key']);
    for (const text of [out, err, patch.out, cost.out]) assert.ok(!text.includes(KEY));
  });
});
