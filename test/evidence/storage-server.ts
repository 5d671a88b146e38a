/** Answers the two presigned requests as S3 does, on the loopback interface. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { ANCHOR_KEY, BUCKET, VERSION } from './auditor-material.ts';

export interface StoredAnchor {
  status: number;
  body: Buffer | string;
  headers: Record<string, string>;
  listStatus: number;
  /** Entries of the list, as XML. */
  list: string;
  isTruncated: boolean;
  /** Never answers. */
  isSilent: boolean;
}

export interface StorageServer {
  get: string;
  versions: string;
  stored: StoredAnchor;
  close(): Promise<void>;
}

export function versionXml(kind: 'Version' | 'DeleteMarker', id: string, key = ANCHOR_KEY): string {
  return `<${kind}><Key>${key}</Key><VersionId>${id}</VersionId><IsLatest>true</IsLatest></${kind}>`;
}

/** It is closed when the test ends. */
export async function storageServer(t: TestContext, note: string): Promise<StorageServer> {
  const stored: StoredAnchor = {
    status: 200,
    body: Buffer.from(note),
    headers: {
      'x-amz-version-id': VERSION,
      'last-modified': 'Sat, 21 Nov 2026 05:01:00 GMT',
      'x-amz-object-lock-mode': 'COMPLIANCE',
      'x-amz-object-lock-retain-until-date': '2027-11-21T05:01:00.000Z',
    },
    listStatus: 200,
    list: versionXml('Version', VERSION),
    isTruncated: false,
    isSilent: false,
  };
  const server = createServer((request, response) => {
    if (stored.isSilent) return;
    if (request.url?.includes('/checkpoints/')) {
      response.writeHead(stored.status, stored.headers).end(stored.body);
      return;
    }
    const frame = `<Name>${BUCKET}</Name><Prefix>${ANCHOR_KEY}</Prefix><KeyMarker></KeyMarker><VersionIdMarker></VersionIdMarker>`;
    const xml = `<ListVersionsResult>${frame}<IsTruncated>${stored.isTruncated}</IsTruncated>${stored.list}</ListVersionsResult>`;
    response.writeHead(stored.listStatus, { 'content-type': 'application/xml' }).end(xml);
  });
  const origin = await listening(server);
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  t.after(close);
  return {
    get: `${origin}/${BUCKET}/${ANCHOR_KEY}?X-Amz-Signature=00`,
    versions: `${origin}/${BUCKET}?versions&prefix=${ANCHOR_KEY}&X-Amz-Signature=00`,
    stored,
    close,
  };
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
