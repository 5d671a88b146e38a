/**
 * Inbox in a directory: `inbox/<queue>/<principal>/<submissionId>.json`, written once by clients; the owner of the file vouches
 * for the principal. Answers go to `outbox/<principal>/<submissionId>/`.
 */

import {
  closeSync,
  constants,
  createReadStream,
  type Dirent,
  existsSync,
  type FSWatcher,
  fstatSync,
  openSync,
  readFileSync,
  rmSync,
  type Stats,
  watch,
} from 'node:fs';
import { mkdir, readdir, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Receipt, RunStatus, ScheduleList } from '@waybill/client/documents';
import { TerminalError } from '@waybill/client/errors';
import { type Digest, digestOf, runningDigest, sha256Hex } from '@waybill/verify';
import { ignoreMissing, isCode, publishOnce, publishOver, writeTemporary } from '#adapters/local/durable-file.ts';
import type { Inbox, InboxObject } from '#ports/inbox.ts';

const QUEUE = /^@?[a-z0-9][a-z0-9._-]{0,62}$/;
const PRINCIPAL = /^uid-(\d{1,10})$/;
const SUBMISSION = /^([A-Za-z0-9][A-Za-z0-9._-]{0,127})\.json$/;
const TEMPORARY = /^\./;

type Named = Pick<InboxObject, 'queue' | 'principal' | 'submissionId'>;

export interface LocalInbox extends Inbox {
  /** Starts watching; hints begin to come. */
  watch(): Promise<void>;
  unwatch(): void;
}

/** @param requireRoot throws where the root is no longer the directory that it was: no status shall be written to another one */
export function createLocalInbox(root: string, requireRoot: () => void = () => {}): LocalInbox {
  return new DirectoryInbox(root, requireRoot);
}

class DirectoryInbox implements LocalInbox {
  readonly #root: string;
  readonly #requireRoot: () => void;
  readonly #watchers = new Map<string, FSWatcher>();
  #arrived = (): void => {};

  constructor(root: string, requireRoot: () => void) {
    this.#root = root;
    this.#requireRoot = requireRoot;
  }

