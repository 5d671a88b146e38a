/** The intent of `dev/open-pr`, as the engine takes it from the worker and people see it: bound to the patch, judged, and held to its rules. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { ItemStatus } from '@waybill/client';
import { canonicalize, digestOf } from '@waybill/verify';
import { makeRepository } from '../support/git-repository.ts';
import { runLineOf, WaybillAt } from './waybill-at.ts';

const TITLE = 'Say two: "quoted", \\ and ü';
const BODY = 'First line.\nSecond line.';
const asks = (id: string, more: object): object => ({
  id,
  uses: 'dev/open-pr',
  with: { title: TITLE, ...more },
  needs: { 'change.patch': { from: 'edit', select: 'patch' } },
});
const EDIT = {
  id: 'edit',
  pipeline: [
    { block: 'script', run: 'echo two > file' },
    { block: 'capture', what: 'patch' },
  ],
};
const RUN = {
  apiVersion: 'waybill/v1',
  kind: 'Run',
  metadata: { name: 'asking' },
  spec: {
    source: { git: { url: 'repository' } },
    items: [
      EDIT,
      asks('asked', { body: BODY, branch: 'next' }),
      asks('denied', { intent: 'release.publish' }),
      asks('odd', { intent: 'No Such Name' }),
    ],
  },
};
const FILE = '.waybill/intents/open-pr.json';

describe('dev/open-pr:', () => {
  const place = new WaybillAt('open-pr');
  let items: Map<string, ItemStatus>;
  let evidence = '';

  before(async () => {
    const repository = join(place.directory, 'repository');
    mkdirSync(repository);
    makeRepository(repository, () => writeFileSync(join(repository, 'file'), 'one\n'));
    writeFileSync(join(place.state, 'intents.json'), '{"allow":["pull-request.open"]}');
    writeFileSync(join(place.directory, 'run.json'), JSON.stringify(RUN));
    const { out, err } = await place.call('run', 'run.json', '--json');
    const line = runLineOf(out);
    assert.ok(line.run, `${out}\n${err}`);
    items = new Map(line.run.items.map((item) => [item.id, item]));
    evidence = line.evidence.verdict;
  });
  after(() => place.close());

  it('its intent is written as canonical JSON, with what the item says, and is bound to the bytes of the patch', async () => {
    const patch = await place.call('patch', 'latest', 'edit');
    const copy = await place.call('outputs', 'latest', 'asked', 'change.patch');
    assert.match(copy.out, /^\+two$/m);
    assert.equal(copy.out, patch.out);
    const { out, err } = await place.call('outputs', 'latest', 'asked', FILE);
    const bound = [{ name: 'outputs/change.patch', sha256: digestOf(patch.out) }];
    const params = { title: TITLE, body: BODY, branch: 'next' };
    assert.equal(out, canonicalize({ v: 1, kind: 'pull-request.open', bound, params }), err);
  });

  it('what was said to it is shown and sealed: a kind that the operator allows, and one that nobody has', async () => {
    const told = async (id: string): Promise<string> => (await place.call('explain', 'latest', id, '--plain')).out;
    assert.match(await told('asked'), /^intent +pull-request\.open: allow \(kind_allowed\); nothing carries it out$/m);
    assert.match(
      await told('denied'),
      /^intent +release\.publish: deny \(kind_not_allowed\); nothing carries it out$/m,
    );
    assert.deepEqual([items.get('asked')?.state, items.get('denied')?.state, evidence], ['done', 'done', 'verified']);
    const { out } = await place.call('audit', 'export', 'latest', '-o', '-');
    const judged = out.split('\n').filter((line) => line.includes('"type":"intents.judged"'));
    assert.equal(judged.length, 2);
  });

  it('one that breaks the rules of intents is refused, with what is wrong, and nothing of its attempt is kept', async () => {
    const odd = items.get('odd');
    assert.deepEqual([odd?.state, odd?.reason, odd?.intents], ['failed', 'intent_invalid', undefined]);
    const { out } = await place.call('explain', 'latest', 'odd', '--plain');
    assert.match(out, /^detail +outputs\/\.waybill\/intents\/open-pr\.json: intent\.kind: /m);
    const kept = await place.call('outputs', 'latest', 'odd', FILE);
    assert.notEqual(kept.exit, 0);
    assert.equal(kept.out, '');
  });
});
