/** What lies in the buckets of a simulated deployment: inbox and outbox, artifacts, the ledger. */
import type { Receipt, RunStatus } from '@waybill/client/documents';
import { TerminalError } from '@waybill/client/errors';
import { concatBytes, type Digest, digestOf, equalBytes } from '@waybill/verify';
import type { Artifacts } from '#ports/artifacts.ts';
import type { Inbox, InboxObject } from '#ports/inbox.ts';
import type { RootLedger } from '#ports/root-ledger.ts';
import type { Container } from './container.ts';

const READ = { isRead: true } as const;

export class Buckets {
  /** Versions that nobody has taken out of the inbox, oldest first. */
  readonly arrived = new Map<string, { version: string; bytes: Uint8Array }[]>();
  readonly uploads = new Map<string, Uint8Array>();
  readonly artifacts = new Map<Digest, Uint8Array>();
  readonly ledger = new Map<string, Uint8Array>();
  readonly statuses = new Map<string, RunStatus>();
  /** By principal, submission and digest of what was submitted. */
  readonly receipts = new Map<string, Receipt>();
  onAnswer: (receipt: Receipt) => void = () => {};
  /** An object has arrived that the deployment itself has put there. */
  onArrival: (object: InboxObject) => void = () => {};
  #versions = 0;

  /** A client writes an object. */
  put(key: string, bytes: Uint8Array): InboxObject {
    this.#versions += 1;
    const version = `v${this.#versions}`;
    const versions = this.arrived.get(key) ?? [];
    versions.push({ version, bytes });
    this.arrived.set(key, versions);
    return { ...namedObject(key), version };
  }

  take(key: string, version: string | undefined): void {
    const rest = (this.arrived.get(key) ?? []).filter((each) => each.version !== version);
    if (rest.length === 0) this.arrived.delete(key);
    else this.arrived.set(key, rest);
  }
}

/** The object of a key below `inbox/`. */
export function namedObject(key: string): InboxObject {
  const [queue = '', principal = '', file = ''] = key.split('/');
  return { key, queue, principal, submissionId: file.replace(/\.json$/, '') };
}

export function receiptName({ principal, submissionId, submission }: Receipt): string {
  return `${principal}/${submissionId}/${submission}`;
}

export function inboxOf(buckets: Buckets, container: Container): Inbox {
  const find = ({ key, version }: InboxObject): Uint8Array | null => {
    const versions = buckets.arrived.get(key) ?? [];
    const found = version === undefined ? versions.at(-1) : versions.find((each) => each.version === version);
    return found?.bytes ?? null;
  };
  return {
    list: ({ limit, after = '' }) => container.call('inbox list', () => waiting(buckets, after).slice(0, limit), READ),
    read: (object) => container.call(`inbox read ${object.key}`, () => find(object), READ),
    digest: (object) =>
      container.call(`inbox digest ${object.key}`, () => {
        const bytes = find(object);
        return bytes === null ? null : digestOf(bytes);
      }),
    answer: (object, receipt) =>
      container.call(`inbox answer ${object.key}`, () => {
        buckets.onAnswer(receipt);
        const name = receiptName(receipt);
        const known = buckets.receipts.get(name);
        if (known === undefined || known.reasons.length > 0) buckets.receipts.set(name, receipt);
      }),
    archive: (object) => container.call(`inbox archive ${object.key}`, () => buckets.take(object.key, object.version)),
    publish: (principal, submissionId, status) =>
      container.call(`inbox publish ${submissionId}`, () => {
        buckets.statuses.set(`${principal}/${submissionId}`, status);
      }),
    put: ({ queue, principal, submissionId }, bytes) =>
      container.call(`inbox put ${submissionId}`, () => {
        const key = `${queue}/${principal}/${submissionId}.json`;
        if (buckets.arrived.has(key)) return false;
        buckets.onArrival(buckets.put(key, bytes));
        return true;
      }),
    publishSchedules: async () => {},
    openUpload: (principal, digest) =>
      container.call(
        `inbox upload ${digest}`,
        () => {
          const bytes = buckets.uploads.get(`${principal}/${digest}`);
          return bytes === undefined ? null : streamOf(bytes);
        },
        READ,
      ),
    onArrival: () => {},
  };
}

