/** transform.mjs <from> <to> <input> <output>: rows that are wanted, with the columns that are wanted, as CSV or JSONL. */
import { join } from 'node:path';
import { compared } from './decimals.mjs';
import { csvLine, Output, Refused, shown } from './records.mjs';
import {
  delimiter,
  eachCsvRow,
  eachJsonRow,
  inputs,
  jsonOf,
  listed,
  outputs,
  param,
  perform,
  placeOf,
  textOf,
} from './tables.mjs';

const [, , from, to, input, outputName] = process.argv;
/** `new=old`, or a name that stays. */
const picked = listed(param('COLUMNS')).map((written) => {
  const [, name = written, column = written] = /^([^=]+)=(.+)$/s.exec(written) ?? [];
  return { name, column };
});
const HOLDS = {
  '=': (value, wanted) => value === wanted,
  '!=': (value, wanted) => value !== wanted,
  '<': (value, wanted) => compared(value, wanted) === -1,
  '<=': (value, wanted) => [-1, 0].includes(compared(value, wanted)),
  '>': (value, wanted) => compared(value, wanted) === 1,
  '>=': (value, wanted) => [0, 1].includes(compared(value, wanted)),
};
const tests = Buffer.from(param('WHERE'))
  .toString('latin1')
  .split(';')
  .flatMap((written) => {
    if (written.trim() === '') return [];
    const [, column, operator, wanted] = /^\s*(.+?)\s*(!=|<=|>=|=|<|>)(.*)$/s.exec(written) ?? [];
    if (column === undefined) throw new Refused(`${shown(written)} is no condition: write <column> = <value>`);
    return [{ column, holds: HOLDS[operator], wanted: wanted.trim() }];
  });

function fromCsv(begin, each) {
  let [asked, places] = [[], []];
  eachCsvRow(
    join(inputs, input),
    (columns) => {
      asked = tests.map(({ column }) => placeOf(columns, column));
      const all = picked.length > 0 ? picked : columns.map((name) => ({ name, column: name }));
      places = all.map(({ column }) => placeOf(columns, column));
      begin(all.map(({ name }) => name));
    },
    (record) => {
      if (tests.every(({ holds, wanted }, n) => holds(record.text(asked[n]), wanted)))
        each(places.map((place) => record.text(place)));
    },
  );
}

/** Columns are those of the first row unless they are named. */
function fromJsonl(begin, each) {
  let all = picked.length > 0 ? picked : null;
  const keyOf = (column) => Buffer.from(column, 'latin1').toString();
  if (all !== null) begin(all.map(({ name }) => name));
  eachJsonRow(join(inputs, input), (row) => {
    if (all === null) {
      all = Object.keys(row)
        .map((key) => Buffer.from(key).toString('latin1'))
        .map((name) => ({ name, column: name }));
      begin(all.map(({ name }) => name));
    }
    if (tests.every(({ column, holds, wanted }) => holds(textOf(row[keyOf(column)]), wanted)))
      each(all.map(({ column }) => row[keyOf(column)]));
  });
  if (all === null) begin([]);
}

perform(() => {
  const output = new Output(join(outputs, outputName));
  let [names, rows] = [[], 0];
  const begin = (columns) => {
    names = columns.map((name) => JSON.stringify(Buffer.from(name, 'latin1').toString()));
    if (to === 'csv') output.text(csvLine(columns, delimiter));
  };
  const each = (values) => {
    rows += 1;
    if (to === 'csv')
      return output.text(
        csvLine(
          values.map((value) => (from === 'csv' ? value : textOf(value))),
          delimiter,
        ),
      );
    const members = values.flatMap((value, n) => {
      if (value === undefined) return [];
      return [
        `${names[n]}:${from === 'csv' ? JSON.stringify(Buffer.from(value, 'latin1').toString()) : jsonOf(value)}`,
      ];
    });
    output.text(Buffer.from(`{${members.join(',')}}\n`).toString('latin1'));
  };
  (from === 'csv' ? fromCsv : fromJsonl)(begin, each);
  output.close();
  process.stdout.write(`${rows} rows\n`);
});
