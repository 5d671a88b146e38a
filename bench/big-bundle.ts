/**
 * Writes an audit bundle of any size as the engine would have sealed it, without having run anything: `n` items without
 * dependencies, a signed manifest for each, all of them done. Larger than any run that the engine takes in.
 */
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  canonicalize,
  type Digest,
  type DispatchPredicate,
  deriveAttemptId,
  digestOf,
  formatCheckpoint,
  formatNote,
  formatTlogProof,
  fromBase64,
  inclusionProof,
  leafHash,
  NO_COUNTS,
  type PlannedItem,
  type RunCounts,
  type RunEvent,
  runningDigest,
  TreeBuilder,
} from '@waybill/verify';
import type { LocalSigner } from '#adapters/local/signer.ts';
import {
  dispatchStatement,
  eventLine,
  hexOf,
  isoTime,
  openedEntry,
  sealedEntry,
  sealStatement,
  unplacedEvent,
  unplacedLine,
} from '#core/evidence.ts';
import type { RunRow } from '#core/rows.ts';
import { signStatement } from '#flow/envelope.ts';

const RUN = 'ab'.repeat(16);
const AT_MS = Date.UTC(2026, 0, 1);
const SPEC = digestOf('the spec of every item');
const SALT = '5a'.repeat(16);
/** Items of one event that names many. */
const BATCH = 400;
const CLAIMS = 20;

/** Writes the bundle and resolves with the number of its events. */
export async function writeBigBundle(path: string, items: number, signer: LocalSigner): Promise<number> {
  const writer = new BundleWriter(items, signer);
  await pipeline(Readable.from(writer.lines()), createWriteStream(path));
  return writer.events;
}

class BundleWriter {
  readonly #tree = new TreeBuilder();
  readonly #items: string[];
  readonly #signer: LocalSigner;
  #lines = 0;
  #firstLeaf = '';

  constructor(items: number, signer: LocalSigner) {
    this.#items = Array.from({ length: items }, (_, n) => `item-${n}`);
    this.#signer = signer;
  }

  get events(): number {
    return this.#tree.size;
  }

