/**
 * The anchor: the checkpoint as an object in storage that nobody can rewrite before its lock ends (S3 Object Lock in
 * compliance mode). What the storage answered comes from the auditor, as a capture or fetched while verifying.
 */

import { Contradiction } from '../contradiction.ts';
import { fromBase64 } from '../crypto/base64.ts';
import { equalBytes } from '../crypto/bytes.ts';
import { EvidenceError } from '../evidence-error.ts';
import type { Checkpoint } from '../log/checkpoint.ts';
import { MAX_NOTE_BYTES } from '../log/note.ts';
import { checkpointName } from '../log/tile-source.ts';
import type { AnchorFact } from './facets.ts';
import type { AnchorRule } from './policy.ts';
import type { VerdictCode } from './verdict-code.ts';

/** A file put together from the outputs of the storage's own command line; docs/formats/anchor-capture.md has the commands. */
export interface AnchorCapture {
  format: 'waybill-anchor-capture/v1';
  bucket: string;
  key: string;
  /** Base64 of the object's bytes. */
  body: string;
  /** Output of `aws s3api head-object` for the version that was read. Keys that are not named here are passed over. */
  head: { VersionId?: string; LastModified?: string; ObjectLockMode?: string; ObjectLockRetainUntilDate?: string };
  /** Output of `aws s3api list-object-versions` with the key as prefix. */
  versions: { Versions?: ListedVersion[]; DeleteMarkers?: ListedVersion[]; NextToken?: string };
}

interface ListedVersion {
  Key: string;
  VersionId: string;
}

/** What the storage said of one object, from whichever source. */
export interface AnchorObject {
  bucket: string;
  key: string;
  body: Uint8Array;
  versionId: string | undefined;
  lastModified: string | undefined;
  lockMode: string | undefined;
  retainUntil: string | undefined;
  /** Version ids of exactly this key. */
  versions: string[];
  /** How many delete markers exactly this key has. */
  deleteMarkers: number;
}

const DAY_MS = 86_400_000;

/** Reads a capture that was parsed from JSON. Throws EvidenceError: the file is the auditor's own. */
export function readCapture(value: unknown): AnchorObject {
  const capture = objectOf(value, 'the capture');
  requireAnchor(capture.format === 'waybill-anchor-capture/v1', 'the capture is not of waybill-anchor-capture/v1');
  const head = objectOf(capture.head, 'head');
  const versions = objectOf(capture.versions, 'versions');
  requireAnchor(!versions.NextToken && versions.IsTruncated !== true, 'the list of versions is not complete');
  const key = textOf(capture.key, 'key');
  const body = fromBase64(textOf(capture.body, 'body'));
  requireAnchor(body.length <= MAX_NOTE_BYTES, 'the body is longer than a checkpoint can be');
  return {
    bucket: textOf(capture.bucket, 'bucket'),
    key,
    body,
    versionId: optionalText(head.VersionId, 'head.VersionId'),
    lastModified: optionalText(head.LastModified, 'head.LastModified'),
    lockMode: optionalText(head.ObjectLockMode, 'head.ObjectLockMode'),
    retainUntil: optionalText(head.ObjectLockRetainUntilDate, 'head.ObjectLockRetainUntilDate'),
    versions: idsOf(versions.Versions, key, 'versions.Versions'),
    deleteMarkers: idsOf(versions.DeleteMarkers, key, 'versions.DeleteMarkers').length,
  };
}

/** Judges what the storage said against the checkpoint note. Throws Contradiction. */
export function judgeAnchor(
  object: AnchorObject,
  rule: AnchorRule,
  checkpoint: Checkpoint,
  note: Uint8Array,
): AnchorFact {
  const { bucket, key, versionId, versions } = object;
  demand(bucket === rule.bucket, 'ANCHOR_BUCKET', `the anchor is in bucket ${bucket}, the policy says ${rule.bucket}`);
  demand(
    key === checkpointName(checkpoint.size),
    'ANCHOR_KEY',
    `the anchor is ${key}, not ${checkpointName(checkpoint.size)}`,
  );
  demand(object.deleteMarkers === 0, 'ANCHOR_DELETED', 'the anchor was deleted once: it has a delete marker');
  const isPinned = versionId !== undefined && versionId !== '' && versionId !== 'null';
  demand(isPinned, 'ANCHOR_VERSIONS', 'the anchor has no version id: the bucket keeps no versions');
  const isOnly = versions.length === 1 && versions[0] === versionId;
  demand(isOnly, 'ANCHOR_VERSIONS', `the anchor has ${versions.length} versions, or another one than was read`);
  demand(equalBytes(object.body, note), 'ANCHOR_BYTES', 'the anchor holds other bytes than the checkpoint of the file');
  const mode = object.lockMode;
  demand(mode === 'COMPLIANCE', 'ANCHOR_UNLOCKED', `the lock of the anchor is ${mode ?? 'missing'}, not COMPLIANCE`);
  const writtenMs = timeOf(object.lastModified, 'when it was written');
  const lockedMs = timeOf(object.retainUntil, 'until when it is locked');
  const days = rule.minRetentionDays ?? 0;
  const isLong = lockedMs > writtenMs && lockedMs >= writtenMs + days * DAY_MS;
  demand(isLong, 'ANCHOR_RETENTION', `the anchor is locked for less than ${days} days after it was written`);
  const [writtenAt, lockedUntil] = [new Date(writtenMs).toISOString(), new Date(lockedMs).toISOString()];
  return { bucket, key, versionId, writtenAt, lockedUntil };
}

function timeOf(text: string | undefined, what: string): number {
  const ms = Date.parse(text ?? '');
  demand(Number.isFinite(ms), 'ANCHOR_RETENTION', `the storage does not say of the anchor ${what}`);
  return ms;
}

function demand(holds: boolean, code: VerdictCode, problem: string): asserts holds {
  if (!holds) throw new Contradiction(problem, code);
}

function objectOf(value: unknown, what: string): Record<string, unknown> {
  requireAnchor(typeof value === 'object' && value !== null && !Array.isArray(value), `${what} is not an object`);
  return value as Record<string, unknown>;
}

function textOf(value: unknown, what: string): string {
  requireAnchor(typeof value === 'string', `${what} is not a string`);
  return value;
}

function optionalText(value: unknown, what: string): string | undefined {
  return value === undefined || value === null ? undefined : textOf(value, what);
}

/** The list is made with the key as prefix, and other keys begin like it. */
function idsOf(list: unknown, key: string, what: string): string[] {
  if (list === undefined || list === null) return [];
  requireAnchor(Array.isArray(list), `${what} is not a list`);
  const entries = (list as unknown[]).map((entry) => objectOf(entry, `an entry of ${what}`));
  return entries.filter((entry) => entry.Key === key).map((entry) => textOf(entry.VersionId, `a version of ${what}`));
}

function requireAnchor(holds: boolean, problem: string): asserts holds {
  if (!holds) throw new EvidenceError('ANCHOR', problem);
}
