/**
 * Records of a CSV file (RFC 4180) or lines of a file, one at a time, in memory that does not grow with the file. Bytes stay
 * bytes: texts are Latin-1 here, of which each character is one byte, so that what is written is what was read.
 */
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';

const READ_BYTES = 1 << 20;
const MOST_RECORD_BYTES = 64 << 20;
const MOST_FIELDS = 4096;
const [QUOTE, LINE_FEED, RETURN] = [0x22, 0x0a, 0x0d];

export class Refused extends Error {}

/** Where the fields of the record that was read last are in `bytes`. Overwritten by the next one. */
export class CsvRecord {
  bytes = Buffer.alloc(0);
  /** Of the whole record, without its end of line. */
  from = 0;
  to = 0;
  /** With it, as it stands in the file. */
  end = 0;
  count = 0;
  number = 0;
  starts = new Int32Array(MOST_FIELDS);
  ends = new Int32Array(MOST_FIELDS);
  isQuoted = new Uint8Array(MOST_FIELDS);

  text(field) {
    const text = this.bytes.latin1Slice(this.starts[field], this.ends[field]);
    return this.isQuoted[field] && text.includes('"') ? text.replaceAll('""', '"') : text;
  }

  texts() {
    return Array.from({ length: this.count }, (_, field) => this.text(field));
  }
}

/** Calls `each` with every record of the bytes from `range.from` to `range.to`, and the place in the file where it begins. */
export function eachCsvRecord(path, delimiter, each, range = {}) {
  const record = new CsvRecord();
  const separator = delimiter.charCodeAt(0);
  eachBlock(path, range, (bytes, length, isLast, offset) => {
    record.bytes = bytes;
    let at = 0;
    while (at < length) {
      const end = endOfRecord(record, at, length, separator, isLast);
      if (end < 0) break;
      record.number += 1;
      each(record, offset + at);
      at = end;
    }
    return at;
  });
}

/** Place behind the record that begins at `from`; -1 when its end is not in the block. */
function endOfRecord(record, from, length, separator, isLast) {
  const { bytes, starts, ends, isQuoted } = record;
  let field = 0;
  let at = from;
  for (;;) {
    if (field === MOST_FIELDS) throw refusal(record, `it has more than ${MOST_FIELDS} fields`);
    if (at < length && bytes[at] === QUOTE) {
      const close = closingQuote(bytes, at + 1, length, isLast);
      if (close < 0) {
        if (isLast) throw refusal(record, 'a quote is opened and never closed');
        return -1;
      }
      starts[field] = at + 1;
      ends[field] = close;
      isQuoted[field] = 1;
      at = close + 1;
    } else {
      starts[field] = at;
      while (at < length && bytes[at] !== separator && bytes[at] !== LINE_FEED) {
        if (bytes[at] === QUOTE) throw refusal(record, 'a quote stands in a field that does not begin with one');
        at += 1;
      }
      ends[field] = at;
      isQuoted[field] = 0;
    }
    const isReturned = at < length && bytes[at] === RETURN;
    if (isReturned && at + 1 === length && !isLast) return -1;
    const place = isReturned && (at + 1 === length || bytes[at + 1] === LINE_FEED) ? at + 1 : at;
    if (place >= length && !isLast) return -1;
    if (place < length && bytes[place] === separator && place === at) {
      field += 1;
      at += 1;
      continue;
    }
    if (place < length && bytes[place] !== LINE_FEED) throw refusal(record, 'something stands behind a closed quote');
    if (isQuoted[field] === 0 && ends[field] > starts[field] && bytes[ends[field] - 1] === RETURN) ends[field] -= 1;
    record.from = from;
    record.to = isQuoted[field] ? at : ends[field];
    record.count = field + 1;
    record.end = Math.min(place + 1, length);
    return record.end;
  }
}

/** The quote that ends a field; -1 when it is not there, or when only the next block shows whether it does. */
function closingQuote(bytes, from, length, isLast) {
  for (let at = bytes.indexOf(QUOTE, from); at >= 0 && at < length; at = bytes.indexOf(QUOTE, at + 2)) {
    if (at + 1 === length) return isLast ? at : -1;
    if (bytes[at + 1] !== QUOTE) return at;
  }
  return -1;
}

