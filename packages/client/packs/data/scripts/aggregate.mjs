/**
 * aggregate.mjs <csv|jsonl|parts> <input>: rows by their values in some columns, with counts, exact sums, least and greatest. `parts`:
 * several of its own results as one.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Extreme, read, Sum } from './decimals.mjs';
import { csvLine, Output, Refused, shown } from './records.mjs';
import {
  delimiter,
  eachCsvRow,
  eachJsonRow,
  inputs,
  listed,
  memberOf,
  nameOf,
  outputs,
  param,
  perform,
  placeOf,
  textOf,
} from './tables.mjs';

const KINDS = { sum: () => new Sum(), min: () => new Extreme(-1), max: () => new Extreme(1) };
const [, , format, input] = process.argv;
const by = listed(param('BY'));
const measures = listed(param('MEASURES')).map((written) => {
  if (written === 'count') return { name: 'count', kind: 'count', column: '' };
  const [, kind = '', column = ''] = /^(sum|min|max):(.+)$/s.exec(written) ?? [];
  if (kind === '')
    throw new Refused(`${shown(written)} is no measure: write count, sum:<column>, min:<column> or max:<column>`);
  return { name: `${kind}_${column}`, kind, column };
});
const mostGroups = Number(param('MAX_GROUPS'));
const groups = new Map();

/** @param fields what stands in the columns that make the group */
function newGroup(key, fields) {
  if (groups.size >= mostGroups) throw new Refused(`there are more than ${mostGroups} groups: raise \`max_groups\``);
  const values = measures.map(({ kind }) => (kind === 'count' ? new Sum() : KINDS[kind]()));
  const group = { fields, rows: 0, values };
  groups.set(key, group);
  return group;
}

/** Another one for other values, whatever these hold: the length before it says where the last value begins. */
function keyWith(key, value) {
  return `${key.length}:${key}${value}`;
}

function take(value, measure, bytes, from, to, number) {
  if (from === to) return;
  if (!read(bytes, from, to)) {
    const text = shown(bytes.latin1Slice(from, Math.min(to, from + 80)));
    throw new Refused(`row ${number}: ${text} in ${shown(measure.column)} is no number`);
  }
  value.add();
}

/** Rows of a table; in results of this script a measure has a column of its own, and counts are added up. */
function addCsv(path, areResults, range) {
  let [keys, places] = [[], []];
  let [lastKey, lastGroup] = [null, null];
  eachCsvRow(
    path,
    (columns) => {
      keys = by.map((name) => placeOf(columns, name));
      places = measures.map(({ name, kind, column }) =>
        areResults ? placeOf(columns, name) : kind === 'count' ? -1 : placeOf(columns, column),
      );
    },
    (record) => {
      let key = keys.length === 0 ? '' : record.text(keys[0]);
      for (let n = 1; n < keys.length; n += 1) key = keyWith(key, record.text(keys[n]));
      if (key !== lastKey) {
        lastGroup = groups.get(key) ?? newGroup(key, keys.length === 1 ? [key] : keys.map((at) => record.text(at)));
        lastKey = key;
      }
      lastGroup.rows += 1;
      for (let n = 0; n < places.length; n += 1)
        if (places[n] >= 0)
          take(
            lastGroup.values[n],
            measures[n],
            record.bytes,
            record.starts[places[n]],
            record.ends[places[n]],
            record.number,
          );
    },
    range,
  );
}

function addJsonl(path) {
  const keys = by.map(nameOf);
  const names = measures.map(({ column }) => nameOf(column));
  eachJsonRow(path, (row, number) => {
    const fields = keys.map((name) => textOf(memberOf(row, name)));
    const key = fields.length === 0 ? '' : fields.reduce(keyWith);
    const group = groups.get(key) ?? newGroup(key, fields);
    group.rows += 1;
    measures.forEach((measure, n) => {
      if (measure.kind === 'count') return;
      const bytes = Buffer.from(textOf(memberOf(row, names[n])), 'latin1');
      take(group.values[n], measure, bytes, 0, bytes.length, number);
    });
  });
}

function write() {
  const output = new Output(join(outputs, 'result.csv'));
  output.text(csvLine([...by, ...measures.map(({ name }) => name)], delimiter));
  if (by.length === 0 && groups.size === 0) newGroup('', []);
  for (const { fields, rows, values } of [...groups.values()].sort(byFields)) {
    const own = measures.map(({ kind }, n) =>
      kind === 'count' && format !== 'parts' ? String(rows) : values[n].text(),
    );
    output.text(csvLine([...fields, ...own], delimiter));
  }
  output.close();
}

function byFields(left, right) {
  const n = left.fields.findIndex((field, at) => field !== right.fields[at]);
  return n < 0 ? 0 : left.fields[n] < right.fields[n] ? -1 : 1;
}

perform(() => {
  const range = join(inputs, 'range.json');
  if (format === 'jsonl') addJsonl(join(inputs, input));
  else if (format === 'parts')
    for (const name of readdirSync(inputs).sort()) {
      if (name.startsWith(`${input}.`)) addCsv(join(inputs, name), true);
    }
  else addCsv(join(inputs, input), false, existsSync(range) ? JSON.parse(readFileSync(range, 'utf8')) : undefined);
  write();
  process.stdout.write(`${groups.size} groups\n`);
});
