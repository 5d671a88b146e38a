/**
 * Asks the storage for the anchor through presigned URLs, which the auditor supplies, and a fetcher, which the caller
 * supplies: this package never opens a connection of its own accord.
 */

import { concatBytes } from '../crypto/bytes.ts';
import { EvidenceError } from '../evidence-error.ts';
import { decodeUtf8 } from '../json/jcs.ts';
import { anyText } from '../json/scalars.ts';
import { closed, oneOf, requireShape } from '../json/shape.ts';
import { MAX_NOTE_BYTES } from '../log/note.ts';
import type { AnchorObject } from './anchor-object.ts';

export interface AnchorUrls {
  format: 'waybill-anchor-urls/v1';
  bucket: string;
  key: string;
  /** Presigned GetObject of the key. */
  get: string;
  /** Presigned ListObjectVersions of the bucket with the key as prefix. */
  versions: string;
}

/** The part of the platform's `fetch` that is used. */
export type Fetch = (
  url: string,
  init: { redirect: 'error'; signal: AbortSignal; headers: Record<string, string> },
) => Promise<Response>;

/** The storage could not be asked, or answered with an error of its own: nothing is known. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

const TIMEOUT_MS = 20_000;
const MAX_LIST_BYTES = 1_048_576;

const urlsFile = closed<AnchorUrls>({
  format: oneOf('waybill-anchor-urls/v1'),
  bucket: anyText,
  key: anyText,
  get: anyText,
  versions: anyText,
});

/** Reads a file of URLs that was parsed from JSON. Throws EvidenceError: the file is the auditor's own. */
export function readAnchorUrls(value: unknown): AnchorUrls {
  requireShape(urlsFile, value, 'the file of URLs');
  mustBeOfBucket(value.get, value.bucket, `/${value.key}`);
  mustBeOfBucket(value.versions, value.bucket, '/');
  return value;
}

/** The anchor as the storage tells it now; undefined when it holds no such object. Throws Unreachable. */
export async function fetchAnchor(urls: AnchorUrls, fetch: Fetch): Promise<AnchorObject | undefined> {
  const object = await ask(fetch, urls.get, MAX_NOTE_BYTES);
  const list = await ask(fetch, urls.versions, MAX_LIST_BYTES);
  if (list.status !== 200) throw new Unreachable(`the list of versions was answered with status ${list.status}`);
  const { versions, deleteMarkers } = readVersionList(list.body, urls);
  const isAbsent = object.status === 404;
  if (isAbsent && versions.length === 0 && deleteMarkers === 0) return undefined;
  if (object.status !== 200 && !isAbsent) {
    throw new Unreachable(`the object was answered with status ${object.status}`);
  }
  const header = (name: string): string | undefined => object.headers.get(name) ?? undefined;
  return {
    bucket: urls.bucket,
    key: urls.key,
    body: object.body,
    versionId: header('x-amz-version-id'),
    lastModified: header('last-modified'),
    lockMode: header('x-amz-object-lock-mode'),
    retainUntil: header('x-amz-object-lock-retain-until-date'),
    versions,
    deleteMarkers,
  };
}

interface Answer {
  status: number;
  headers: Headers;
  body: Uint8Array;
}

async function ask(fetch: Fetch, url: string, maxBytes: number): Promise<Answer> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await fetch(url, { redirect: 'error', signal, headers: { 'accept-encoding': 'identity' } });
    return { status: response.status, headers: response.headers, body: await readBody(response, maxBytes) };
  } catch (error) {
    if (error instanceof Unreachable) throw error;
    // What a fetcher says may quote the URL, which is a credential.
    throw new Unreachable(signal.aborted ? 'the storage did not answer in time' : 'the storage could not be reached');
  }
}

async function readBody(response: Response, maxBytes: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  for (let next = await reader?.read(); next !== undefined && !next.done; next = await reader?.read()) {
    length += next.value.length;
    if (length > maxBytes) {
      await reader?.cancel();
      throw new Unreachable(`the storage answered with more than ${maxBytes} bytes`);
    }
    pieces.push(next.value);
  }
  return concatBytes(pieces);
}

/** None holds another of its kind, so that a search ends where the next one begins: a list of openings is read in one pass. */
const ELEMENT = /<(Version|DeleteMarker|CommonPrefixes)>((?:(?!<\1>)[\s\S])*?)<\/\1>/g;

/** The few elements of a ListVersionsResult that matter; keys and version ids of an anchor need no XML escapes. */
function readVersionList(body: Uint8Array, { bucket, key }: AnchorUrls): { versions: string[]; deleteMarkers: number } {
  const xml = textOf(body);
  const outside = xml.replace(ELEMENT, '');
  const isWhole =
    elementOf(outside, 'IsTruncated') === 'false' &&
    elementOf(outside, 'Name') === bucket &&
    key.startsWith(elementOf(outside, 'Prefix')) &&
    elementOf(outside, 'KeyMarker') === '' &&
    elementOf(outside, 'VersionIdMarker') === '';
  if (!isWhole) throw new Unreachable('the list of versions does not cover the whole history of the object');
  const entries = [...xml.matchAll(ELEMENT)].filter(
    ([, kind, entry = '']) => kind !== 'CommonPrefixes' && elementOf(entry, 'Key') === key,
  );
  const versions = entries.filter(([, kind]) => kind === 'Version');
  return {
    versions: versions.map(([, , entry = '']) => elementOf(entry, 'VersionId')),
    deleteMarkers: entries.length - versions.length,
  };
}

function textOf(body: Uint8Array): string {
  try {
    return decodeUtf8(body);
  } catch {
    throw new Unreachable('the list of versions is not text');
  }
}

function elementOf(xml: string, name: string): string {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? '';
}

/**
 * Whoever makes the URLs must not choose who answers: only the storage's own hosts, under TLS, and a path that names the
 * bucket. A loopback host may be asked without TLS.
 */
function mustBeOfBucket(text: string, bucket: string, path: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const host = url?.hostname ?? '';
  const isLoopback = host === '127.0.0.1' || host === '[::1]' || host === 'localhost';
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback);
  if (url === undefined || !isSafe || url.username !== '') {
    throw new EvidenceError('ANCHOR', 'a URL of the anchor is not an https URL');
  }
  const isVirtual =
    host.startsWith(`${bucket}.`) && isStorageHost(host.slice(bucket.length + 1)) && url.pathname === path;
  const byPath = path === '/' ? [`/${bucket}`, `/${bucket}/`] : [`/${bucket}${path}`];
  const isByPath = (isLoopback || isStorageHost(host)) && byPath.includes(url.pathname);
  if (!isVirtual && !isByPath) throw new EvidenceError('ANCHOR', `a URL of the anchor is not one of bucket ${bucket}`);
}

function isStorageHost(host: string): boolean {
  return /^s3(?:[.-][a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?$/.test(host);
}
