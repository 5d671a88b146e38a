/**
 * A value that `String` throws at, or takes for a text that it is not, in each place of what people write. A draw finds
 * such a place once in many runs; this looks at all of them.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { flowOf, task } from '../test/flow-sample.ts';
import { placesOf, replaced } from '../test/places.ts';
import { bytesOf } from '../test/run-sample.ts';
import type { Refusal } from './errors.ts';
import { archiveFolder } from './folder-archive.ts';
import { readPack } from './pack-shape.ts';
import { parseControl } from './parse-spec.ts';
import { readDocument } from './read-document.ts';
import { readExtension } from './read-extension.ts';
import { readSchedule, readSpec } from './read-spec.ts';
import { readYaml } from './read-yaml.ts';
import { formatPath } from './spec-issue.ts';
import { SpecRefused } from './spec-refused.ts';

const HOSTILE = [{ toString: null }, ['x']];
const EXAMPLES = join(import.meta.dirname, '../../../examples');

type Reader = (bytes: Uint8Array, directory: string) => Promise<unknown>;

/** Null: it was taken. Whatever is thrown but a refusal is a fault. */
async function refusalsFrom(read: () => Promise<unknown>): Promise<readonly Refusal[] | null> {
  try {
    await read();
    return null;
  } catch (error) {
    if (error instanceof SpecRefused) return error.refusals;
    throw error;
  }
}

function told(result: { ok: true } | { ok: false; refusals: Refusal[] }): void {
  if (!result.ok) throw new SpecRefused(result.refusals);
}

async function holds(document: unknown, directory: string, read: Reader): Promise<void> {
  let refused = 0;
  assert.equal(await refusalsFrom(() => read(bytesOf(document), directory)), null);
  for (const path of placesOf(document))
    for (const value of HOSTILE) {
      const place = `${formatPath(path)} = ${JSON.stringify(value)}`;
      const changed = bytesOf(replaced(document, path, value));
      const refusals = await refusalsFrom(() => read(changed, directory)).catch((error: unknown) => {
        assert.fail(`${place}: ${(error as Error).stack}`);
      });
      if (refusals === null) continue;
      refused += 1;
      assert.ok(refusals.length > 0, place);
      for (const refusal of refusals) {
        assert.ok(refusal.path !== '' && refusal.problem !== '' && refusal.fix !== '', place);
        assert.doesNotMatch(refusal.path + refusal.problem + refusal.fix, /\p{Cc}/u, place);
      }
    }
  assert.ok(refused > placesOf(document).length);
}

function written(file: string): unknown {
  const read = readDocument(readFileSync(join(EXAMPLES, file)), readYaml);
  assert.ok(read.ok);
  return read.value;
}

for (const file of [
  'headline/waybill.yaml',
  'data/waybill.yaml',
  'own-agent/waybill.yaml',
  'flow/flow.yaml',
  'mend/flow.yaml',
])
  test(`${file} with a hostile value in any place is taken or explained`, () =>
    holds(written(file), dirname(join(EXAMPLES, file)), (bytes, directory) => readSpec(bytes, directory)));

test('a flow that becomes more with a hostile value in any place is taken or explained', () => {
  const forEach = { from: 'split', outputs: 'parts/', as: 'part' };
  const map = task('map', { forEach, needs: { all: { from: 'split', select: { output: 'out' } } } });
  const sum = task('sum', { needs: { parts: { each: 'map', select: { output: 'out' } } } });
  return holds(flowOf([task('split'), map, sum]), EXAMPLES, (bytes, directory) => readSpec(bytes, directory));
});

test('a schedule with a hostile value in any place is taken or explained, by the client and from the inbox', async () => {
  const { metadata, spec } = written('headline/waybill.yaml') as { metadata: object; spec: object };
  const when = { timeZone: 'Europe/Berlin', cron: '30 4 * * MON-FRI', missed: 'latest' };
  const document = { apiVersion: 'waybill/v1', kind: 'Schedule', metadata, spec: { ...when, run: spec } };
  await holds(document, join(EXAMPLES, 'headline'), (bytes, directory) => readSchedule(bytes, directory));
  const { schedule } = await readSchedule(bytesOf(document), join(EXAMPLES, 'headline'));
  await holds(schedule, EXAMPLES, async (bytes) => told(parseControl(bytes)));
});

test('an extension with a hostile value in any place is taken or explained', async () => {
  const { spec } = written('headline/waybill.yaml') as { spec: { items: unknown } };
  const document = { apiVersion: 'waybill/v1', kind: 'Extension', spec: { items: spec.items } };
  await holds(document, join(EXAMPLES, 'headline'), (bytes, directory) => readExtension(bytes, directory));
});

test('a pack with a hostile value in any place is taken or explained', async () => {
  const directory = join(EXAMPLES, 'own-pack/packs/words');
  const { entries } = await archiveFolder(directory);
  const files = entries.map(({ path, bytes }) => [path, bytes] as const);
  const digest = `sha256:${'a'.repeat(64)}` as const;
  await holds(written('own-pack/packs/words/pack.yaml'), directory, async (bytes) =>
    told(readPack(new Map([...files, ['pack.yaml', bytes]]), digest)),
  );
});
