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
  outputs,
  param,
  perform,
  placeOf,
  textOf,
} from './tables.mjs';

const KINDS = { sum: () => new Sum(), min: () => new Extreme(-1), max: () => new Extreme(1) };
/** Between the values of a group: no text holds it twice by chance, and none is taken for two. */
const BETWEEN = '\u0000';

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

function groupOf(key) {
  const known = groups.get(key);
  if (known !== undefined) return known;
  if (groups.size >= mostGroups) throw new Refused(`there are more than ${mostGroups} groups: raise \`max_groups\``);
  const values = measures.map(({ kind }) => (kind === 'count' ? new Sum() : KINDS[kind]()));
  const group = { rows: 0, values };
  groups.set(key, group);
  return group;
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
      for (let n = 1; n < keys.length; n += 1) key += BETWEEN + record.text(keys[n]);
      if (key !== lastKey) {
        lastGroup = groupOf(key);
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
  eachJsonRow(path, (row, number) => {
    const member = (column) => textOf(row[Buffer.from(column, 'latin1').toString()]);
    const group = groupOf(by.map(member).join(BETWEEN));
    group.rows += 1;
    measures.forEach((measure, n) => {
      if (measure.kind === 'count') return;
      const bytes = Buffer.from(member(measure.column), 'latin1');
      take(group.values[n], measure, bytes, 0, bytes.length, number);
    });
  });
}

function write() {
  const output = new Output(join(outputs, 'result.csv'));
  output.text(csvLine([...by, ...measures.map(({ name }) => name)], delimiter));
  if (by.length === 0) groupOf('');
  for (const key of [...groups.keys()].sort()) {
    const { rows, values } = groups.get(key);
    const own = measures.map(({ kind }, n) =>
      kind === 'count' && format !== 'parts' ? String(rows) : values[n].text(),
    );
    output.text(csvLine([...(by.length === 0 ? [] : key.split(BETWEEN)), ...own], delimiter));
  }
  output.close();
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
