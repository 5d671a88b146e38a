/** Brings what the manifest names into the attempt's tree, checked byte by byte before a block may read it. */
import { createHash } from 'node:crypto';
import { chmodSync, createReadStream, createWriteStream, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { CHECKPOINT_KEY, canonicalize, type Digest } from '@waybill/verify';
import type { Lease } from '#core/mailbox-protocol.ts';
import { breach } from './attempt-ended.ts';
import type { AttemptTree } from './attempt-tree.ts';
import { type Baseline, unpackBaseline } from './baseline.ts';
import { isCapability, layCapabilities, type SetupScript } from './capabilities.ts';
import { unpackCheckpoint } from './checkpoint.ts';
import { getStream } from './mailbox-client.ts';

/** What an attempt starts with. */
export interface Materials {
  /** Null without a source. */
  baseline: Baseline | null;
  /** What has to run before its first block. */
  setups: SetupScript[];
}

/**
 * Fills the tree. Throws AttemptEnded `input_mismatch`, `capability_mismatch`, `capability_invalid`, `source_mismatch` or
 * `source_invalid`.
 */
export async function materialise(tree: AttemptTree, lease: Lease): Promise<Materials> {
  // It is there and empty. A file that is cut and written anew ext4 brings to the disk at once, and its removal waits for that.
  writeFileSync(tree.jobFile, canonicalize(lease.job), { flag: 'r+' });
  chmodSync(tree.jobFile, 0o444);
  const setups = await layCapabilities(tree, lease, (input, path) => download(input, path, 'capability_mismatch'));
  // In a sandbox of the worker blocks find an empty directory where there is none.
  const inputs = lease.inputs.filter((one) => !isCapability(one));
  const isSeen = inputs.length > 0 || lease.job.isolation !== 'bubblewrap';
  if (isSeen) mkdirSync(tree.inputs, { recursive: true, mode: 0o755 });
  for (const input of inputs) {
    if (input.key === CHECKPOINT_KEY) {
      const path = join(tree.private, 'checkpoint-given');
      await download(input, path, 'input_mismatch');
      await unpackCheckpoint(tree, path, lease.job.limits);
      continue;
    }
    const path = join(tree.inputs, input.key);
    await download(input, path, 'input_mismatch');
    chmodSync(path, 0o444);
  }
  if (isSeen) chmodSync(tree.inputs, 0o555);
  if (lease.source === undefined) return { baseline: null, setups };
  const bundle = join(tree.private, 'source.pack');
  await download(lease.source, bundle, 'source_mismatch');
  const baseline = await unpackBaseline(tree, createReadStream(bundle), lease.source.commit);
  rmSync(bundle);
  return { baseline, setups };
}

interface Promised {
  url: string;
  sha256: Digest;
  sizeBytes: number;
}

type Mismatch = 'capability_mismatch' | 'input_mismatch' | 'source_mismatch';

async function download(promised: Promised, path: string, reason: Mismatch): Promise<void> {
  await getStream(promised.url, async (bytes) => {
    await pipeline(checked(bytes, promised, reason), createWriteStream(path, { mode: 0o600 }));
  });
}

async function* checked(
  bytes: AsyncIterable<Uint8Array>,
  { sha256, sizeBytes }: Promised,
  reason: Mismatch,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let receivedBytes = 0;
  for await (const chunk of bytes) {
    receivedBytes += chunk.byteLength;
    if (receivedBytes > sizeBytes) throw breach(reason, `more than the ${sizeBytes} bytes that the manifest names`);
    hash.update(chunk);
    yield chunk;
  }
  if (`sha256:${hash.digest('hex')}` !== sha256) throw breach(reason, 'not the bytes that the manifest names');
}
