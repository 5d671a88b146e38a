/** DER written the plain way, by people who also want to write it wrongly. Shares no code with the package. */

export function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag), lengthOf(content.length), content]);
}

export const seq = (...parts: readonly Uint8Array[]): Buffer => tlv(0x30, ...parts);
export const octets = (content: Uint8Array): Buffer => tlv(0x04, content);
export const nothing: Buffer = tlv(0x05);
export const yes: Buffer = tlv(0x01, Buffer.of(0xff));
/** [n] around something, or in place of the tag of something constructed. */
export const context = (n: number, ...parts: readonly Uint8Array[]): Buffer => tlv(0xa0 + n, ...parts);

export function setOf(...members: readonly Uint8Array[]): Buffer {
  return tlv(0x31, ...members.toSorted((a, b) => Buffer.compare(a, b)));
}

/** A small number, or the bytes of an INTEGER as they are. */
export function int(value: number | Uint8Array): Buffer {
  if (typeof value !== 'number') return tlv(0x02, value);
  return tlv(0x02, value < 128 ? Buffer.of(value) : Buffer.of(0, value));
}

export function oid(dotted: string): Buffer {
  const [root = 0, second = 0, ...others] = dotted.split('.').map(Number);
  const base128 = (arc: number): number[] => {
    const digits = [arc % 128];
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift(128 + (rest % 128));
    return digits;
  };
  return tlv(0x06, Buffer.from([root * 40 + second, ...others].flatMap(base128)));
}

export function generalizedTime(text: string): Buffer {
  return tlv(0x18, Buffer.from(text));
}

/** The same value with one length byte more than it needs. */
export function padLength(value: Uint8Array): Buffer {
  const content = Buffer.concat(members(value));
  const length = Buffer.of(0, content.length >> 8, content.length & 0xff);
  return Buffer.concat([Buffer.of(value[0] as number, 0x83), length, content]);
}

/** The same constructed value with an indefinite length. */
export function indefinite(value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(value[0] as number, 0x80), ...members(value), Buffer.of(0, 0)]);
}

/** What a constructed value holds, each with its tag and length. */
export function members(value: Uint8Array): Buffer[] {
  const found: Buffer[] = [];
  const bytes = Buffer.from(value);
  for (let at = headerOf(bytes); at < bytes.length; ) {
    const header = headerOf(bytes.subarray(at));
    const length = lengthAt(bytes, at + 1);
    found.push(bytes.subarray(at, at + header + length));
    at += header + length;
  }
  return found;
}

/** The content of a value, without its tag and length. */
export function contentOf(value: Uint8Array): Buffer {
  return Buffer.from(value).subarray(headerOf(value));
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  return length < 0x100 ? Buffer.of(0x81, length) : Buffer.of(0x82, length >> 8, length & 0xff);
}

function headerOf(value: Uint8Array): number {
  const first = value[1] ?? 0;
  return first < 0x80 ? 2 : 2 + (first & 0x7f);
}

function lengthAt(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  return first < 0x80 ? first : bytes.readUIntBE(at + 1, first & 0x7f);
}
