/** The reports for people, whole, as they have to read. `WAYBILL_GOLDEN=write` writes them anew, to be looked at. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { escapeText, renderReport, type VerifyOptions, verifyBundle } from '../../packages/verify/src/index.ts';
import {
  BUCKET,
  COSIGNED_SECONDS,
  captureOf,
  cosigned,
  policyFile,
  stateAfter,
  witnessPolicy,
} from './auditor-material.ts';
import { bundleLines, type Forgery, trustFile } from './honest-bundle.ts';
import { takeOverMade } from './reused-story.ts';
import { retryLint, steer } from './steered-story.ts';
import { ORIGIN } from './story.ts';

const FOLDER = join(import.meta.dirname, 'golden');
/** Clears the screen, turns the line around, hides, breaks lines, and goes on for long. */
const HOSTILE = `\u001b[2J\u202e\u2066\u200b\u0085\u2028\ufeff\u00ad${'x'.repeat(300)}`;

const UNSAFE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: their absence is the point.
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

interface Golden {
  name: string;
  forgery?: Forgery;
  lines?(lines: string[]): string[];
  options?(lines: string[]): VerifyOptions | Promise<VerifyOptions>;
}

const trusted = (): VerifyOptions => ({ trust: trustFile() });

const REPORTS: readonly Golden[] = [
  { name: 'signed', options: trusted },
  { name: 'steered', forgery: { story: steer }, options: trusted },
  { name: 'retried', forgery: { story: retryLint }, options: trusted },
  { name: 'reused', forgery: { story: (story) => takeOverMade(story, 'none') }, options: trusted },
  { name: 'unauthenticated' },
  {
    name: 'everything',
    forgery: { note: (note) => cosigned(cosigned(note, 0), 1) },
    async options(lines) {
      const anchor = { bucket: BUCKET, minRetentionDays: 365 };
      const policy = policyFile({ anchor, witnesses: witnessPolicy(2), require: { maxAgeMs: 86_400_000 } });
      const nowMs = COSIGNED_SECONDS * 1000 + 3 * 3_600_000;
      return { policy, anchor: captureOf(lines), nowMs, state: await stateAfter({}) };
    },
  },
  {
    name: 'insufficient',
    options: () => ({
      policy: policyFile({ witnesses: witnessPolicy(2), require: { integrity: 'witnessed', maxAgeMs: 1 } }),
    }),
  },
  {
    name: 'unreachable',
    options: () => ({
      policy: policyFile({ anchor: { bucket: BUCKET } }),
      anchor: {
        format: 'waybill-anchor-urls/v1',
        bucket: BUCKET,
        key: 'checkpoints/00000000000000000005',
        get: `https://${BUCKET}.s3.amazonaws.com/checkpoints/00000000000000000005`,
        versions: `https://${BUCKET}.s3.amazonaws.com/?versions`,
      },
      fetch: async () => {
        throw new TypeError(`refused ${HOSTILE}`);
      },
    }),
  },
  {
    name: 'contradiction',
    forgery: { seal: ({ predicate }) => Object.assign(predicate, { state: 'done' }) },
    options: trusted,
  },
  {
    name: 'hostile-origin',
    // Notes refuse control characters of their own accord.
    forgery: { checkpoint: (body) => body.replace(ORIGIN, HOSTILE.slice(HOSTILE.indexOf('\u202e'))) },
    options: trusted,
  },
  {
    name: 'hostile-key',
    lines: (lines) => [lines[0] as string, JSON.stringify({ end: { lines: 1 }, [HOSTILE]: 1 })],
    options: trusted,
  },
  {
    name: 'hostile-type',
    lines: () => [JSON.stringify({ format: HOSTILE, origin: HOSTILE, run: HOSTILE })],
    options: trusted,
  },
  { name: 'not-text', lines: () => ['\u001b]0;owned\u0007 \u202e'], options: trusted },
];

for (const { name, forgery, lines: edit, options } of REPORTS) {
  test(`report: ${name} reads as it has to`, async () => {
    const honest = bundleLines(forgery);
    const lines = edit?.(honest) ?? honest;
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
    const shown = renderReport(await verifyBundle([bytes], await options?.(honest)));
    assert.doesNotMatch(shown, UNSAFE);
    for (const line of shown.split('\n')) assert.ok(line.length <= 600, `a line of ${line.length}`);
    const path = join(FOLDER, `${name}.txt`);
    if (process.env.WAYBILL_GOLDEN === 'write') {
      mkdirSync(FOLDER, { recursive: true });
      writeFileSync(path, shown);
    }
    assert.equal(shown, readFileSync(path, 'utf8'));
  });
}

test('report: nothing that a terminal obeys or hides survives the escape, whatever the code point', () => {
  for (let code = 0; code <= 0x10ffff; code += code < 0x3000 ? 1 : 127) {
    const shown = escapeText(`a${String.fromCodePoint(code)}b`);
    assert.doesNotMatch(shown, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u, code.toString(16));
  }
});
