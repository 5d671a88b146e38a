/** SHA-256 (FIPS 180-4) for browsers, whose own is asynchronous: a tree of hashes cannot wait a turn for each node. */
import { utf8 } from './bytes.ts';
import type { RunningSha256 } from './signature-algorithm.ts';

const BLOCK = 64;
const LENGTH_BYTES = 8;
const K: Int32Array = fractionsOfRoots(64, 3n);
const H0: Int32Array = fractionsOfRoots(8, 2n);
const W = new Int32Array(64);

/** The constants as the standard defines them: the first 32 bits of the fractions of the square or cube roots of primes. */
function fractionsOfRoots(count: number, degree: bigint): Int32Array {
  const found: number[] = [];
  for (let n = 2n; found.length < count; n++) {
    if (hasDivisor(n)) continue;
    const scaled = n << (32n * degree);
    let low = 0n;
    let high = n << 32n;
    while (high - low > 1n) {
      const middle = (low + high) / 2n;
      if (middle ** degree <= scaled) low = middle;
      else high = middle;
    }
    found.push(Number(BigInt.asIntN(32, low)));
  }
  return Int32Array.from(found);
}

function hasDivisor(n: bigint): boolean {
  for (let d = 2n; d * d <= n; d++) if (n % d === 0n) return true;
  return false;
}

export class Sha256 implements RunningSha256 {
  readonly #state: Int32Array = H0.slice();
  readonly #block = new Uint8Array(BLOCK);
  #filled = 0;
  #length = 0;

  update(data: Uint8Array | string): void {
    const bytes = typeof data === 'string' ? utf8(data) : data;
    this.#length += bytes.length;
    let offset = 0;
    if (this.#filled > 0) {
      offset = Math.min(BLOCK - this.#filled, bytes.length);
      this.#block.set(bytes.subarray(0, offset), this.#filled);
      this.#filled += offset;
      if (this.#filled < BLOCK) return;
      compress(this.#state, this.#block, 0);
    }
    for (; offset + BLOCK <= bytes.length; offset += BLOCK) compress(this.#state, bytes, offset);
    this.#block.set(bytes.subarray(offset));
    this.#filled = bytes.length - offset;
  }

  digest(): Uint8Array {
    const block = this.#block;
    block[this.#filled++] = 0x80;
    if (this.#filled > BLOCK - LENGTH_BYTES) {
      compress(this.#state, block.fill(0, this.#filled), 0);
      this.#filled = 0;
    }
    const view = new DataView(block.fill(0, this.#filled).buffer);
    view.setUint32(BLOCK - 8, Math.floor(this.#length / 2 ** 29));
    view.setUint32(BLOCK - 4, (this.#length * 8) % 2 ** 32);
    compress(this.#state, block, 0);
    const digest = new Uint8Array(32);
    const out = new DataView(digest.buffer);
    for (let index = 0; index < 8; index++) out.setInt32(4 * index, this.#state[index] as number);
    return digest;
  }
}

/** The names are those of the standard. */
function compress(state: Int32Array, bytes: Uint8Array, offset: number): void {
  expand(bytes, offset);
  let a = state[0] as number;
  let b = state[1] as number;
  let c = state[2] as number;
  let d = state[3] as number;
  let e = state[4] as number;
  let f = state[5] as number;
  let g = state[6] as number;
  let h = state[7] as number;
  for (let t = 0; t < 64; t++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (K[t] as number) + (W[t] as number)) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0] = (state[0] as number) + a;
  state[1] = (state[1] as number) + b;
  state[2] = (state[2] as number) + c;
  state[3] = (state[3] as number) + d;
  state[4] = (state[4] as number) + e;
  state[5] = (state[5] as number) + f;
  state[6] = (state[6] as number) + g;
  state[7] = (state[7] as number) + h;
}

/** The message schedule, into W. */
function expand(bytes: Uint8Array, offset: number): void {
  for (let t = 0, at = offset; t < 16; t++, at += 4) {
    W[t] =
      ((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number);
  }
  for (let t = 16; t < 64; t++) {
    const x = W[t - 15] as number;
    const y = W[t - 2] as number;
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    W[t] = ((W[t - 16] as number) + s0 + (W[t - 7] as number) + s1) | 0;
  }
}
