/**
 * Named pipes without a name, for what sandboxed blocks say: Node makes sockets, which nothing can open by name, so that a block could
 * not write to /dev/stderr. A program makes them, some at a time: to start one takes as long as a few of them, and the first worker waits for all.
 */
import { execFile } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const PAIRS_AT_ONCE = 16;
/** So many are left when more are made. */
const FEW = 4;
/** Of open(2): neither end is opened, but the pipe can be by whoever has the descriptor. */
const O_PATH = 0o10000000;

/** Descriptors of two pipes, for stdout and stderr; whoever took them closes them. */
export type PipePair = readonly [number, number];

export class PipeStock {
  readonly #pairs: PipePair[] = [];
  #making: Promise<boolean> | null = null;

  /** Null on hosts where none can be made. */
  async take(): Promise<PipePair | null> {
    while (this.#pairs.length === 0) if (!(await this.#make())) return null;
    const pair = this.#pairs.pop() ?? null;
    if (this.#pairs.length < FEW) void this.#make();
    return pair;
  }

  /** Resolves with whether there are more. */
  #make(): Promise<boolean> {
    this.#making ??= makePairs()
      .then(
        (pairs) => this.#pairs.push(...pairs) > 0,
        // Blocks are heard over sockets then.
        () => false,
      )
      .finally(() => {
        this.#making = null;
      });
    return this.#making;
  }
}

async function makePairs(): Promise<PipePair[]> {
  const place = await mkdtemp(join(tmpdir(), 'waybill-pipes-'));
  const opened: number[] = [];
  try {
    const names = Array.from({ length: 2 * PAIRS_AT_ONCE }, (_, n) => String(n));
    await promisify(execFile)('mkfifo', ['-m', '600', ...names], { cwd: place });
    for (const name of names) opened.push(openSync(join(place, name), O_PATH));
    return Array.from({ length: PAIRS_AT_ONCE }, (_, n) => [opened[2 * n], opened[2 * n + 1]] as [number, number]);
  } catch (error) {
    for (const descriptor of opened) closeSync(descriptor);
    throw error;
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}
