import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exampleProps, resources, type Templates, templates, templatesOf, waybill } from './deployment.ts';

interface Line {
  Sid?: string;
  Effect: string;
  Condition?: Record<string, Record<string, unknown>>;
}

/** Sids of what the policy of each bucket refuses, by the id of the bucket; statements of the construct itself have none. */
function refusals(of: Templates): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const { properties } of resources(of, 'AWS::S3::BucketPolicy')) {
    const { Bucket, PolicyDocument } = properties as { Bucket: { Ref: string }; PolicyDocument: { Statement: Line[] } };
    const sids = PolicyDocument.Statement.filter(({ Effect }) => Effect === 'Deny').flatMap(({ Sid }) => Sid ?? []);
    found[Bucket.Ref.replace(/[0-9A-F]{8}$/, '')] = sids;
  }
  return found;
}

const INBOX = [
  ...['OwnNameOnly', 'OnlyRunsOnBehalf', 'ControlsByPeople'],
  ...['SubmitOnce', 'UploadOnce', 'RegisteredOnce', 'RegisteredByPeople', 'NothingTakenBack', 'RegistryStays'],
];
const STAGING = ['StagedOnce', 'LeaseByEngine', 'StagedByWorkers', 'SealedByRelease', 'OwnKeyOnly'];
const ARTIFACTS = ['StoredByEngine', 'ByDigestOnly', 'ArtifactOnce', 'DataKeyOnly', 'ArtifactsStay'];
const LEDGER = [
  ...['SequencerOnly', 'RootOnce', 'LockedAs', 'LockTimed', 'LockedLongEnough', 'LockedNotForever'],
  ...['NothingGoes', 'HoldsByLegal', 'SettingsStay'],
];

test('bucket policies: every bucket of a deployment refuses what is written down for it', () => {
  const { Inbox, Staging, Artifacts, Ledger } = refusals(templates());
  assert.deepEqual(
    { Inbox, Staging, Artifacts, Ledger },
    { Inbox: INBOX, Staging: STAGING, Artifacts: ARTIFACTS, Ledger: LEDGER },
  );
});

test('bucket policies: only the ledger of a test deployment lets go, and only of what its lock lets go', () => {
  const { Inbox, Ledger } = refusals(templatesOf(waybill(exampleProps())));
  assert.deepEqual(Inbox, INBOX);
  assert.deepEqual(
    Ledger,
    LEDGER.filter((sid) => sid !== 'NothingGoes'),
  );
});

test('bucket policies: the roles that they spare are roles of the deployment', () => {
  const roles = new Set(resources(templates(), 'AWS::IAM::Role').map(({ properties }) => String(properties.RoleName)));
  const spared = JSON.stringify(resources(templates(), 'AWS::S3::BucketPolicy')).matchAll(/:role\/([\w-]+)/g);
  const names = [...new Set([...spared].map(([, role]) => role ?? ''))];
  assert.ok(names.some((role) => role.endsWith('-mailbox')) && names.some((role) => role.endsWith('-seal')));
  assert.deepEqual(
    names.filter((role) => !roles.has(role)),
    [],
  );
});