  async *lines(): AsyncGenerator<string> {
    const { origin } = this.#signer;
    const plan = this.#plan();
    yield this.#line(canonicalize({ format: 'waybill-audit/v1', origin, run: RUN }));
    yield this.#event({ type: 'run.opened', data: this.#opened(plan.digest) });
    for (const event of plan.events) yield this.#event(event);
    for (const items of inBatches(this.#items, BATCH)) yield this.#event({ type: 'item.ready', data: { items } });
    for (const claimed of inBatches(this.#items, CLAIMS)) yield* this.#attempts(claimed, plan.digest);
    const n = this.#items.length;
    const counts = { ...NO_COUNTS, items: n, done: n, attempts: n };
    yield this.#event({ type: 'run.completed', data: { state: 'done', counts } });
    yield* this.#sealAndLog(plan.digest, counts);
    yield this.#line(canonicalize({ end: { lines: this.#lines } }));
  }

  #plan(): { digest: Digest; events: RunEvent[] } {
    const entries = this.#items.map(
      (id): PlannedItem => ({ id, spec: SPEC, deps: [], needs: [], locks: [], maxAttempts: 1 }),
    );
    const hash = runningDigest();
    for (const entry of entries) hash.update(new TextEncoder().encode(`${canonicalize(entry)}\n`));
    const parts = inBatches(entries, 200);
    const events = parts.map(
      (part, n): RunEvent => ({ type: 'run.planned', data: { part: n, parts: parts.length, items: part } }),
    );
    return { digest: hash.digest(), events };
  }

  #opened(plan: Digest) {
    return {
      name: 'big',
      queue: 'default',
      principal: `hmac-sha256:${'0'.repeat(64)}`,
      submission: SPEC,
      plan,
      items: this.#items.length,
      edges: 0,
      source: { kind: 'none' },
    } as const;
  }

  async *#attempts(items: readonly string[], plan: Digest): AsyncGenerator<string> {
    const claims = items.map((item) => ({ item, attempt: 1, id: deriveAttemptId(RUN, item, 1), epoch: 1, locks: [] }));
    yield this.#event({ type: 'attempt.claimed', data: { queue: 'default', claims } });
    for (const { item, id } of claims) {
      const statement = dispatchStatement(this.#manifest(item, id, plan));
      const envelope = await signStatement(this.#signer, statement);
      const manifest = digestOf(statement);
      yield this.#event({
        type: 'attempt.dispatched',
        data: { item, attempt: 1, id, manifest, isolation: 'bubblewrap' },
      });
      yield this.#line(canonicalize(envelope));
    }
    for (const { item, id } of claims) {
      const block = { index: 0, block: 'script', exit: 0, startedAt: isoTime(AT_MS), endedAt: isoTime(AT_MS) };
      const claimed = {
        outcome: 'succeeded',
        reason: 'ok',
        exit: 0,
        blocks: [block],
        worker: SPEC,
        excluded: 0,
      } as const;
      const judged = { outcome: 'succeeded', reason: 'ok', next: 'done', spent: true, exit: null } as const;
      const frame = { item, attempt: 1, id, epoch: 1 };
      yield this.#event({
        type: 'attempt.settled',
        data: {
          ...frame,
          ...judged,
          result: SPEC,
          outputs: [],
          attestations: [],
          claimed: { ...claimed, blocks: [block] },
        },
      });
    }
  }

  #manifest(item: string, attemptId: string, plan: Digest): DispatchPredicate {
    return {
      origin: this.#signer.origin,
      run: RUN,
      item,
      attempt: 1,
      attemptId,
      epoch: 1,
      nonce: SALT,
      issuedAt: isoTime(AT_MS),
      expiresAt: isoTime(AT_MS + 60_000),
      plan,
      spec: SPEC,
      job: SPEC,
      source: { kind: 'none' },
      inputs: [],
      locks: [],
      isolation: 'bubblewrap',
      executable: SPEC,
      timeoutMs: 60_000,
    };
  }

  async *#sealAndLog(plan: Digest, counts: RunCounts): AsyncGenerator<string> {
    const { origin } = this.#signer;
    const root = `sha256:${hexOf(this.#tree.root())}` as const;
    const size = this.#tree.size;
    const row = {
      plan,
      submission: SPEC,
      state: 'done',
      runSeq: 0,
      openedIndex: 0,
      openedAtMs: AT_MS,
      completedAtMs: AT_MS,
    };
    const statement = sealStatement({
      origin,
      run: RUN,
      row: row as unknown as RunRow,
      size,
      root,
      counts,
      sealedAtMs: AT_MS,
    });
    const envelope = await signStatement(this.#signer, statement);
    yield this.#line(canonicalize({ record: 'seal', dsse: envelope }));
    const payload = digestOf(fromBase64(envelope.payload));
    const entries = [
      openedEntry(origin, RUN, 0, this.#firstLeaf, AT_MS),
      sealedEntry(origin, RUN, 0, { payload, size, root }, AT_MS),
    ];
    const leaves = entries.map((entry) => leafHash(canonicalize(entry)));
    const log = new TreeBuilder();
    for (const leaf of leaves) log.append(leaf);
    const text = formatCheckpoint({ origin, size: 2, root: log.root(), extensions: [] });
    const checkpoint = formatNote(text, await this.#signer.signNote(text));
    for (const [index, entry] of entries.entries()) {
      const hashes = await inclusionProof(index, 2, (_level, at) => leaves[at] as Uint8Array);
      yield this.#line(canonicalize({ record: 'log', entry, proof: formatTlogProof({ index, hashes, checkpoint }) }));
    }
  }

  #event(event: RunEvent): string {
    const unplaced = unplacedLine(unplacedEvent(this.#signer.origin, RUN, { atMs: AT_MS, salt: SALT, event }));
    const line = eventLine(unplaced, this.#tree.size);
    const leaf = leafHash(line);
    if (this.#tree.size === 0) this.#firstLeaf = hexOf(leaf);
    this.#tree.append(leaf);
    return this.#line(line);
  }

  #line(line: string): string {
    this.#lines += 1;
    return `${line}\n`;
  }
}

function inBatches<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, n) => all.slice(n * size, (n + 1) * size));
}
