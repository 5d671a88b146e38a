/** Items that declare what they leave: which they are, and what their workers leave in its place, well or badly. */
import { digestOf } from '@waybill/verify';
import type { Job } from '#core/mailbox-protocol.ts';
import type { Random } from '../support/random.ts';
import type { ItemDraft } from '../support/run-spec.ts';

const encoder = new TextEncoder();
const SHAPE = { name: 'data/rows', pack: digestOf('a pack'), shape: digestOf('a shape') };

/** Every schema that is drawn asks for an object with one integer. */
const schemaOf = (name: string, bounds: object): object => ({
  type: 'object',
  required: [name],
  properties: { [name]: { type: 'integer', ...bounds } },
});

/** Some declare what every attempt leaves, some what a few of them do. */
export function typesOf(random: Random): Partial<ItemDraft> {
  if (!random.chance(0.12)) return {};
  const data = {
    kind: 'json' as const,
    schema: schemaOf('draw', random.chance(0.5) ? {} : { maximum: 1 + random.below(3) }),
  };
  const shape = random.chance(0.3) ? { shape: SHAPE } : {};
  if (random.chance(0.5)) return { outputs: { data }, ...shape };
  const rows = { kind: 'jsonl' as const, schema: schemaOf('n', random.chance(0.7) ? {} : { maximum: 2 }) };
  const parts = random.chance(0.5) ? { 'parts/': { kind: 'text' as const } } : {};
  const env = { ROWS: `${random.below(5)}`, PARTS: `${random.below(6)}` };
  return { outputs: { data, 'rows.jsonl': rows, ...parts }, env, ...shape };
}

/** What an item with such an environment is asked to leave; one in some attempts leaves something else, or nothing. */
export function typedFiles({ env }: Job, bits: number): Record<string, Uint8Array> {
  if (env.ROWS === undefined) return {};
  const lines = Array.from({ length: Number(env.ROWS) }, (_, n) => JSON.stringify({ n }));
  const wrong = ['{"n":"many"}', '{"n":', '{}', '7'][(bits >>> 9) % 12];
  if (wrong !== undefined) lines.splice((bits >>> 5) % (lines.length + 1), 0, wrong);
  const end = bits % 2 === 0 ? '\n' : '';
  const text = lines.length === 0 ? '' : `${lines.join('\n')}${end}`;
  const parts = Array.from({ length: Number(env.PARTS ?? 0) }, (_, n) => [`parts/${n}`, encoder.encode(`${n}`)]);
  const rows = (bits >>> 13) % 12 === 0 ? [] : [['rows.jsonl', encoder.encode(text)]];
  return Object.fromEntries([...parts, ...rows]);
}