function refusal(record, problem) {
  return new Refused(`record ${record.number + 1}: ${problem}`);
}

/** Calls `each` with every line, as bytes of a buffer that is overwritten, and its number. */
export function eachLine(path, each) {
  let number = 0;
  eachBlock(path, {}, (bytes, length, isLast) => {
    let at = 0;
    while (at < length) {
      let end = bytes.indexOf(LINE_FEED, at);
      if (end < 0 || end >= length) {
        if (!isLast) break;
        end = length;
      }
      number += 1;
      each(bytes, at, end, number);
      at = end + 1;
    }
    return Math.min(at, length);
  });
}

/** `take` is told how many bytes there are, whether they are the last, and returns how many it has done with. */
function eachBlock(path, { from = 0, to }, take) {
  const file = openSync(path, 'r');
  try {
    const limit = to ?? fstatSync(file).size;
    let bytes = Buffer.allocUnsafe(2 * READ_BYTES);
    let [kept, offset] = [0, from];
    for (let isLast = limit <= from; !isLast; ) {
      if (kept + READ_BYTES > bytes.length) {
        if (bytes.length >= MOST_RECORD_BYTES) throw new Refused(`a record is longer than ${MOST_RECORD_BYTES} bytes`);
        const larger = Buffer.allocUnsafe(2 * bytes.length);
        bytes.copy(larger, 0, 0, kept);
        bytes = larger;
      }
      const wanted = Math.min(READ_BYTES, limit - offset - kept);
      const read = readSync(file, bytes, kept, wanted, offset + kept);
      isLast = read === 0 || offset + kept + read >= limit;
      const length = kept + read;
      const done = take(bytes, length, isLast, offset);
      bytes.copyWithin(0, done, length);
      kept = length - done;
      offset += done;
    }
  } finally {
    closeSync(file);
  }
}

/** Collects what is written and writes it in large pieces. */
export class Output {
  #file;
  #bytes = Buffer.allocUnsafe(READ_BYTES);
  #length = 0;

  constructor(path) {
    this.#file = openSync(path, 'wx');
  }

  bytes(source, from, to) {
    for (let at = from; at < to; ) {
      if (this.#length === this.#bytes.length) this.#flush();
      const copied = source.copy(this.#bytes, this.#length, at, to);
      this.#length += copied;
      at += copied;
    }
  }

  /** Of Latin-1. */
  text(text) {
    if (text.length > this.#bytes.length - this.#length) {
      const source = Buffer.from(text, 'latin1');
      this.bytes(source, 0, source.length);
    } else this.#length += this.#bytes.latin1Write(text, this.#length);
  }

  close() {
    this.#flush();
    closeSync(this.#file);
  }

  #flush() {
    for (let at = 0; at < this.#length; ) at += writeSync(this.#file, this.#bytes, at, this.#length - at);
    this.#length = 0;
  }
}

/** One record with its end of line; a field is quoted where it has to be. */
export function csvLine(fields, delimiter) {
  const quoted = fields.map((field) =>
    field.includes('"') || field.includes('\n') || field.includes('\r') || field.includes(delimiter)
      ? `"${field.replaceAll('"', '""')}"`
      : field,
  );
  // A record of one empty field would be no record.
  return quoted.length === 1 && quoted[0] === '' ? '""\n' : `${quoted.join(delimiter)}\n`;
}

/** Names of the columns, of the record that is the first. */
export function headOf(record) {
  const names = record.texts();
  names[0] = names[0].replace(/^\u00ef\u00bb\u00bf/, '');
  const twice = names.find((name, n) => names.indexOf(name) !== n);
  if (twice !== undefined) throw new Refused(`two columns are called ${shown(twice)}`);
  return names;
}

/** A line that is empty is none, unless there is one column alone. */
export function isEmptyLine(record, columns) {
  if (record.count === columns) return false;
  if (record.count === 1 && record.from === record.to) return true;
  throw new Refused(`record ${record.number}: it has ${record.count} fields, and the head ${columns}`);
}

export function shown(text) {
  return JSON.stringify(Buffer.from(text, 'latin1').toString());
}
