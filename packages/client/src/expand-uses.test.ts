import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { canonicalize, digestOf } from '@waybill/verify';
import { packOf, readSample, shapeOf, VERDICT } from '../test/pack-sample.ts';
import { bytesOf, runOf } from '../test/run-sample.ts';
import { compileFlow } from './compile-flow.ts';
import { compile } from './compile-plan.ts';
import { expandUses, filesOfShapes } from './expand-uses.ts';
import { paramValues } from './pack-params.ts';
import { parseRun } from './parse-spec.ts';
import { planEntries } from './plan-entries.ts';
import { readSpec } from './read-spec.ts';
import { SpecRefused } from './spec-refused.ts';

const PACKS = new Map([['mine', readSample()]]);
const TEXT = { sha256: digestOf('a text'), sizeBytes: 6 };
const using = (more: object = {}): Record<string, unknown> => ({
  id: 'look',
  uses: 'mine/look',
  with: { model: 'claude-x' },
  reads: { 'text.txt': TEXT },
  ...more,
});
const refusalsOf = (...items: object[]): string[] =>
  expandUses(items, PACKS).refusals.map(({ code, path }) => `${code} ${path}`);

describe('items that use a shape', () => {
  it('become its pipeline, with its parameters, files, outputs and hashes', () => {
    const expanded = expandUses([using({ timeout: '1m' })], PACKS);
    assert.deepEqual(expanded.refusals, []);
    const read = parseRun(bytesOf(runOf(expanded.items)));
    assert.ok(read.ok);
    const compiled = compile(read.run);
    assert.ok(compiled.ok, JSON.stringify(compiled));
    const [item = assert.fail()] = compiled.plan.items;
    assert.deepEqual(item.env, { PARAM_MODEL: 'claude-x', PARAM_WORDS: '3' });
    assert.deepEqual(
      item.reads?.map(({ key }) => key),
      ['look.sh', 'text.txt'],
    );
    const [, agent] = item.pipeline;
    assert.ok(agent?.block === 'agent' && agent.adapter === 'bedrock');
    assert.deepEqual([agent.model, agent.prompt], ['claude-x', 'At most 3 words, of {{text text.txt}}.\n']);
    assert.equal(item.timeoutMs, 60_000);
    const [entry] = planEntries(compiled.plan);
    const pack = readSample();
    assert.ok(pack.ok);
    assert.deepEqual(entry?.shape, {
      name: 'mine/look',
      pack: digestOf('the folder'),
      shape: pack.pack.shapes.get('look')?.digest,
    });
    assert.deepEqual(entry?.outputs, [{ name: 'verdict.json', kind: 'json', schema: digestOf(canonicalize(VERDICT)) }]);
    const files = filesOfShapes(expanded);
    assert.deepEqual([...files.keys()], [item.reads?.[0]?.sha256]);
  });

  it('keep what looks like a place for an input in a parameter out of prompts', () => {
    const shape = shapeOf({
      pipeline: [
        { block: 'agent', adapter: 'bedrock', model: 'm', prompt: '{{param model}}' },
        { block: 'capture', what: 'outputs' },
      ],
    });
    const packs = new Map([['mine', readSample(packOf({ look: shape }))]]);
    const { items } = expandUses([using({ with: { model: '{{text secret}}' } })], packs);
    const [agent] = (items[0] as { pipeline: { prompt: string }[] }).pipeline;
    assert.equal(agent?.prompt, '{{{{text secret}}');
  });

  for (const [what, more, ...refused] of [
    ['a pack that there is none of', { uses: 'yours/look' }, 'SPEC_UNKNOWN_REFERENCE spec.items[0].uses'],
    ['a shape that there is none of', { uses: 'mine/lok' }, 'SPEC_UNKNOWN_REFERENCE spec.items[0].uses'],
    ['a pack alone', { uses: 'mine' }, 'SPEC_INVALID spec.items[0].uses'],
    ['no pack at all', { uses: undefined }, 'SPEC_INVALID spec.items[0].uses'],
    ['a pipeline of its own', { pipeline: [] }, 'SPEC_INVALID spec.items[0].pipeline'],
    ['a parameter that is missing', { with: {} }, 'SPEC_INVALID spec.items[0].with.model'],
    ['a parameter that there is none of', { with: { model: 'm', wordz: 1 } }, 'SPEC_INVALID spec.items[0].with.wordz'],
    ['a parameter out of its bounds', { with: { model: 'm', words: 10 } }, 'SPEC_INVALID spec.items[0].with.words'],
    ['a parameter of another type', { with: { model: 'm', words: '3' } }, 'SPEC_INVALID spec.items[0].with.words'],
    ['a part of a number', { with: { model: 'm', words: 1.5 } }, 'SPEC_INVALID spec.items[0].with.words'],
    ['an input that is missing', { reads: {} }, 'SPEC_INVALID spec.items[0].needs'],
    [
      'an input that it does not take',
      { reads: { 'text.txt': TEXT, 'other.txt': TEXT } },
      'SPEC_INVALID spec.items[0].reads["other.txt"]',
    ],
    [
      'one of many where it takes one',
      { reads: {}, needs: { 'text.txt': { each: 'a', select: 'patch' } } },
      'SPEC_INVALID spec.items[0].needs["text.txt"]',
    ],
  ] as const) {
    it(`are refused for ${what}`, () => {
      assert.deepEqual(refusalsOf(using(more)), refused);
    });
  }

  it('are the only ones that say which shape they are', async () => {
    const shape = { name: 'dev/review', pack: digestOf('a pack'), shape: digestOf('a shape') };
    const document = runOf([{ id: 'a', pipeline: [{ block: 'script', run: 'true' }], shape }]);
    assert.ok(parseRun(bytesOf(document)).ok);
    const refused = await readSpec(bytesOf(document), '.').catch((error: unknown) => error);
    assert.ok(refused instanceof SpecRefused);
    assert.deepEqual(
      refused.refusals.map(({ path }) => path),
      ['spec.items[0].shape'],
    );
  });

  it('have for a parameter what its name says, and nothing that every object has', () => {
    const params = { constructor: { type: 'text', description: 'Who made it.', default: 'me' } } as const;
    assert.deepEqual({ ...paramValues(params, {}) }, { constructor: 'me' });
    assert.deepEqual({ ...paramValues(params, { constructor: 'you' }) }, { constructor: 'you' });
  });

  it('say no parameter in their environment', () => {
    const path = 'SPEC_INVALID spec.items[0].env.PARAM_WORDS';
    assert.deepEqual(refusalsOf(using({ env: { PARAM_WORDS: '9', OTHER: 'x' } })), [path]);
  });

  it('of a pack that is wrong are told what is', () => {
    const packs = new Map([['mine', readSample(packOf({ look: shapeOf({ files: { x: 'none' } }) }))]]);
    const [refusal] = expandUses([using()], packs).refusals;
    assert.equal(refusal?.path, 'spec.items[0].uses');
    assert.match(refusal?.problem ?? '', /mine: shapes\.look\.files\.x: there is no file "none"/);
  });

  it('are told of their parameters by the names of these', async () => {
    const token = `ghp_${'a'.repeat(36)}`;
    const document = runOf([
      { id: 'a', uses: 'data/aggregate', with: { by: token }, reads: { 'table.csv': { path: 'x' } } },
    ]);
    const refused = await readSpec(bytesOf(document), '.').catch((error: unknown) => error);
    assert.ok(refused instanceof SpecRefused);
    assert.deepEqual(
      refused.refusals.map(({ code, path }) => `${code} ${path}`),
      ['SPEC_CREDENTIAL spec.items[0].with.by'],
    );
  });

  it('are tasks of a flow too, and told by their paths there', () => {
    const flow = (...tasks: object[]): ReturnType<typeof compileFlow> =>
      compileFlow({ apiVersion: 'waybill/v1', kind: 'Flow', metadata: { name: 'f' }, tasks }, new Map(), PACKS);
    const task = { id: 'look', uses: 'mine/look', with: { model: 'm' }, reads: { 'text.txt': TEXT } };
    const compiled = flow({ parallel: [task] });
    assert.ok(compiled.ok, JSON.stringify(compiled));
    assert.equal(compiled.items[0]?.shape?.name, 'mine/look');
    assert.equal(compiled.packFiles.size, 1);
    const refused = flow({ parallel: [{ ...task, with: {} }] });
    assert.deepEqual(refused.ok ? [] : refused.refusals.map(({ path }) => path), ['tasks[0].parallel[0].with.model']);
    const wrong = flow({ parallel: [{ ...task, with: { model: '-m' } }] });
    assert.deepEqual(wrong.ok ? [] : wrong.refusals.map(({ path }) => path), ['tasks[0].parallel[0].uses']);
  });
});