  async list({ limit, after = '' }: { limit: number; after?: string }): Promise<InboxObject[]> {
    await this.#watchTree();
    const objects = (await listObjects(join(this.#root, 'inbox'))).filter(({ key }) => key > after);
    return objects.sort((a, b) => (a.key < b.key ? -1 : 1)).slice(0, limit);
  }

  async read(object: InboxObject, maxBytes: number): Promise<Uint8Array | 'too_large' | 'forged' | null> {
    return inspect(this.#fileOf(object), (file, info) => {
      if (info === null) return new Uint8Array(0);
      if (`uid-${info.uid}` !== object.principal) return 'forged';
      return info.size > maxBytes ? 'too_large' : readFileSync(file);
    });
  }

  digest(object: InboxObject): Promise<Digest | null> {
    return inspect(this.#fileOf(object), async (file, info) => {
      const digest = runningDigest();
      if (info === null) return digest.digest();
      for await (const chunk of createReadStream('', { fd: file, autoClose: false })) digest.update(chunk);
      return digest.digest();
    });
  }

  async answer({ principal, submissionId }: InboxObject, receipt: Receipt): Promise<void> {
    const directory = this.#outboxOf(principal, submissionId);
    const path = join(directory, `receipt-${shortDigest(receipt.submission)}.json`);
    const known = existsSync(path) ? readFileSync(path, 'utf8') : null;
    if (known !== null && isAcceptance(JSON.parse(known) as Receipt)) return;
    await publishOver(await writeTemporary(directory, jsonBytes(receipt)), path);
  }

  async archive(object: InboxObject, how: 'done' | 'quarantine'): Promise<void> {
    const path = this.#fileOf(object);
    if (how === 'done') {
      rmSync(path, { force: true });
      return;
    }
    const digest = (await this.digest(object)) ?? digestOf(object.key);
    const { queue, principal, submissionId } = object;
    const target = join(this.#root, 'quarantine', queue, principal, `${submissionId}.${shortDigest(digest)}.json`);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await rename(path, target).catch(ignoreMissing(undefined));
  }

  async publish(principal: string, submissionId: string, status: RunStatus): Promise<void> {
    this.#requireRoot();
    const directory = this.#outboxOf(principal, submissionId);
    await publishOver(await writeTemporary(directory, jsonBytes(status)), join(directory, 'status.json'));
  }

  async put({ queue, principal, submissionId }: Named, bytes: Uint8Array): Promise<boolean> {
    if (`uid-${process.getuid?.() ?? 0}` !== principal) throw notOurs(principal);
    const directory = join(this.#root, 'inbox', queue, principal);
    return publishOnce(await writeTemporary(directory, bytes), join(directory, `${submissionId}.json`));
  }

  async publishSchedules(list: ScheduleList): Promise<void> {
    const directory = join(this.#root, 'outbox', list.principal);
    await publishOver(await writeTemporary(directory, jsonBytes(list)), join(directory, 'schedules.json'));
  }

  async openUpload(principal: string, digest: Digest): Promise<AsyncIterable<Uint8Array> | null> {
    const path = join(this.#root, 'uploads', principal, digest.slice('sha256:'.length));
    const info = await stat(path).catch(ignoreMissing(null));
    return info?.isFile() ? createReadStream(path) : null;
  }

  onArrival(listener: () => void): void {
    this.#arrived = listener;
  }

  async watch(): Promise<void> {
    await mkdir(join(this.#root, 'inbox'), { recursive: true });
    await this.#watchTree();
  }

  unwatch(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #fileOf({ key }: InboxObject): string {
    return join(this.#root, 'inbox', key);
  }

  #outboxOf(principal: string, submissionId: string): string {
    return join(this.#root, 'outbox', principal, submissionId);
  }

  /** fs.watch is not recursive everywhere; there are few directories and they are never removed. */
  async #watchTree(): Promise<void> {
    for (const directory of await directoriesOf(join(this.#root, 'inbox'))) {
      if (this.#watchers.has(directory)) continue;
      try {
        const watcher = watch(directory, { persistent: false }, () => this.#arrived());
        watcher.on('error', () => this.#watchers.delete(directory));
        this.#watchers.set(directory, watcher);
      } catch {
        // Watches are only hints, and the system may have no more of them: the listing finds what they miss.
      }
    }
  }
}

/**
 * Opens without following a link or waiting for a pipe, and judges what was opened and not its name. `info` is null for
 * anything but a regular file: it reads as an empty object. Null when nothing has the name.
 */
async function inspect<T>(path: string, use: (file: number, info: Stats | null) => Promise<T> | T): Promise<T | null> {
  const file = openWary(path);
  if (file === null) return null;
  try {
    const info = fstatSync(file);
    return await use(file, info.isFile() ? info : null);
  } finally {
    closeSync(file);
  }
}

function openWary(path: string): number | null {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null;
    if (isCode(error, 'ELOOP') || isCode(error, 'ENXIO')) return openSync('/dev/null', 'r');
    throw error;
  }
}

async function directoriesOf(inbox: string): Promise<string[]> {
  const found = [inbox];
  for (const queue of await subdirectories(inbox)) {
    found.push(join(inbox, queue));
    for (const principal of await subdirectories(join(inbox, queue))) found.push(join(inbox, queue, principal));
  }
  return found;
}

/**
 * What can be worked with: a directory that may not be read holds up nobody else, and a name that is no UTF-8 has no path
 * in this program, so it is left lying for the operator.
 */
async function listable(directory: string): Promise<Dirent[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    if (isCode(error, 'ENOENT') || isCode(error, 'EACCES')) return [];
    throw error;
  });
  return entries.filter(({ name }) => !name.includes('\u{fffd}'));
}

async function subdirectories(directory: string): Promise<string[]> {
  const entries = await listable(directory);
  return entries.filter((entry) => entry.isDirectory() && !TEMPORARY.test(entry.name)).map(({ name }) => name);
}

/** Everything at the third level, and whatever lies where no object belongs, under a name that can be answered. */
async function listObjects(inbox: string): Promise<InboxObject[]> {
  const objects: InboxObject[] = [];
  for (const queue of await entriesOf(inbox)) {
    if (!queue.isDirectory) objects.push(badlyNamed(queue.name, 'lies outside every queue'));
    else {
      for (const principal of await entriesOf(join(inbox, queue.name))) {
        const path = `${queue.name}/${principal.name}`;
        if (!principal.isDirectory) objects.push(badlyNamed(path, 'lies outside every principal'));
        else
          for (const file of await entriesOf(join(inbox, path)))
            objects.push(
              file.isFile
                ? named(queue.name, principal.name, file.name)
                : badlyNamed(`${path}/${file.name}`, 'is no file'),
            );
      }
    }
  }
  return objects;
}

async function entriesOf(directory: string): Promise<{ name: string; isDirectory: boolean; isFile: boolean }[]> {
  const entries = await listable(directory);
  return entries
    .filter(({ name }) => !TEMPORARY.test(name))
    .map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory(), isFile: entry.isFile() }));
}

function named(queue: string, principal: string, file: string): InboxObject {
  const key = `${queue}/${principal}/${file}`;
  const submissionId = SUBMISSION.exec(file)?.[1];
  if (submissionId === undefined || submissionId.includes('..')) return badlyNamed(key, 'is no <submissionId>.json');
  if (!QUEUE.test(queue) || queue.includes('..')) return badlyNamed(key, 'names no valid queue');
  if (!PRINCIPAL.test(principal)) return badlyNamed(key, 'names no principal (uid-<number>)');
  return { key, queue, principal, submissionId };
}

/** Answered under its principal if it names one, and a submission id made from its name. */
function badlyNamed(key: string, problem: string): InboxObject {
  const [, second = ''] = key.split('/');
  const principal = PRINCIPAL.test(second) ? second : 'unknown';
  return {
    key,
    queue: '@unnamed',
    principal,
    submissionId: `invalid-${sha256Hex(key).slice(0, 16)}`,
    badlyNamed: `the object ${problem}`,
  };
}

/** The owner of a file is who wrote it, and that would be this process. */
function notOurs(principal: string): TerminalError {
  return new TerminalError({
    code: 'PRINCIPAL_MISMATCH',
    path: `inbox/${principal}`,
    problem: 'this engine runs as somebody else, and can write submissions for nobody but itself',
    fix: 'Keep schedules in an engine of your own: see docs/how-to/run-a-private-engine.md.',
  });
}

/** An acceptance is final; a refusal may be answered otherwise once the deployment has changed. */
function isAcceptance({ status }: Receipt): boolean {
  return status === 'accepted' || status === 'deduped';
}

function shortDigest(digest: string): string {
  return digest.slice('sha256:'.length, 'sha256:'.length + 16);
}

function jsonBytes(value: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}
