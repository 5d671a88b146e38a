/**
 * Every byte of a bundle, flipped. `WAYBILL_FLIPS=all` flips each of the eight bits; otherwise one bit a byte is drawn
 * from a seed that is printed. What may be flipped and still be verified is computed here, from what
 * docs/formats/container.md declares: the accepted flips have to be exactly those.
 */
import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import process from 'node:process';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { verifyBundle } from '../../packages/verify/src/index.ts';
import type { PolicyFile } from '../../packages/verify/src/verdict/policy.ts';
import { randomOf } from '../support/random.ts';
import type { FlipTask } from './flip-worker.ts';
import { buildBundle } from './honest-bundle.ts';
import { policyWithoutRoots, SMALL, SMALL_AND_STAMPED, UNKNOWN_SIGNER, wholePolicy } from './small-bundle.ts';

const SEED = Number(process.env.WAYBILL_SEED ?? Date.now() % 2 ** 31);
const MASKS = [1, 2, 4, 8, 16, 32, 64, 128];
const random = randomOf(SEED);

type Flip = [number, number][];

/** The masks to try on a byte. */
function masksOf(): number[] {
  return process.env.WAYBILL_FLIPS === 'all' ? MASKS : [MASKS[random.below(MASKS.length)] as number];
}

/** Flips of every byte between two places. */
function flipsOf(from: number, to: number): Flip[] {
  return Array.from({ length: to - from }, (_, n) => masksOf().map((mask): Flip => [[from + n, mask]])).flat();
}

/** The flips with which the bundle is still verified, found on several threads. */
async function accepted(bundle: Uint8Array, policy: PolicyFile, flips: Flip[]): Promise<Flip[]> {
  assert.equal((await verifyBundle([bundle], { policy })).exitCode, 0, 'unflipped it has to be verified');
  const threads = availableParallelism();
  const shares = Array.from({ length: threads }, (_, n) => flips.filter((_flip, index) => index % threads === n));
  const found = await Promise.all(
    shares.map(async (share) => (await judgeAside({ bundle, policy, flips: share })).map((n) => share[n] as Flip)),
  );
  const place = new Map(flips.map((flip, n) => [flip, n]));
  return found.flat().sort((a, b) => (place.get(a) ?? 0) - (place.get(b) ?? 0));
}

function judgeAside(task: FlipTask): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./flip-worker.ts', import.meta.url), { workerData: task });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

function applied(bundle: Uint8Array, flip: Flip): Buffer {
  const flipped = Buffer.from(bundle);
  for (const [at, mask] of flip) flipped[at] = (flipped[at] as number) ^ mask;
  return flipped;
}

const said = (t: { diagnostic(text: string): void }, flips: Flip[], allowed: Flip[]): void =>
  t.diagnostic(`seed ${SEED}, ${flips.length} flips, ${allowed.length} of them in places that nothing covers`);

test('flips: where everything is judged, no flipped bit of any byte is ever verified', async (t) => {
  const bundle = buildBundle(SMALL_AND_STAMPED);
  const flips = flipsOf(0, bundle.length);
  said(t, flips, []);
  assert.deepEqual(await accepted(bundle, wholePolicy(), flips), [], `seed ${SEED}`);
});

test('flips: a token that nobody judges may say anything that is base64, and nothing else may differ', async (t) => {
  const bundle = buildBundle(SMALL_AND_STAMPED);
  const text = bundle.toString('latin1');
  const from = text.indexOf('"tsr":"') + '"tsr":"'.length;
  const to = text.indexOf('"', from);
  const flips = flipsOf(from - 40, Math.min(to + 40, bundle.length));
  const allowed = flips.filter(([flip]) => {
    const [at] = flip as [number, number];
    const tsr = applied(bundle, [flip as [number, number]])
      .toString('latin1')
      .slice(from, to);
    return at >= from && at < to && Buffer.from(tsr, 'base64').toString('base64') === tsr;
  });
  said(t, flips, allowed);
  assert.ok(allowed.length > 100 && allowed.length < flips.length);
  assert.deepEqual(await accepted(bundle, policyWithoutRoots(), flips), allowed, `seed ${SEED}`);
});

