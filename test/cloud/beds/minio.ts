/**
 * MinIO: an S3 that enforces conditional writes, SHA-256 checksums, versions, Object Lock, presigned signatures and session
 * policies, and encrypts with a key of its own. See test/cloud/object-store-probe.test.ts for what it is relied on for, and
 * what it does not do: it evaluates bucket policies for anonymous requests only, and knows no condition on If-None-Match.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { bedFolder } from '../install.ts';
import { freePort, type StartedBed, untilAnswered } from './started-bed.ts';

/** Whoever has these may do everything. The name is also the `aws:userid` of every session of it. */
export const ROOT: { accessKeyId: string; secretAccessKey: string } = {
  accessKeyId: 'AIDABEDSUBMITTER0001',
  secretAccessKey: 'bed-root-secret',
};

/** The name of the only key that this bed can encrypt with. */
export const BED_KEY = 'bed-key';

/** In an empty directory, which goes with it. */
export async function start(): Promise<StartedBed> {
  const binary = join(bedFolder('minio'), 'minio');
  const data = mkdtempSync(join(tmpdir(), 'waybill-minio-'));
  const port = await freePort();
  const child = spawn(binary, ['server', '--quiet', '--address', `127.0.0.1:${port}`, data], {
    env: {
      ...process.env,
      MINIO_ROOT_USER: ROOT.accessKeyId,
      MINIO_ROOT_PASSWORD: ROOT.secretAccessKey,
      MINIO_KMS_SECRET_KEY: `${BED_KEY}:${randomBytes(32).toString('base64')}`,
      MINIO_BROWSER: 'off',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { url, stop } = await untilAnswered('minio', child, `http://127.0.0.1:${port}`);
  // It answers 503 to everything until it has read its settings.
  while (!(await fetch(`${url}/minio/health/ready`)).ok) await delay(20);
  return {
    url,
    async stop() {
      await stop();
      rmSync(data, { recursive: true, force: true });
    },
  };
}
