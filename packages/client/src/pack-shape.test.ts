import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { packOf, readSample, shapeOf, VERDICT } from '../test/pack-sample.ts';
import type { Shape } from './pack.ts';

function refusalsOf(document: unknown): string[] {
  const read = readSample(document);
  if (read.ok) return [];
  for (const { problem, fix } of read.refusals) assert.ok(problem !== '' && fix !== '');
  return read.refusals.map(({ code, path }) => `${code} ${path}`);
}
const withShape = (more: object): string[] => refusalsOf(packOf({ look: shapeOf(more) }));
const digestOfShape = (more: object = {}): Shape['digest'] => {
  const read = readSample(packOf({ look: shapeOf(more) }));
  return read.ok ? (read.pack.shapes.get('look')?.digest ?? assert.fail()) : assert.fail(JSON.stringify(read.refusals));
};

describe('packs', () => {
  it('are read with their schemas, prompts and files', () => {
    const read = readSample(
      packOf({ look: shapeOf({ outputs: { 'verdict.json': { kind: 'json', schema: 'schemas/verdict.json' } } }) }),
    );
    assert.ok(read.ok);
    const shape = read.pack.shapes.get('look') ?? assert.fail();
    assert.deepEqual(shape.outputs, { 'verdict.json': { kind: 'json', schema: VERDICT } });
    assert.equal(shape.pipeline[1]?.prompt, 'At most {{param words}} words, of {{text text.txt}}.\n');
    assert.deepEqual(Object.keys(shape.files), ['look.sh']);
  });

  for (const [what, more, ...refused] of [
    [
      'a schema with a pattern',
      { outputs: { 'verdict.json': { kind: 'json', schema: 'schemas/wild.json' } } },
      'SPEC_INVALID shapes.look.outputs["verdict.json"].schema.pattern',
    ],
    [
      'a schema that is not there',
      { inputs: { 'text.txt': { kind: 'json', schema: 'schemas/none.json' } } },
      'FILE_UNREADABLE shapes.look.inputs["text.txt"].schema',
    ],
    [
      'a schema of a table',
      { inputs: { 'text.txt': { kind: 'csv', schema: {} } } },
      'SPEC_INVALID shapes.look.inputs["text.txt"].schema',
    ],
    [
      'a file that is not there',
      { files: { 'look.sh': 'scripts/none.sh' } },
      'FILE_UNREADABLE shapes.look.files["look.sh"]',
    ],
    [
      'a file called as an input',
      { files: { 'text.txt': 'scripts/look.sh' } },
      'SPEC_INVALID shapes.look.files["text.txt"]',
    ],
    [
      'a default out of its bounds',
      {
        params: {
          words: { type: 'integer', description: 'x', default: 10, max: 9 },
          model: { type: 'text', description: 'x' },
        },
      },
      'SPEC_INVALID shapes.look.params.words',
    ],
    [
      'a place for no parameter',
      { params: { words: { type: 'integer', description: 'x' } } },
      'SPEC_INVALID shapes.look.pipeline[1].model',
    ],
    [
      'a parameter in a shell script',
      {
        pipeline: [
          { block: 'script', run: 'head -n {{param words}}' },
          { block: 'capture', what: 'outputs' },
        ],
      },
      'SPEC_INVALID shapes.look.pipeline[0].run',
    ],
    [
      'an output that nothing captures',
      { pipeline: [{ block: 'script', run: 'true' }] },
      'SPEC_INVALID shapes.look.outputs["verdict.json"]',
    ],
    [
      'a patch under another name',
      { outputs: { 'a.patch': { kind: 'patch' } } },
      'SPEC_INVALID shapes.look.outputs["a.patch"].kind',
    ],
    ['a key that nothing acts on', { secret: true }, 'SPEC_UNKNOWN_KEY shapes.look.secret'],
    [
      'a block that no run has',
      { pipeline: [{ block: 'shell' }, { block: 'capture', what: 'outputs' }] },
      'SPEC_INVALID shapes.look',
    ],
    [
      'a prompt that asks for another input',
      {
        pipeline: [
          { block: 'agent', adapter: 'bedrock', model: 'm', prompt: '{{text other}}' },
          { block: 'capture', what: 'outputs' },
        ],
      },
      'SPEC_UNKNOWN_REFERENCE shapes.look',
    ],
  ] as const) {
    it(`with ${what} are refused at its path`, () => {
      assert.deepEqual(withShape(more), refused);
    });
  }

  it('are told everything that is wrong with them at once', () => {
    const document = packOf({
      a: shapeOf({ files: { x: 'none' } }),
      b: shapeOf({ inputs: { 'text.txt': { kind: 'csv', schema: {} } } }),
    });
    assert.equal(refusalsOf(document).length, 2);
  });

  it('have a hash for each shape, of all that it does', () => {
    const own = digestOfShape();
    assert.equal(digestOfShape(), own);
    assert.notEqual(digestOfShape({ timeout: '1m' }), own);
    assert.notEqual(digestOfShape({ files: {} }), own);
    assert.notEqual(digestOfShape({ outputs: { 'verdict.json': { kind: 'json' } } }), own);
  });
});
