/** Measures verification next to what its cryptography alone costs on this machine, over bundles of two sizes. */
import { execFileSync } from 'node:child_process';
import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { createReadStream, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openLocalSigner } from '#adapters/local/signer.ts';
import { writeBigBundle } from './big-bundle.ts';

const SIZES = [10_000, 100_000];
/** What an auditor waits for at most, per item. */
const MAX_MS_PER_ITEM = 0.1;
const MAX_PEAK_BYTES = 200e6;

interface Verified {
  elapsedMs: number;
  /** Of all its threads: what other programs beside it change least. */
  cpuMs: number;
  exitCode: number;
  peakBytes: number;
}

/** Prints the figures. False when a bound is broken. */
export async function measureVerification(
  scratch: string,
  rounds: number,
  print: (line: string) => void,
): Promise<boolean> {
  const signer = openLocalSigner(join(scratch, 'bundle-keys'));
  let isGood = true;
  for (const items of SIZES) {
    const bundle = join(scratch, `big-${items}.jsonl`);
    const events = await writeBigBundle(bundle, items, signer);
    const hashMs = await timeHash(bundle);
    const signatureMs = timeSignatures(items);
    const times: Verified[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const args = [join(import.meta.dirname, 'verify-child.ts'), bundle, join(scratch, 'bundle-keys', 'public.json')];
      times.push(JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Verified);
    }
    const { elapsedMs, cpuMs } = times.toSorted((a, b) => a.elapsedMs - b.elapsedMs)[
      Math.floor(rounds / 2)
    ] as Verified;
    const peakBytes = Math.max(...times.map((time) => time.peakBytes));
    const isWithin = elapsedMs <= items * MAX_MS_PER_ITEM && peakBytes <= MAX_PEAK_BYTES;
    isGood &&= isWithin && times.every(({ exitCode }) => exitCode === 0);
    print(
      `verify ${items.toLocaleString('en')} items, ${events.toLocaleString('en')} events, ${Math.round(statSync(bundle).size / 1e6)} MB: ` +
        `${Math.round(elapsedMs)} ms, ${(elapsedMs / (hashMs + signatureMs)).toFixed(2)} of its bare cryptography ` +
        `(SHA-256 of the bytes ${Math.round(hashMs)} ms + ${items.toLocaleString('en')} P-256 verifications ${Math.round(signatureMs)} ms), ` +
        `${Math.round(cpuMs)} ms of processors, peak memory ${Math.round(peakBytes / 1e6)} MB${isWithin ? '' : '  OVER THE BOUND'}`,
    );
    rmSync(bundle);
  }
  return isGood;
}

async function timeHash(file: string): Promise<number> {
  const hash = createHash('sha256');
  const startedMs = performance.now();
  for await (const chunk of createReadStream(file, { highWaterMark: 262_144 })) hash.update(chunk as Buffer);
  hash.digest();
  return performance.now() - startedMs;
}

/** One after another on one core, of a message as long as a manifest. */
function timeSignatures(count: number): number {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const publicKey = createPublicKey(privateKey);
  const message = Buffer.alloc(900, 7);
  const signature = sign('sha256', message, privateKey);
  const startedMs = performance.now();
  for (let n = 0; n < count; n += 1) verify('sha256', message, publicKey, signature);
  return performance.now() - startedMs;
}
