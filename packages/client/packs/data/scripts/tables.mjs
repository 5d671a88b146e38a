/** What the shapes have in common: their parameters, and rows of CSV and JSONL files as texts by column. */
import { eachCsvRecord, eachLine, headOf, isEmptyLine, Refused, shown } from './records.mjs';

const { env } = process;

export const delimiter = env.PARAM_DELIMITER ?? ',';
export const inputs = env.WAYBILL_INPUTS ?? '';
export const outputs = env.WAYBILL_OUTPUTS ?? '';

export function param(name) {
  return env[`PARAM_${name}`] ?? '';
}

/** Of a text with commas between parts; as bytes, like all texts here. */
export function listed(text) {
  const bytes = Buffer.from(text).toString('latin1');
  return bytes.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
}

/** Runs the script of a shape; what it refuses is told without a stack. */
export function perform(act) {
  try {
    // Records are looked through byte by byte: another character is several, or none that may stand between fields.
    if (!/^[\t -!#-~]$/.test(delimiter))
      throw new Refused(
        `${JSON.stringify(delimiter)} is no delimiter: set \`delimiter\` to one character of ASCII that is no quote`,
      );
    act();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

/** Ends a reading whose first record is all that is wanted. */
const HEAD_IS_READ = Symbol('head');

export function placeOf(columns, name) {
  const place = columns.indexOf(name);
  if (place >= 0) return place;
  const known = columns.map(shown).join(', ');
  throw new Refused(`there is no column ${shown(name)}; there are ${known}`);
}

/** Calls `begin` with the columns and the head, then `each` with every record behind it and its place in the file. */
export function eachCsvRow(path, begin, each, range) {
  let columns = null;
  if (range !== undefined) {
    try {
      eachCsvRecord(path, delimiter, (record) => {
        columns = headOf(record);
        throw HEAD_IS_READ;
      });
    } catch (error) {
      if (error !== HEAD_IS_READ) throw error;
    }
    begin(columns ?? []);
  }
  eachCsvRecord(
    path,
    delimiter,
    (record, at) => {
      if (columns === null) {
        columns = headOf(record);
        begin(columns, record);
      } else if (!isEmptyLine(record, columns.length)) each(record, at);
    },
    range,
  );
  if (columns === null) throw new Refused('the table has no head');
}

/**
 * Bytes as the text that they are. Those that are no UTF-8 would be read as U+FFFD, and texts that differ as the same.
 * @param unit of which `number` is the number
 */
export function decoded(bytes, from, to, unit, number) {
  const text = bytes.utf8Slice(from, to);
  if (text.includes('\ufffd') && !Buffer.from(text).equals(bytes.subarray(from, to)))
    throw new Refused(
      `${unit} ${number}: it is no UTF-8: convert the file first, as \`iconv -f <its encoding> -t UTF-8\` does`,
    );
  return text;
}

/** How one may be written, also as one half of a pair. */
const HALF_PAIR_WRITTEN = /\\u[dD][89a-fA-F]/;
/** How JSON.stringify writes one, and nothing else. */
const HALF_PAIR = /(?<!\\)(?:\\\\)*\\ud[89a-f]/;

/** Calls `each` with every object, whose numbers are the texts that they are written as, and with its number. */
export function eachJsonRow(path, each) {
  eachLine(path, (bytes, from, to, number) => {
    const text = decoded(bytes, from, to, 'line', number);
    if (text.trim() === '') return;
    let value;
    try {
      value = JSON.parse(text, (_key, one, source) =>
        typeof one === 'number' ? new Written(source?.source ?? String(one)) : one,
      );
    } catch {
      throw new Refused(`line ${number}: it is no JSON`);
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Written)
      throw new Refused(`line ${number}: it is no object`);
    if (HALF_PAIR_WRITTEN.test(text) && HALF_PAIR.test(JSON.stringify(value)))
      throw new Refused(`line ${number}: half a surrogate pair stands in it, which is no character`);
    each(value, number, bytes, from, to);
  });
}

/** A number as it is written: no double holds all of its digits. */
export class Written {
  constructor(text) {
    this.text = text;
  }
}

/** Of a column, as the name of a member. */
export function nameOf(column) {
  return Buffer.from(column, 'latin1').toString();
}

/** What every object has is no member of it. */
export function memberOf(row, name) {
  return Object.hasOwn(row, name) ? row[name] : undefined;
}

/** A member of an object as text; nothing and null are empty. Lists and objects are JSON. */
export function textOf(value) {
  if (value === undefined || value === null) return '';
  if (value instanceof Written) return value.text;
  const text = typeof value === 'string' ? value : typeof value === 'object' ? jsonOf(value) : String(value);
  return Buffer.from(text).toString('latin1');
}

/** JSON with its numbers as they were written. */
export function jsonOf(value) {
  if (value instanceof Written) return value.text;
  if (Array.isArray(value)) return `[${value.map(jsonOf).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, one]) => `${JSON.stringify(key)}:${jsonOf(one)}`)
    .join(',')}}`;
}
