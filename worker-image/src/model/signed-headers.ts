/** Signature Version 4 of one POST whose path and body are known: what AWS asks of who has credentials and no key. */
import { createHash, createHmac } from 'node:crypto';
import type { ModelSession } from '#core/model-session.ts';

const SERVICE = 'bedrock';
const ALGORITHM = 'AWS4-HMAC-SHA256';
const CONTENT_TYPE = 'application/json';

/**
 * @param path of the URL, as it is sent: without a query
 * @returns headers to be sent as they are; `host` is the client's to send
 */
export function signedHeaders(
  { host, path, body }: { host: string; path: string; body: Uint8Array },
  { region, accessKeyId, secretAccessKey, sessionToken }: Omit<ModelSession, 'url'>,
  nowMs: number,
): Record<string, string> {
  const at = new Date(nowMs).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const day = at.slice(0, 8);
  const digest = sha256(body);
  const ours = { 'x-amz-content-sha256': digest, 'x-amz-date': at, 'x-amz-security-token': sessionToken };
  // In the order of their names.
  const signed = { 'content-type': CONTENT_TYPE, host, ...ours };
  const names = Object.keys(signed).join(';');
  // What is escaped in the path is escaped once more: S3 alone is asked without.
  const canonical = [
    ...['POST', path.split('/').map(escaped).join('/'), ''],
    ...Object.entries(signed).map(([name, value]) => `${name}:${value}`),
    ...['', names, digest],
  ].join('\n');
  const scope = `${day}/${region}/${SERVICE}/aws4_request`;
  const text = [ALGORITHM, at, scope, sha256(canonical)].join('\n');
  const key = [day, region, SERVICE, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
  const signature = hmac(key, text).toString('hex');
  const authorization = `${ALGORITHM} Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return { 'content-type': CONTENT_TYPE, ...ours, authorization };
}

function escaped(segment: string): string {
  return encodeURIComponent(segment).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