test('flips: where both proofs differ alike, only lines of unknown signers may differ, and enough known ones have to be left', async (t) => {
  const bundle = buildBundle(SMALL);
  const [first, second] = notesOf(bundle);
  const offset = second.from - first.from;
  const flips = Array.from({ length: first.to - first.from }, (_, n) =>
    masksOf().map(
      (mask): Flip => [
        [first.from + n, mask],
        [first.from + n + offset, mask],
      ],
    ),
  ).flat();
  const honest = noteAt(bundle, first) ?? '';
  const allowed = flips.filter((flip) => {
    const note = noteAt(applied(bundle, flip), first);
    return note !== undefined && isUncovered(honest, note);
  });
  said(t, flips, allowed);
  assert.ok(allowed.length > 20 && allowed.length < flips.length / 2);
  assert.deepEqual(await accepted(bundle, policyWithoutRoots(), flips), allowed, `seed ${SEED}`);
});

/** The text that stands in a stretch of a JSON string; undefined when it is not written as canonical JSON writes it. */
function noteAt(bundle: Buffer, { from, to }: Stretch): string | undefined {
  const raw = bundle.subarray(from, to);
  const escaped = raw.toString('utf8');
  try {
    const text = JSON.parse(`"${escaped}"`) as string;
    return Buffer.from(escaped).equals(raw) && JSON.stringify(text) === `"${escaped}"` ? text : undefined;
  } catch {
    return undefined;
  }
}

interface Stretch {
  from: number;
  to: number;
}

/** Where the text of the checkpoint note stands in the two log records, as bytes of the file. */
function notesOf(bundle: Buffer): [Stretch, Stretch] {
  const text = bundle.toString('latin1');
  const begin = text.indexOf('\\n\\n', text.indexOf('"proof":"')) + 4;
  const again = text.indexOf('\\n\\n', text.indexOf('"proof":"', begin)) + 4;
  const length = text.indexOf('"', begin) - begin;
  assert.equal(text.slice(begin, begin + length), text.slice(again, again + length));
  return [
    { from: begin, to: begin + length },
    { from: again, to: again + length },
  ];
}

/** A signature line as C2SP writes it: an em dash, a name without white space and plus, base64 of at least five bytes. */
const SIGNATURE_LINE = /^\u2014 ([^\s+\p{C}]+) ([A-Za-z0-9+/]+={0,2})$/u;

/** Name and key hash of a signature line; undefined when it is none. */
function signerOf(line: string): string | undefined {
  const [, name, material = ''] = SIGNATURE_LINE.exec(line) ?? [];
  const blob = Buffer.from(material, 'base64');
  if (name === undefined || blob.length <= 4 || blob.toString('base64') !== material) return undefined;
  return `${name} ${blob.subarray(0, 4).toString('hex')}`;
}

/**
 * Whether only lines differ that now name a signer whom nobody knows, and enough known signers are left: one of the two
 * log keys and both witnesses. The text of the note must be the same.
 */
function isUncovered(honest: string, flipped: string): boolean {
  const [text, ...lines] = honest.split('\n\n').flatMap((part, n) => (n === 0 ? [part] : part.trimEnd().split('\n')));
  const [otherText, signatures, ...more] = flipped.split('\n\n');
  if (otherText !== text || signatures === undefined || more.length > 0 || !flipped.endsWith('\n')) return false;
  const known = lines.filter((line) => !line.includes(UNKNOWN_SIGNER));
  const knownSigners = new Set(known.map(signerOf));
  const isIntact = (line: string): boolean => known.includes(line);
  const others = signatures
    .slice(0, -1)
    .split('\n')
    .filter((line) => !isIntact(line));
  if (!others.map(signerOf).every((signer) => signer !== undefined && !knownSigners.has(signer))) return false;
  const intact = known.filter((line) => signatures.includes(`${line}\n`));
  const witnesses = intact.filter((line) => line.includes('witness.example/')).length;
  return witnesses === 2 && intact.length > witnesses;
}
