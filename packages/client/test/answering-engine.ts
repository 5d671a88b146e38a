/** The engine's side of a state directory, as small as it gets: answers every object once, keeps no run. */
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Digest, deriveRunId } from '@waybill/verify';
import type { Receipt, RunStatus } from '../src/documents.ts';

export class AnsweringEngine {
  readonly #root: string;
  readonly #accepted: Map<string, string> = new Map();
  readonly receipts: Receipt[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  /** Looks every few milliseconds until the test ends. */
  start(context: TestContext): this {
    const timer = setInterval(() => this.answerAll(), 5);
    context.after(() => clearInterval(timer));
    return this;
  }

  answerAll(): void {
    for (const path of globSync('inbox/*/*/*', { cwd: this.#root })) this.#answer(join(this.#root, path));
  }

  publish(status: RunStatus): void {
    this.#write(join(this.#outbox(status.principal, status.submissionId), 'status.json'), status);
  }

  #answer(path: string): void {
    const bytes = readFileSync(path);
    const hex = createHash('sha256').update(bytes).digest('hex');
    const submission: Digest = `sha256:${hex}`;
    const submissionId = basename(path, '.json');
    const principal = basename(dirname(path));
    const id = `${principal}/${submissionId}`;
    const known = this.#accepted.get(id);
    const status = known === undefined ? 'accepted' : known === hex ? 'deduped' : 'conflict';
    if (known === undefined) this.#accepted.set(id, hex);
    const run = deriveRunId(principal, submissionId);
    const receipt: Receipt = { v: 1, status, principal, submissionId, submission, run, reasons: [], at: 'now' };
    const target = join(this.#outbox(principal, submissionId), `receipt-${hex.slice(0, 16)}.json`);
    if (!existsSync(target)) this.#write(target, receipt);
    this.receipts.push(receipt);
    rmSync(path);
  }

  #outbox(principal: string, submissionId: string): string {
    return join(this.#root, 'outbox', principal, submissionId);
  }

  #write(path: string, document: object): void {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.part`, JSON.stringify(document));
    renameSync(`${path}.part`, path);
  }
}
