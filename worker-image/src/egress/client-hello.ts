/** Reads off the first message of TLS which server it is for. The bytes are a block's. */

/** Of the handshake, whatever records it comes in; what tools send is far smaller. */
export const MAX_HELLO_BYTES: number = 32 * 1024;
/** Two are enough. Bytes alone do not bound the work: a record may be as small as one. */
export const MAX_HELLO_RECORDS = 8;

/** `more`: it is not all there. `other_name`: it says no name, or not exactly one. */
type Hello = { name: string } | 'more' | 'not_tls' | 'hidden_name' | 'other_name';

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const MAX_RECORD_BYTES = 16_384;
const RECORD_HEADER = 5;
const SERVER_NAME = 0;
/** With it, the name that can be read is not the one that counts. */
const ENCRYPTED_CLIENT_HELLO = 0xfe0d;

/** Takes the message as it comes: each byte is looked at once, in however many parts and records. */
export class HelloReader {
  readonly #raw = Buffer.allocUnsafe(MAX_HELLO_BYTES + MAX_HELLO_RECORDS * RECORD_HEADER);
  readonly #message = Buffer.allocUnsafe(MAX_HELLO_BYTES);
  #rawBytes = 0;
  #messageBytes = 0;
  /** Where in `#raw` the first record begins that has not come as a whole. */
  #at = 0;
  #records = 0;

  /** Once it has said anything but `more`, it is over. `bytes` is all that has come. */
  take(part: Buffer): { name: string; bytes: Buffer } | Exclude<Hello, { name: string }> {
    const before = this.#rawBytes;
    // What does not fit belongs to no message that is taken.
    this.#rawBytes += part.copy(this.#raw, before);
    const message = this.#read();
    const hello = typeof message === 'string' ? message : saidIn(message);
    return typeof hello === 'string'
      ? hello
      : { ...hello, bytes: Buffer.concat([this.#raw.subarray(0, before), part]) };
  }

  /** What stands in the records, without their headers. */
  #read(): Buffer | 'more' | 'not_tls' {
    for (;;) {
      const needed = this.#messageBytes < 4 ? null : 4 + this.#message.readUIntBE(1, 3);
      if (needed !== null && (this.#message[0] !== CLIENT_HELLO || needed > MAX_HELLO_BYTES)) return 'not_tls';
      if (needed !== null && this.#messageBytes >= needed) return this.#message.subarray(4, needed);
      const size = this.#nextSize();
      if (typeof size === 'string') return size;
      const from = this.#at + RECORD_HEADER;
      this.#messageBytes += this.#raw.copy(this.#message, this.#messageBytes, from, from + size);
      this.#at = from + size;
      this.#records += 1;
    }
  }

  /** Of a record that is all there. */
  #nextSize(): number | 'more' | 'not_tls' {
    const record = this.#raw.subarray(this.#at, this.#rawBytes);
    if (this.#records === MAX_HELLO_RECORDS || (record.length > 0 && record[0] !== HANDSHAKE)) return 'not_tls';
    if (record.length < RECORD_HEADER) return 'more';
    const size = record.readUInt16BE(3);
    if (record[1] !== 3 || size === 0 || size > MAX_RECORD_BYTES) return 'not_tls';
    if (this.#messageBytes + size > MAX_HELLO_BYTES) return 'not_tls';
    return record.length < RECORD_HEADER + size ? 'more' : size;
  }
}

function saidIn(message: Buffer): Hello {
  try {
    return nameIn(message);
  } catch (error) {
    // It ends before what it says is in it.
    if (error instanceof RangeError) return 'not_tls';
    throw error;
  }
}

/** Throws RangeError where it is too short. */
function nameIn(message: Buffer): Hello {
  // Version and random; session, suites and compressions have their lengths before them.
  let at = 34;
  at += 1 + message.readUInt8(at);
  at += 2 + message.readUInt16BE(at);
  at += 1 + message.readUInt8(at);
  if (at === message.length) return 'other_name';
  const end = at + 2 + message.readUInt16BE(at);
  if (end !== message.length) return 'not_tls';
  const names: string[] = [];
  for (at += 2; at < end; ) {
    const type = message.readUInt16BE(at);
    const next = at + 4 + message.readUInt16BE(at + 2);
    if (next > end) return 'not_tls';
    if (type === ENCRYPTED_CLIENT_HELLO) return 'hidden_name';
    if (type === SERVER_NAME) names.push(...serverNames(message.subarray(at + 4, next)));
    at = next;
  }
  const [name] = names;
  return name === undefined || names.length > 1 ? 'other_name' : { name: name.toLowerCase() };
}

/** What is no host name counts as one, so that it is not passed over. */
function serverNames(list: Buffer): string[] {
  if (list.readUInt16BE(0) !== list.length - 2) throw new RangeError('the list of names is of another length');
  const names: string[] = [];
  for (let at = 2; at < list.length; ) {
    const size = list.readUInt16BE(at + 1);
    if (at + 3 + size > list.length) throw new RangeError('a name is longer than its list');
    names.push(list[at] === 0 ? list.toString('latin1', at + 3, at + 3 + size) : '');
    at += 3 + size;
  }
  return names;
}