/** The newest version of every object: what a bucket lists. */
function waiting(buckets: Buckets, after: string): InboxObject[] {
  return [...buckets.arrived]
    .filter(([key]) => key > after)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, versions]) => ({ ...namedObject(key), version: versions.at(-1)?.version ?? '' }));
}

export function artifactsOf(buckets: Buckets, container: Container): Artifacts {
  return {
    async put(content, { expected, maxBytes } = {}) {
      const bytes = content instanceof Uint8Array ? content : await wholeOf(content);
      const sha256 = digestOf(bytes);
      if (maxBytes !== undefined && bytes.byteLength > maxBytes) throw refused('OBJECT_TOO_LARGE', sha256);
      if (expected !== undefined && expected !== sha256) throw refused('OBJECT_DIGEST_MISMATCH', expected);
      return container.call(`artifact put ${sha256}`, () => {
        buckets.artifacts.set(sha256, bytes);
        return { sha256, sizeBytes: bytes.byteLength };
      });
    },
    open: (digest) =>
      container.call(
        `artifact open ${digest}`,
        () => {
          const bytes = buckets.artifacts.get(digest);
          if (bytes === undefined) throw refused('OBJECT_MISSING', digest);
          return streamOf(bytes);
        },
        READ,
      ),
    size: (digest) =>
      container.call(`artifact size ${digest}`, () => buckets.artifacts.get(digest)?.byteLength ?? null, READ),
  };
}

export function ledgerOf(buckets: Buckets, container: Container): RootLedger {
  const { ledger } = buckets;
  const writeOnce = (key: string, bytes: Uint8Array): void => {
    const present = ledger.get(key);
    if (present !== undefined && !equalBytes(present, bytes)) throw refused('OBJECT_CONFLICT', key);
    ledger.set(key, bytes);
  };
  return {
    anchor: (key, bytes) =>
      container.call(`ledger anchor ${key}`, () => {
        const present = ledger.get(key);
        if (present === undefined) ledger.set(key, bytes);
        return { bytes: present ?? bytes, version: 'v1', lockedUntil: null };
      }),
    put: (key, bytes) => container.call(`ledger put ${key}`, () => writeOnce(key, bytes)),
    async write(key, content) {
      const bytes = await wholeOf(content);
      return container.call(`ledger write ${key}`, () => {
        writeOnce(key, bytes);
        return { sha256: digestOf(bytes), sizeBytes: bytes.byteLength };
      });
    },
    open: (key) =>
      container.call(
        `ledger open ${key}`,
        () => {
          const bytes = ledger.get(key);
          return bytes === undefined ? null : streamOf(bytes);
        },
        READ,
      ),
    get: (key) => container.call(`ledger get ${key}`, () => ledger.get(key) ?? null, READ),
    list: (prefix, page) => container.call(`ledger list ${prefix}`, () => namesOf(ledger, prefix, page), READ),
    newestCheckpoint: () => container.call('ledger newest', () => newestOf(ledger), READ),
  };
}

function namesOf(
  ledger: ReadonlyMap<string, Uint8Array>,
  prefix: string,
  { after = '', limit }: { after?: string; limit: number },
): string[] {
  const names = [...ledger.keys()].filter((key) => key.startsWith(prefix) && key > after);
  return names.sort().slice(0, limit);
}

function newestOf(ledger: ReadonlyMap<string, Uint8Array>): Uint8Array | null {
  const names = [...ledger.keys()].filter((key) => /^checkpoints\/\d{20}$/.test(key));
  const newest = names.sort().at(-1);
  return newest === undefined ? null : (ledger.get(newest) ?? null);
}

export async function* streamOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

export async function wholeOf(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : concatBytes(chunks);
}

function refused(
  code: 'OBJECT_TOO_LARGE' | 'OBJECT_DIGEST_MISMATCH' | 'OBJECT_MISSING' | 'OBJECT_CONFLICT',
  path: string,
): TerminalError {
  return new TerminalError({ code, path, problem: 'the store refuses it', fix: 'Nothing: this is simulated.' });
}
