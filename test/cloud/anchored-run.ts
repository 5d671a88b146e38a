/** A run of an embedded engine whose root ledger is in S3, and what an auditor then asks the storage. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, HeadObjectCommand, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { type TrustFile, type VerifyReport, verifyBundle } from '@waybill/verify';
import { createS3RootLedger } from '#adapters/aws/root-ledger.ts';
import { main } from '../../packages/verify/src/bin.ts';
import { openFlowBed } from '../support/embedded-flow.ts';
import { SUCCEEDED } from '../support/finished-run.ts';
import { runOf } from '../support/run-spec.ts';
import type { S3Bed } from './s3-bed.ts';

export interface AnchoredRun {
  bundle: Uint8Array;
  trust: TrustFile;
  /** The checkpoint in the bundle, as the key of its anchor. */
  key: string;
}

const RETENTION_DAYS = 3;

/** Brings one run to its seal, with every root in the bucket. */
export async function anchoredRun(bed: S3Bed, bucket: string): Promise<AnchoredRun> {
  const retention = { mode: 'COMPLIANCE', days: RETENTION_DAYS } as const;
  const engine = await openFlowBed({
    execute: async () => SUCCEEDED,
    adapt: (deps) => ({ ...deps, ledger: createS3RootLedger({ s3: bed.s3, bucket, retention, clock: deps.clock }) }),
  });
  try {
    engine.submit('one', runOf([{ id: 'first' }, { id: 'second', dependsOn: ['first'] }]));
    const sealed = await engine.until(() => {
      assert.deepEqual(engine.errors, []);
      return engine.status('one')?.bundle;
    });
    const bundle = await engine.deps.ledger.get(sealed.key);
    assert.ok(bundle);
    const { trust } = engine.deps.signer;
    const { facts } = await verifyBundle([bundle], { trust });
    return { bundle, trust, key: `checkpoints/${String(facts?.logSize).padStart(20, '0')}` };
  } finally {
    await engine.close();
  }
}

/** The answer of `waybill-verify` to a bundle and what the auditor got from the storage: `--online` URLs, or a capture. */
export async function audited(
  { bundle, trust }: AnchoredRun,
  bucket: string,
  from: { online: object } | { anchor: object },
): Promise<{ exit: number; tier: string; code: string | null | undefined }> {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-audit-'));
  const file = (name: string, content: Uint8Array | object): string => {
    const path = join(folder, name);
    writeFileSync(path, content instanceof Uint8Array ? content : JSON.stringify(content));
    return path;
  };
  try {
    const anchor = { bucket, minRetentionDays: RETENTION_DAYS };
    const policy = file('policy.json', { format: 'waybill-policy/v1', keys: trust, anchor });
    const [[flag, document] = ['', {}]] = Object.entries(from);
    const out: string[] = [];
    const args = [
      file('bundle.jsonl', bundle),
      '--policy',
      policy,
      `--${flag}`,
      file('storage.json', document),
      '--json',
    ];
    const exit = await main(args, {
      out: (text) => out.push(text),
      err: (text) => out.push(text),
      stdin: (async function* () {})(),
    });
    const report = JSON.parse(out.join('')) as VerifyReport;
    return { exit, tier: report.tier, code: report.checks.find(({ id }) => id === 'anchor')?.code };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** As docs/formats/anchor-capture.md makes them. */
export async function urlsOf(bed: S3Bed, bucket: string, key: string): Promise<{ online: object }> {
  const get = await getSignedUrl(bed.s3, new GetObjectCommand({ Bucket: bucket, Key: key }));
  const versions = await getSignedUrl(bed.s3, new ListObjectVersionsCommand({ Bucket: bucket, Prefix: key }));
  return { online: { format: 'waybill-anchor-urls/v1', bucket, key, get, versions } };
}

export async function captureOf(bed: S3Bed, bucket: string, key: string): Promise<{ anchor: object }> {
  const at = { Bucket: bucket, Key: key };
  const got = await bed.s3.send(new GetObjectCommand(at));
  const body = Buffer.from((await got.Body?.transformToByteArray()) ?? []).toString('base64');
  const head = await bed.s3.send(new HeadObjectCommand({ ...at, VersionId: got.VersionId ?? '' }));
  const versions = await bed.s3.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: key }));
  return { anchor: { format: 'waybill-anchor-capture/v1', bucket, key, body, head, versions } };
}
