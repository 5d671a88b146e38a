/** What items read from outside of their run: pinned when it is submitted, and given to them as it was then. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { digestOf } from '@waybill/verify';
import type { Execute } from '#adapters/in-process/executor.ts';
import type { LeaseDraft } from '#ports/mailbox.ts';
import { type FlowBed, PRINCIPAL } from '../support/embedded-flow.ts';
import { finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { type ItemDraft, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

function upload(bed: FlowBed, text: string, under: string = text): { sha256: string; sizeBytes: number } {
  const sha256 = digestOf(under);
  const folder = join(bed.directory, 'uploads', PRINCIPAL);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, sha256.slice('sha256:'.length)), text);
  return { sha256, sizeBytes: text.length };
}

function watching(): { execute: Execute; given: LeaseDraft['inputs'][] } {
  const given: LeaseDraft['inputs'][] = [];
  return {
    given,
    execute: (_job, { lease }) => {
      given.push(lease.inputs);
      return { ...SUCCEEDED, outputs: { v: Buffer.from('v') } };
    },
  };
}

async function answer(
  bed: FlowBed,
  id: string,
  items: ItemDraft[],
): Promise<[string | undefined, string | undefined][]> {
  bed.submit(id, runOf(items));
  const { reasons } = await bed.until(() => bed.receipts(id)[0]);
  return reasons.map(({ code, path }) => [code, path]);
}

it('reads: an item is given what was uploaded, beside what it needs; plan, manifest and record pin it', async () => {
  const { execute, given } = watching();
  await withBed({ execute }, async (bed) => {
    const words = upload(bed, 'words');
    const needs = { v: { from: 'up', select: { output: 'v' } } };
    bed.submit('s', runOf([{ id: 'up' }, { id: 'reads', needs, reads: { words } }]));
    const { events } = await finished(bed, 's');
    const files = [
      { key: 'v', sha256: digestOf('v'), sizeBytes: 1 },
      { key: 'words', ...words },
    ];
    assert.deepEqual(given, [[], files]);
    const planned = eventsOf(events, 'run.planned').flatMap(({ data }) => data.items);
    assert.deepEqual(planned.find(({ id }) => id === 'reads')?.reads, [{ key: 'words', ...words }]);
  });
});

it('reads: a run is refused whose file was not uploaded, is another one or has another size, each by its path', async () => {
  const { execute, given } = watching();
  await withBed({ execute }, async (bed) => {
    const path = 'spec.items[0].reads.x';
    const missing = { sha256: digestOf('nobody uploads it'), sizeBytes: 3 };
    assert.deepEqual(await answer(bed, 'a', [{ id: 'a', reads: { x: missing } }]), [
      ['SOURCE_MISSING', `${path}.sha256`],
    ]);
    const forged = upload(bed, 'forged', 'honest');
    assert.deepEqual(await answer(bed, 'b', [{ id: 'b', reads: { x: forged } }]), [
      ['SOURCE_INVALID', `${path}.sha256`],
    ]);
    const sized = { ...upload(bed, 'sized'), sizeBytes: 9 };
    const size = [['SOURCE_INVALID', `${path}.sizeBytes`]];
    assert.deepEqual(await answer(bed, 'c', [{ id: 'c', reads: { x: sized } }]), size);
    assert.deepEqual(given, []);
  });
});

it('reads: a pure item that reads another file runs, and one that reads the same does not, whatever it is called', async () => {
  const { execute, given } = watching();
  await withBed({ execute }, async (bed) => {
    const [one, other] = [upload(bed, 'one'), upload(bed, 'other')];
    const runs = async (id: string, reads: ItemDraft['reads']): Promise<number> => {
      const before = given.length;
      bed.submit(id, runOf([{ id: 'p', effect: 'pure', ...(reads === undefined ? {} : { reads }) }]));
      await finished(bed, id);
      return given.length - before;
    };
    assert.deepEqual(await runs('a', { x: one }), 1);
    assert.deepEqual(await runs('b', { x: one }), 0);
    assert.deepEqual(await runs('c', { x: other }), 1);
    assert.deepEqual(await runs('d', { y: one }), 1);
    assert.deepEqual(await runs('e', undefined), 1);
  });
});
