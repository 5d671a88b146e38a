/** A small pack to start from: each test changes the one thing that it is about. */
import { digestOf } from '@waybill/verify';
import type { PackFiles, ReadPack } from '../src/pack.ts';
import { readPack } from '../src/pack-shape.ts';

export const VERDICT = { type: 'object', required: ['approved'], properties: { approved: { type: 'boolean' } } };

export function shapeOf(more: object = {}): Record<string, unknown> {
  return {
    description: 'Looks at a text.',
    params: {
      words: { type: 'integer', description: 'How many.', default: 3, min: 1, max: 9 },
      model: { type: 'text', description: 'Who looks.' },
    },
    inputs: { 'text.txt': { kind: 'text' }, 'notes.jsonl': { kind: 'jsonl', optional: true } },
    outputs: { 'verdict.json': { kind: 'json', schema: VERDICT } },
    files: { 'look.sh': 'scripts/look.sh' },
    pipeline: [
      { block: 'script', run: 'sh "$WAYBILL_INPUTS/look.sh" "$PARAM_WORDS"' },
      { block: 'agent', adapter: 'bedrock', model: '{{param model}}', prompt: { file: 'prompts/look.md' } },
      { block: 'capture', what: 'outputs' },
    ],
    ...more,
  };
}

export function packOf(shapes: Record<string, unknown> = { look: shapeOf() }, more: object = {}): object {
  return { apiVersion: 'waybill/v1', kind: 'Pack', metadata: { name: 'mine', description: 'Mine.' }, shapes, ...more };
}

export function packFiles(document: unknown = packOf()): PackFiles {
  const texts = {
    'pack.yaml': JSON.stringify(document),
    'scripts/look.sh': 'wc -w "$WAYBILL_INPUTS/text.txt"\n',
    'prompts/look.md': 'At most {{param words}} words, of {{text text.txt}}.\n',
    'schemas/verdict.json': JSON.stringify(VERDICT),
    'schemas/wild.json': '{"pattern":"^(a+)+$"}',
  };
  return new Map(Object.entries(texts).map(([path, text]) => [path, new TextEncoder().encode(text)]));
}

export function readSample(document?: unknown): ReadPack {
  return readPack(packFiles(document), digestOf('the folder'));
}
