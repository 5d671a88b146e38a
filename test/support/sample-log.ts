/** A transparency log in memory that does what it is told, forks included: what witnesses are shown in tests. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  consistencyProof,
  formatCheckpoint,
  formatNote,
  formatVkey,
  leafHash,
  parseVkey,
  TreeBuilder,
  toBase64,
} from '@waybill/verify';

export class SampleLog {
  readonly origin: string;
  readonly #privateKey: KeyObject;
  readonly #leaves: string[];

  constructor(origin = 'log.test/a', privateKey = generateKeyPairSync('ed25519').privateKey, leaves: string[] = []) {
    this.origin = origin;
    this.#privateKey = privateKey;
    this.#leaves = leaves;
  }

  get size(): number {
    return this.#leaves.length;
  }

  get vkey(): string {
    const { x } = this.#privateKey.export({ format: 'jwk' });
    return formatVkey(this.origin, Uint8Array.from(Buffer.from(x as string, 'base64url')));
  }

  grow(leaves: number, content = 'entry'): this {
    for (let n = 0; n < leaves; n++) this.#leaves.push(`${content} ${this.#leaves.length}`);
    return this;
  }

  /** Another history under the same key, which agrees in the first `size` leaves. */
  fork(size: number): SampleLog {
    return new SampleLog(this.origin, this.#privateKey, this.#leaves.slice(0, size));
  }

  root(size: number = this.size): Uint8Array {
    return this.#tree(size).root;
  }

  /** The signed checkpoint of a size. */
  checkpoint(size: number = this.size, extensions: string[] = []): string {
    return this.sign(formatCheckpoint({ origin: this.origin, size, root: this.root(size), extensions }));
  }

  sign(text: string): string {
    const { name, hash } = parseVkey(this.vkey);
    return formatNote(text, [{ name, hash, signature: sign(null, Buffer.from(text), this.#privateKey) }]);
  }

  async proof(oldSize: number, size: number = this.size): Promise<Uint8Array[]> {
    if (oldSize === 0 || oldSize === size) return [];
    const { nodes } = this.#tree(size);
    return consistencyProof(oldSize, size, (level, index) => nodes.get(`${level}/${index}`) as Uint8Array);
  }

  /** The body of an `add-checkpoint` request. */
  async request(oldSize: number, size: number = this.size): Promise<string> {
    const proof = await this.proof(oldSize, size);
    return `old ${oldSize}\n${proof.map((hash) => `${toBase64(hash)}\n`).join('')}\n${this.checkpoint(size)}`;
  }

  #tree(size: number): { root: Uint8Array; nodes: Map<string, Uint8Array> } {
    const tree = new TreeBuilder();
    const nodes = new Map<string, Uint8Array>();
    for (const leaf of this.#leaves.slice(0, size)) {
      tree.append(leafHash(leaf), (level, index, hash) => void nodes.set(`${level}/${index}`, hash));
    }
    return { root: tree.root(), nodes };
  }
}
