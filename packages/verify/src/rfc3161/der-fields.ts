/** Reads the fields of a constructed DER value in their order, so that a field of unknown meaning is never passed over. */
import { type DerNode, type DerRules, integerProblem, readDer, TAG } from './der.ts';
import { TimestampError } from './timestamp-error.ts';

export class DerFields {
  readonly what: string;
  readonly #fields: readonly DerNode[];
  #next = 0;

  /** @param what names the value in the reason of a refusal */
  constructor(node: DerNode, what: string, tag: number = TAG.sequence) {
    if (node.tag !== tag) throw malformed(what, 'has another type than it must');
    this.what = what;
    this.#fields = node.children;
  }

  /** The next field, which must be there and have the tag. */
  take(tag: number, name: string): DerNode {
    const field = this.takeIf(tag);
    if (field === undefined) throw malformed(this.what, `lacks ${name}, or has it with another type`);
    return field;
  }

  /** The next field if it has the tag. */
  takeIf(tag: number): DerNode | undefined {
    const field = this.#fields[this.#next];
    if (field?.tag !== tag) return undefined;
    this.#next++;
    return field;
  }

  /** The next field, whatever it is, if there is one. */
  takeAny(): DerNode | undefined {
    const field = this.#fields[this.#next];
    this.#next++;
    return field;
  }

  /** A SEQUENCE as the next field. */
  sequence(name: string): DerFields {
    return new DerFields(this.take(TAG.sequence, name), `${this.what}: ${name}`);
  }

  objectId(name: string): string {
    return objectIdText(this.take(TAG.objectId, name).content);
  }

  /** An INTEGER from 0 to 2^31, for versions and the like. */
  smallInteger(name: string): number {
    return smallIntegerOf(this.take(TAG.integer, name), `${this.what}: ${name}`);
  }

  /** A BOOLEAN whose default is FALSE; DER leaves a value out that is its default. */
  flag(): boolean {
    const field = this.takeIf(TAG.boolean);
    if (field !== undefined && field.content[0] === 0) throw malformed(this.what, 'spells out FALSE, its default');
    return field !== undefined;
  }

  /** All fields that were not taken yet. */
  rest(): readonly DerNode[] {
    const fields = this.#fields.slice(this.#next);
    this.#next = this.#fields.length;
    return fields;
  }

  /** Throws unless every field was taken. */
  end(): void {
    if (this.#next < this.#fields.length) throw malformed(this.what, 'has a field more than is known');
  }
}

export function malformed(what: string, problem: string): TimestampError {
  return new TimestampError('encoding', `${what} ${problem}`);
}

/** The only value inside a context tag. */
export function inside(node: DerNode, what: string): DerNode {
  const [only, ...others] = node.children;
  if (only === undefined || others.length > 0) throw malformed(what, 'does not hold exactly one value');
  return only;
}

/** DER inside an OCTET STRING. */
export function readInside(node: DerNode, what: string, rules?: DerRules): DerNode {
  return readDer(node.content, what, rules);
}

export function smallIntegerOf(node: DerNode, what: string): number {
  const problem = integerProblem(node.content);
  const isSmall = node.content.length <= 4 && (node.content[0] ?? 0) < 0x80;
  if (problem !== undefined || !isSmall) throw malformed(what, problem ?? 'is negative or too large');
  return node.content.reduce((value, byte) => value * 256 + byte, 0);
}

/** `1.2.840…`; arcs of any size. */
export function objectIdText(content: Uint8Array): string {
  const arcs: bigint[] = [];
  let arc = 0n;
  for (const byte of content) {
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    if (byte >= 0x80) continue;
    arcs.push(arc);
    arc = 0n;
  }
  const [first = 0n, ...others] = arcs;
  const root = first < 80n ? first / 40n : 2n;
  return [root, first - root * 40n, ...others].join('.');
}

/** Bytes of a BIT STRING that holds whole bytes. */
export function wholeBytes(node: DerNode, what: string): Uint8Array {
  if (node.content[0] !== 0) throw malformed(what, 'is not made of whole bytes');
  return node.content.subarray(1);
}
