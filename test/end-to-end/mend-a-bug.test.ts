/** The example of a bug that models mend, with a server of ours in their place: from a red test to a patch, its cost and its evidence. */
import assert from 'node:assert/strict';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { layMend, MEND_ENDS, MEND_MODEL, MEND_SCRIPT } from '../model-server/mend-story.ts';
import { ModelServer } from '../model-server/model-server.ts';
import { runLineOf, WaybillAt } from './waybill-at.ts';

const KEY = 'key-of-the-operator-51ce';

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
  const place = new WaybillAt('mend');
  const { directory, state } = place;

  before(async () => {
    server = await ModelServer.open();
    server.script(...MEND_SCRIPT);
    layMend(directory);
    const endpoint = { url: server.url, keyFile: 'model.key', models: [MEND_MODEL] };
    writeFileSync(join(state, 'models.json'), JSON.stringify({ bedrock: endpoint }));
    writeFileSync(join(state, 'model.key'), KEY, { mode: 0o600 });
    const price = { inputMicroUsd: 3_000_000, outputMicroUsd: 15_000_000, cachedMicroUsd: 300_000 };
    const prices = { version: 'test', models: { [MEND_MODEL]: price } };
    writeFileSync(join(state, 'spending.json'), JSON.stringify({ prices }));
  });

  after(() => {
    server.close();
    place.close();
  });

  it('is changed, red, changed again, green, reviewed and accepted, with its cost and verified evidence', async (t) => {
    const { exit, out, err } = await place.call('run', 'flow.yaml', '--json');
    if (out.includes('sandbox_required')) return t.skip('bubblewrap does not work here');
    assert.equal(exit, 0, `${out}\n${err}`);
    const { run, evidence } = runLineOf(out);
    assert.deepEqual([run.state, evidence.verdict], ['done', 'verified']);
    const happened = run.items.filter(({ state: ended }) => ended !== 'skipped');
    assert.deepEqual(
      happened.map(({ id, state: ended }) => `${id} ${ended}`),
      MEND_ENDS,
    );
    assert.equal(server.asked.length, MEND_SCRIPT.length);
    const said = JSON.stringify(server.asked[4]?.body);
    assert.match(said, /exit 1/, 'the second of the agents saw the test that was still red');

    const patch = await place.call('patch', 'latest', 'accepted');
    assert.match(patch.out, /^\+ {2}return \(sorted\[Math\.ceil\(middle\) - 1\]/m);
    assert.equal(
      patch.out,
      (await place.call('patch', 'latest', 'mend')).out,
      'what was accepted is what was reviewed',
    );
    // Six calls and three last words: 6 × (1,000 × 3 + 100 × 15) + 3 × (10 × 3 + 5 × 15) micro-USD.
    const cost = await place.call('cost', 'latest', '--json');
    assert.deepEqual((JSON.parse(cost.out) as { models: unknown }).models, [{ model: MEND_MODEL, microUsd: 27_315 }]);

    const leaked = globSync('**', { cwd: state }).filter((name) => bytesOf(join(state, name)).includes(KEY));
    assert.deepEqual(leaked, ['model.key']);
    for (const text of [out, err, patch.out, cost.out]) assert.ok(!text.includes(KEY));
  });
});
