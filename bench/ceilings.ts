/**
 * What this machine allows at most: the parts of the work that no engine with this evidence can leave out, alone, one after
 * another on one thread, with everything else for nothing. Done with the functions of the engine, on what a run of it left.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { compile, parseRun } from '@waybill/client/compile';
import { canonicalize, eventProblem, leafHash } from '@waybill/verify';
import { publishOver, writeTemporary } from '#adapters/local/durable-file.ts';
import { openLocalSigner } from '#adapters/local/signer.ts';
import { signStatement } from '#flow/envelope.ts';
import { timeRun } from './engine-bed.ts';
import { timeCreates } from './floor.ts';
import { median } from './report.ts';
import { fanOutFanIn, IN_FLIGHT, SUBMISSIONS, timeSubmissions } from './shapes.ts';
import { SUBMITTED, transportTo } from './submissions.ts';

const GOES = 5;
const GOES_OF_FILES = 3;
const SIGNATURES = 1_000;
const ADMISSIONS = 1_000;
const ITEMS = 1_000;

/** Microseconds of each, the fastest of a few goes: whatever else the machine does makes it slower only. */
export interface Ceilings {
  /** One signature of an attempt. */
  signature: number;
  /** All that is signed and recorded of an item: its manifest written out and signed, its events written out, judged and hashed. */
  evidence: number;
  /** The text of a run of one item read and compiled. */
  admission: number;
  /** The object of a client and then a receipt in a directory of its own, both durable, so many at once: how many times as long as one file. */
  answered: { 'w4-burst': number; 'w4-32': number };
}

export async function measureCeilings(scratch: string): Promise<Ceilings> {
  const directory = mkdtempSync(join(scratch, 'ceilings-'));
  const signer = openLocalSigner(join(directory, 'keys'));
  const [bytes, lines] = [new Uint8Array(900), await linesOfRun(scratch)];
  const ceilings: Ceilings = {
    signature: await fastest(SIGNATURES, async () => {
      for (let n = 0; n < SIGNATURES; n += 1) await signer.attest(bytes);
    }),
    evidence: await fastest(ITEMS, async () => {
      for (const line of lines) {
        if ('statement' in line) canonicalize(await signStatement(signer, canonicalize(line.statement)));
        else recordAgain(line);
      }
    }),
    admission: await fastest(ADMISSIONS, async () => {
      for (let n = 0; n < ADMISSIONS; n += 1) readAgain();
    }),
    answered: {
      'w4-burst': await timesACreate(scratch, SUBMISSIONS),
      'w4-32': await timesACreate(scratch, IN_FLIGHT),
    },
  };
  rmSync(directory, { recursive: true });
  return ceilings;
}

async function fastest(count: number, act: () => Promise<void>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let n = 0; n < GOES; n += 1) {
    const startedMs = performance.now();
    await act();
    least = Math.min(least, performance.now() - startedMs);
  }
  return (least * 1_000) / count;
}

type Line = { statement: unknown } | { event: object };

/** What a run of `ITEMS` left of its items: statements as they were before they were signed, and events. */
async function linesOfRun(scratch: string): Promise<Line[]> {
  let bundle = '';
  await timeRun(scratch, fanOutFanIn(ITEMS), {
    onSealed(bytes) {
      bundle = bytes.toString();
    },
  });
  const texts = bundle.trim().split('\n');
  return texts.flatMap((text): Line[] => {
    const line = JSON.parse(text) as { seq?: number; payload?: string };
    if (line.payload !== undefined) return [{ statement: JSON.parse(Buffer.from(line.payload, 'base64').toString()) }];
    return line.seq === undefined ? [] : [{ event: line }];
  });
}

function recordAgain({ event }: { event: object }): void {
  const text = canonicalize(event);
  const problem = eventProblem(event, text);
  if (problem !== null) throw new RangeError(problem);
  leafHash(text);
}

function readAgain(): void {
  const parsed = parseRun(SUBMITTED);
  if (!parsed.ok || !compile(parsed.run).ok) throw new RangeError('what the bench submits is refused');
}

/** By turns, since the speed of a disk changes by the minute. */
async function timesACreate(scratch: string, inFlight: number): Promise<number> {
  const ratios: number[] = [];
  for (let n = 0; n < GOES_OF_FILES; n += 1) {
    const { elapsedMs } = await timeCreates(scratch, inFlight);
    ratios.push((await timeAnswers(scratch, inFlight)) / elapsedMs);
  }
  return median(ratios);
}

async function timeAnswers(scratch: string, inFlight: number): Promise<number> {
  const directory = mkdtempSync(join(scratch, 'answers-'));
  const transport = transportTo(directory);
  const { elapsedMs } = await timeSubmissions(inFlight, async (n) => {
    await transport.putSubmission('default', `s${n}`, SUBMITTED);
    const outbox = join(directory, 'outbox', String(n));
    await publishOver(await writeTemporary(outbox, SUBMITTED), join(outbox, 'receipt.json'));
  });
  rmSync(directory, { recursive: true });
  return elapsedMs;
}
