/** The connections of a block to the outside while they last, and what they moved: bounded together. */
import type { Socket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';

interface Counted {
  sentBytes: number;
  receivedBytes: number;
}

export class Carried {
  readonly #mostBytes: number;
  readonly #far = new Map<Socket, Promise<void>>();
  #endedBytes = 0;
  #opening = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** Those that are there, and those that are about to be. */
  count(): number {
    return this.#far.size + this.#opening;
  }

  async opening<T>(far: Promise<T>): Promise<T> {
    this.#opening += 1;
    return await far.finally(() => {
      this.#opening -= 1;
    });
  }

  isSpent(): boolean {
    let bytes = this.#endedBytes;
    for (const far of this.#far.keys()) bytes += far.bytesRead + far.bytesWritten;
    return bytes >= this.#mostBytes;
  }

  /** What it moved is added to `counted` at its end. */
  take(far: Socket, counted: Counted): void {
    const ended = new Promise<void>((resolve) => {
      far.once('close', () => {
        counted.sentBytes += far.bytesWritten;
        counted.receivedBytes += far.bytesRead;
        this.#endedBytes += far.bytesRead + far.bytesWritten;
        this.#far.delete(far);
        resolve();
      });
    });
    this.#far.set(far, ended);
    far.on('error', () => far.destroy());
    this.bound(far);
  }

  /** What comes from there ends all that is under way, once it is too much. Both ends of a connection are looked at. */
  bound(from: Readable): void {
    from.on('data', () => {
      if (this.isSpent()) for (const far of this.#far.keys()) far.destroy();
    });
  }

  both(near: Duplex, far: Socket): void {
    this.bound(near);
    near.once('close', () => far.destroy());
    far.once('close', () => near.destroy());
    near.pipe(far);
    far.pipe(near);
  }

  async end(): Promise<void> {
    const all = [...this.#far];
    for (const [far] of all) far.destroy();
    await Promise.all(all.map(([, ended]) => ended));
  }
}
