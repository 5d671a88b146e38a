/** Tools that we did not write accept the provenance of a patch, with the key alone. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { bundleFromJSON } from '@sigstore/bundle';
import { toSignedEntity, toTrustMaterial, VerificationError, Verifier } from '@sigstore/verify';
import { DirectoryTransport, type RunStatus } from '@waybill/client';
import { deriveAttemptId, type SigstoreBundle, sigstoreBundleOf, type TrustFile } from '@waybill/verify';
import { DONE, runOf } from '../../packages/cli/test/run-sample.ts';
import { call } from '../../packages/cli/test/scratch.ts';
import { SUCCEEDED, withBed } from '../support/finished-run.ts';
import { runOf as documentOf } from '../support/run-spec.ts';
import { first } from './forged.ts';
import { buildBundle, STRANGER, trustFile } from './honest-bundle.ts';
import { dsse, sha256 } from './naive-evidence.ts';
import { claim, RUN } from './story.ts';

const PATCH = 'a diff';
const ATTEMPT: string = claim('build', 2).id;
const folder = mkdtempSync(join(tmpdir(), 'waybill-sigstore-'));
after(() => rmSync(folder, { recursive: true }));

interface Subjects {
  subject: { name: string; digest: { sha256: string } }[];
}

/** As a reader does it: the signature by the pinned key, then whether the file at hand is a subject. */
function accept(bundle: object, file: string | Uint8Array, { keys }: TrustFile = trustFile()): void {
  const attest = keys.flatMap(({ use, keyid, spki }) =>
    use === 'attest' ? [[keyid, { rawBytes: Buffer.from(spki, 'base64'), keyDetails: 0 }] as const] : [],
  );
  const root = { mediaType: '', tlogs: [], certificateAuthorities: [], ctlogs: [], timestampAuthorities: [] };
  const trust = toTrustMaterial(root, Object.fromEntries(attest));
  const verifier = new Verifier(trust, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });
  const parsed = bundleFromJSON(JSON.parse(JSON.stringify(bundle)));
  verifier.verify(toSignedEntity(parsed));
  if (parsed.content.$case !== 'dsseEnvelope') throw new RangeError('no envelope');
  const { subject } = JSON.parse(parsed.content.dsseEnvelope.payload.toString()) as Subjects;
  const digest = sha256(file).toString('hex');
  assert.ok(
    subject.some((one) => one.digest.sha256 === digest),
    'the file is no subject',
  );
}

async function honest(): Promise<SigstoreBundle> {
  const bundle = await sigstoreBundleOf([buildBundle()], ATTEMPT);
  if (bundle === undefined) throw new RangeError('the attempt has no provenance');
  return structuredClone(bundle);
}

function refusedBy(code: string): (error: unknown) => boolean {
  return (error) => error instanceof VerificationError && error.code === code;
}

test('@sigstore/verify: accepts the provenance of a patch with the key alone', async () => {
  accept(await honest(), PATCH);
});

test('a Sigstore bundle names the key once: cosign refuses an envelope with a key id that is not in its own form', async () => {
  const { dsseEnvelope, verificationMaterial } = await honest();
  assert.deepEqual(Object.keys(first(dsseEnvelope.signatures)), ['sig']);
  assert.equal(verificationMaterial.publicKey.hint, first(trustFile().keys).keyid);
});

test('@sigstore/verify: accepts the provenance that a whole engine signed', async () => {
  const table = Buffer.from('a table');
  const execute = (): object => ({ ...SUCCEEDED, outputs: { 'table.csv': table } });
  await withBed({ execute: execute as () => typeof SUCCEEDED }, async (bed) => {
    const run = bed.submit('s', documentOf([{ id: 'make' }]));
    const { status } = await bed.sealed('s');
    const audit = readFileSync(join(bed.directory, 'ledger', ...(status.bundle?.key ?? '').split('/')));
    const bundle = await sigstoreBundleOf([audit], deriveAttemptId(run, 'make', 1));
    accept(bundle ?? {}, table, bed.deps.signer.trust);
  });
});

test('sigstoreBundleOf: an attempt that left nothing has no provenance, however the file is cut into chunks', async () => {
  const audit = buildBundle();
  assert.equal(await sigstoreBundleOf([audit], claim('build', 1).id), undefined);
  const chunks = Array.from({ length: Math.ceil(audit.length / 100) }, (_, n) =>
    audit.subarray(n * 100, n * 100 + 100),
  );
  assert.deepEqual(await sigstoreBundleOf(chunks, ATTEMPT), await sigstoreBundleOf([audit], ATTEMPT));
});

