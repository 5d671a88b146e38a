import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { EvidenceError } from '../evidence-error.ts';
import { formatCheckpoint } from './checkpoint.ts';
import { cosignedMessage, formatCosignature, formatWitnessVkey, parseWitnessVkey } from './cosignature.ts';
import { leafHash } from './merkle.ts';
import { formatNote, type NoteSignature, parseNote } from './note.ts';
import { evaluateQuorum, parseTlogPolicy } from './tlog-policy.ts';

const ORIGIN = 'log.test';
const TEXT = formatCheckpoint({ origin: ORIGIN, size: 3, root: leafHash('root'), extensions: [] });
const COUNT = 8;
const TIMES = 5;

/** For each witness its line in a policy, and cosignatures of the seconds 1 to TIMES. */
const WITNESSES = Array.from({ length: COUNT }, (_, n) => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const raw = Uint8Array.from(publicKey.export({ type: 'spki', format: 'der' }).subarray(-32));
  const vkey = formatWitnessVkey(`witness.test/${n}`, raw);
  const cosignatures = Array.from({ length: TIMES }, (_, index): NoteSignature => {
    const signature = sign(null, cosignedMessage(TEXT, index + 1), privateKey);
    return formatCosignature(parseWitnessVkey(vkey), { timeSeconds: index + 1, signature });
  });
  return { line: `witness w${n} ${vkey}\n`, cosignatures };
});

/** Uniform choices from a seed (mulberry32): fast-check's own numbers crowd at the ends of their range. */
function chooser(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Groups over groups over witnesses, every name in one place at most, and a quorum somewhere among them. */
function randomPolicy(pick: (below: number) => number): string {
  const free = WITNESSES.map((_, n) => `w${n}`);
  const names = [...free];
  let text = WITNESSES.map(({ line }) => line).join('');
  for (let group = 0; group < 6 && free.length > 0; group++) {
    const size = 1 + pick(Math.min(4, free.length));
    const members = Array.from({ length: size }, () => free.splice(pick(free.length), 1)[0] as string);
    const threshold = ['any', 'all', String(1 + pick(size))][pick(3)];
    text += `group g${group} ${threshold} ${members.join(' ')}\n`;
    free.push(`g${group}`);
    names.push(`g${group}`);
  }
  const quorum = pick(10) === 0 ? 'none' : names[names.length - 1 - pick(Math.min(4, names.length))];
  return `${text}quorum ${quorum}\n`;
}

/** The definition of the specification, word for word: is this name witnessed by these witnesses? */
function isWitnessed(policy: string, name: string, by: ReadonlySet<string>): boolean {
  if (name === 'none') return true;
  const group = policy.split('\n').find((line) => line.startsWith(`group ${name} `));
  if (group === undefined) return by.has(name);
  const [, , threshold = '', ...members] = group.split(' ');
  const k = threshold === 'any' ? 1 : threshold === 'all' ? members.length : Number(threshold);
  return members.filter((member) => isWitnessed(policy, member, by)).length >= k;
}

test('policy: a nested quorum agrees with the definition read word for word, and so does its time', async () => {
  const seen = { met: 0, unmet: 0 };
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const pick = chooser(seed);
      const policy = randomPolicy(pick);
      const times = new Map<string, number>();
      const lines: NoteSignature[] = [];
      for (const [n, { cosignatures }] of WITNESSES.entries()) {
        for (let count = pick(5) - 2; count > 0; count--) {
          const second = 1 + pick(TIMES);
          lines.push(cosignatures[second - 1] as NoteSignature);
          times.set(`w${n}`, Math.min(second, times.get(`w${n}`) ?? second));
        }
      }
      // A note has at least one signature; that of an unknown key is passed over.
      lines.push({ name: 'nobody', hash: 1, signature: new Uint8Array(64) });
      const result = await evaluateQuorum(parseTlogPolicy(policy), parseNote(formatNote(TEXT, lines)), ORIGIN);
      const quorum = /quorum (.+)\n$/.exec(policy)?.[1] as string;
      const by = (second: number) => new Set([...times].filter(([, time]) => time <= second).map(([name]) => name));
      const met = isWitnessed(policy, quorum, by(TIMES));
      const earliest = [1, 2, 3, 4, 5].find((second) => isWitnessed(policy, quorum, by(second)));
      assert.equal(result.met, met, policy);
      assert.equal(result.seenByMs, met && quorum !== 'none' ? (earliest as number) * 1000 + 999 : null, policy);
      assert.ok(result.k <= result.n && result.k === result.witnesses.length);
      for (const { name, timeMs } of result.witnesses) assert.equal(timeMs, (times.get(name) as number) * 1000);
      seen[met ? 'met' : 'unmet']++;
    }),
    { numRuns: 400 },
  );
  assert.ok(seen.met > 40 && seen.unmet > 40, JSON.stringify(seen));
});

test('policy: any text is read or refused with its code, never anything else', () => {
  const vkey = WITNESSES[0]?.line.split(' ')[2]?.trim() as string;
  const words = fc.constantFrom(
    'log',
    'witness',
    'group',
    'quorum',
    'none',
    'any',
    'all',
    'a',
    'b',
    '1',
    '2',
    '#',
    vkey,
    '\u00e9',
  );
  const blank = fc.constantFrom(' ', '\t', '\n', '\n', '  ');
  const alike = fc.array(fc.tuple(words, blank), { maxLength: 40 }).map((parts) => `${parts.flat().join('')}\n`);
  const read = { fine: 0 };
  fc.assert(
    fc.property(fc.oneof(alike, fc.string({ unit: 'binary', maxLength: 200 })), (text) => {
      try {
        parseTlogPolicy(text);
        read.fine++;
      } catch (error) {
        assert.ok(error instanceof EvidenceError && error.code === 'POLICY', String(error));
        // It ends in a terminal: nothing of the text is in it.
        assert.match(error.message, /^[ -~]+$/);
      }
    }),
    { numRuns: 1_000, examples: [['quorum none\n'], [`witness a ${vkey}\nquorum a\n`]] },
  );
  assert.ok(read.fine >= 2);
});
