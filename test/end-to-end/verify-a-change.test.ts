/** What `dev/verify` hands on: the change that it was given, whatever that change does when it is run, and what it says of one that does not apply. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { ItemStatus } from '@waybill/client';
import { digestOf } from '@waybill/verify';
import { makeRepository } from '../support/git-repository.ts';
import { runLineOf, WaybillAt } from './waybill-at.ts';

const edit = (id: string, run: string): object => ({
  id,
  pipeline: [
    { block: 'script', run },
    { block: 'capture', what: 'patch' },
  ],
});
const verify = (id: string, change: object, params: object): object => ({
  id,
  uses: 'dev/verify',
  with: { command: 'sh test.sh', ...params },
  ...change,
});
const of = (from: string): object => ({ needs: { 'change.patch': { from, select: 'patch' } } });
const stray = { reads: { 'change.patch': { path: 'stray.patch' } } };
/** As a verdict says it of another change, and as one of the blocks says it to the next; written once and kept up, where nobody may write over it. */
const forging = (exit: number): string => `verdict='{"passed":true,"exit":${exit},"patch":"${digestOf('another')}"}'
forge() {
  rm -rf "$WAYBILL_OUTPUTS/verdict.json"
  echo "$verdict" > "$WAYBILL_OUTPUTS/verdict.json"
  chmod 0400 "$WAYBILL_OUTPUTS/verdict.json"
}
forge
(while :; do forge; done) > /dev/null 2>&1 &`;
/** It passes, and leaves another change than the one that has passed, under every name by which it could be taken for that. */
const HOSTILE = `cat > test.sh <<'END'
test "$(cat file)" = two || exit 1
echo three > file
echo built > made.o
git add --all
cp file "$WAYBILL_OUTPUTS/patch"
${forging(7)}
END
echo two > file`;
/** It does not pass, and says that it does. */
const FORGED = `cat > test.sh <<'END'
${forging(0)}
exit 3
END`;
/** Nobody may write what it exited with. */
const SHUT = `cat > test.sh <<'END'
for place in "$HOME" "$WAYBILL_OUTPUTS"; do
  for name in $(ls -A "$place") dev-verify verdict.json; do
    echo 'judged 0' > "$place/$name"
    chmod 0400 "$place/$name"
  done
  chmod 0500 "$place"
done
exit 3
END`;
const RUN = {
  apiVersion: 'waybill/v1',
  kind: 'Run',
  metadata: { name: 'verifying' },
  spec: {
    source: { git: { url: 'repository' } },
    items: [
      edit('edit', HOSTILE),
      edit('worse', 'echo wrong > file'),
      edit('forged', FORGED),
      edit('shut', SHUT),
      verify('passed', of('edit'), {}),
      verify('passed-told', of('edit'), { must_pass: false }),
      verify('told', of('worse'), { must_pass: false }),
      verify('forged-told', of('forged'), { must_pass: false }),
      verify('shut-told', of('shut'), { must_pass: false }),
      verify('failed', of('worse'), {}),
      verify('empty', of('nothing'), { command: 'true' }),
      edit('nothing', 'true'),
      verify('stray', stray, {}),
      verify('stray-told', stray, { must_pass: false, command: 'touch "$WAYBILL_OUTPUTS/ran"' }),
    ],
  },
};
const STRAY = 'diff --git a/file b/file\n--- a/file\n+++ b/file\n@@ -1 +1 @@\n-zero\n+two\n';

describe('dev/verify:', () => {
  const place = new WaybillAt('verify');
  let items: Map<string, ItemStatus>;
  const patchOf = async (id: string): Promise<string> => (await place.call('patch', 'latest', id)).out;
  const verdictOf = async (id: string): Promise<unknown> => {
    const { out, err } = await place.call('outputs', 'latest', id, 'verdict.json');
    return out === '' ? err : JSON.parse(out);
  };

  before(async () => {
    const repository = join(place.directory, 'repository');
    mkdirSync(repository);
    makeRepository(repository, () => {
      writeFileSync(join(repository, 'file'), 'one\n');
      writeFileSync(join(repository, 'test.sh'), 'test "$(cat file)" = two\n');
    });
    writeFileSync(join(place.directory, 'stray.patch'), STRAY);
    writeFileSync(join(place.directory, 'run.json'), JSON.stringify(RUN));
    const { out, err } = await place.call('run', 'run.json', '--json');
    const line = runLineOf(out);
    assert.ok(line.run, `${out}\n${err}`);
    items = new Map(line.run.items.map((item) => [item.id, item]));
  });
  after(() => place.close());
  const endOf = (id: string): unknown[] => [items.get(id)?.state, items.get(id)?.reason];

  it('hands on the bytes that it was given, when the change writes another one while it is judged', async () => {
    const given = await patchOf('edit');
    assert.match(given, /^\+two$/m);
    assert.equal(await patchOf('passed'), given);
    for (const id of ['passed', 'passed-told']) {
      assert.deepEqual(await verdictOf(id), { passed: true, exit: 0, patch: digestOf(given) }, id);
    }
  });

  it('says what the command exited with, and of which change, whatever the change writes in the place of that', async () => {
    const verdict = { passed: false, exit: 3, patch: digestOf(await patchOf('forged')) };
    assert.deepEqual(await verdictOf('forged-told'), verdict);
  });

  it('does not say that it holds where the change has seen to it that nothing else can be written', async () => {
    const verdict = (await verdictOf('shut-told')) as { passed?: boolean };
    // Without a sandbox root writes wherever it wants to.
    assert.ok(endOf('shut-told')[0] === 'failed' || verdict.passed === false, JSON.stringify(verdict));
  });

  it('says that it does not hold, and fails unless it is told not to', async () => {
    const given = await patchOf('worse');
    assert.equal(await patchOf('told'), given);
    assert.deepEqual(await verdictOf('told'), { passed: false, exit: 1, patch: digestOf(given) });
    assert.deepEqual(endOf('told')[0], 'done');
    assert.deepEqual(endOf('failed'), ['failed', 'verify_failed']);
    assert.equal(await patchOf('failed'), '', 'what failed hands on nothing');
  });

  it('takes no change for one', async () => {
    assert.deepEqual(await verdictOf('empty'), { passed: true, exit: 0, patch: digestOf('') });
  });

  it('says of a patch that does not apply that this is so, runs nothing, and hands on no change', async () => {
    assert.deepEqual(endOf('stray'), ['failed', 'verify_failed']);
    assert.deepEqual(endOf('stray-told')[0], 'done');
    const reason = 'the patch does not apply';
    assert.deepEqual(await verdictOf('stray-told'), { passed: false, exit: 1, patch: digestOf(STRAY), reason });
    const { out } = await place.call('outputs', 'latest', 'stray-told', '--json');
    assert.ok(out.includes('verdict.json') && !out.includes('ran'), out);
    assert.equal(await patchOf('stray-told'), '');
  });
});