test('@sigstore/verify: refuses an edited payload, wherever it is edited', async () => {
  const payload = Buffer.from((await honest()).dsseEnvelope.payload, 'base64').toString();
  const edits: [string, string][] = [
    [sha256(PATCH).toString('hex'), sha256('another diff').toString('hex')],
    ['"name":"patch"', '"name":"patcH"'],
    ['"outcome":"succeeded"', '"outcome":"failed"'],
    [RUN, 'c0'.repeat(16)],
  ];
  for (const [from, to] of edits) {
    const bundle = await honest();
    assert.ok(payload.includes(from), from);
    bundle.dsseEnvelope.payload = Buffer.from(payload.replaceAll(from, to)).toString('base64');
    assert.throws(() => accept(bundle, 'another diff'), refusedBy('SIGNATURE_ERROR'), from);
    assert.throws(() => accept(bundle, PATCH), refusedBy('SIGNATURE_ERROR'), from);
  }
});

test('@sigstore/verify: refuses an edited signature, payload type or key', async () => {
  const edits: Record<string, [(bundle: SigstoreBundle) => void, string]> = {
    'a signature with a flipped bit': [flipSignature, 'SIGNATURE_ERROR'],
    'no signature': [({ dsseEnvelope }) => dsseEnvelope.signatures.pop(), ''],
    'another payload type': [
      ({ dsseEnvelope }) => Object.assign(dsseEnvelope, { payloadType: 'x' }),
      'SIGNATURE_ERROR',
    ],
    'an unknown key': [({ verificationMaterial }) => nameKey(verificationMaterial, STRANGER.keyid), 'PUBLIC_KEY_ERROR'],
    'a signature of another key under the hint of ours': [signAgain, 'SIGNATURE_ERROR'],
  };
  for (const [title, [edit, code]] of Object.entries(edits)) {
    const bundle = await honest();
    edit(bundle);
    assert.throws(() => accept(bundle, PATCH), code === '' ? Error : refusedBy(code), title);
  }
  const { spki } = STRANGER;
  const other = trustFile();
  for (const key of other.keys) if (key.use === 'attest') key.spki = spki.toString('base64');
  const bundle = await honest();
  assert.throws(() => accept(bundle, PATCH, other), refusedBy('SIGNATURE_ERROR'), 'another key under the id of ours');
});

test('the file at hand must be a subject: the signature alone says nothing about it', async () => {
  const bundle = await honest();
  assert.throws(() => accept(bundle, 'another diff'), /the file is no subject/);
});

function flipSignature({ dsseEnvelope }: SigstoreBundle): void {
  const signature = first(dsseEnvelope.signatures);
  const bytes = Buffer.from(signature.sig, 'base64');
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  signature.sig = bytes.toString('base64');
}

function nameKey(material: SigstoreBundle['verificationMaterial'], hint: string): void {
  material.publicKey.hint = hint;
}

function signAgain({ dsseEnvelope }: SigstoreBundle): void {
  const statement = JSON.parse(Buffer.from(dsseEnvelope.payload, 'base64').toString());
  first(dsseEnvelope.signatures).sig = first(dsse(statement, STRANGER).signatures).sig;
}

/** A state directory with the patch and, once it is sealed, the audit bundle. */
function stateWith(name: string, isSealed: boolean): string {
  const directory = join(folder, name);
  const { principal } = new DirectoryTransport(directory);
  const sha = sha256(PATCH).toString('hex');
  const attempts = DONE.attempts.map((one) => ({
    ...one,
    id: one.attempt === 2 ? ATTEMPT : one.id,
    outputs: one.outputs.map((output) => ({ ...output, sha256: `sha256:${sha}` as const })),
  }));
  const key = `runs/${RUN}/run-${RUN}.audit.jsonl`;
  const audit = buildBundle();
  const bundle = { key, sha256: `sha256:${sha256(audit).toString('hex')}` as const };
  const run: RunStatus = { ...runOf([{ ...DONE, attempts }]), run: RUN, principal, ...(isSealed ? { bundle } : {}) };
  put(join(directory, 'outbox', principal, run.submissionId, 'status.json'), JSON.stringify(run));
  put(join(directory, 'artifacts', 'sha256', sha.slice(0, 2), sha), PATCH);
  put(join(directory, 'ledger', key), audit);
  return directory;
}

function put(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

test('waybill patch -o: the provenance of a sealed run is saved beside the patch, and accepted', async () => {
  const file = join(folder, 'a.patch');
  const { exit, out } = await call(['patch', 'latest', 'edit-a', '-o', file, '--dir', stateWith('sealed', true)]);
  assert.equal(exit, 0);
  assert.deepEqual(
    out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).saved),
    [file, `${file}.sigstore.json`],
  );
  accept(JSON.parse(readFileSync(`${file}.sigstore.json`, 'utf8')), readFileSync(file));
});

test('waybill patch -o: before the seal there is no provenance, and that is said', async () => {
  const file = join(folder, 'early.patch');
  const args = ['patch', 'latest', 'edit-a', '-o', file, '--plain', '--dir', stateWith('open', false)];
  const { exit, out } = await call(args);
  assert.equal(exit, 0);
  assert.match(out, /no provenance yet/);
  assert.throws(() => readFileSync(`${file}.sigstore.json`), { code: 'ENOENT' });
});
