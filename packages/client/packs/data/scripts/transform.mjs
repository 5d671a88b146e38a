/** transform.mjs <from> <to> <input> <output>: rows that are wanted, with the columns that are wanted, as CSV or JSONL. */
import { join } from 'node:path';
import { compared } from './decimals.mjs';
import { csvLine, Output, Refused, shown } from './records.mjs';
import {
  decoded,
  delimiter,
  eachCsvRow,
  eachJsonRow,
  inputs,
  jsonOf,
  listed,
  memberOf,
  nameOf,
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
        each(
          places.map((place) => record.text(place)),
          record.number,
        );
    },
  );
}

/** Columns are those of the first row unless they are named. */
function fromJsonl(begin, each) {
  let all = picked.length > 0 ? picked : null;
  const asked = tests.map(({ column }) => nameOf(column));
  let wanted = (all ?? []).map(({ column }) => nameOf(column));
  if (all !== null) begin(all.map(({ name }) => name));
  eachJsonRow(join(inputs, input), (row) => {
    if (all === null) {
      wanted = Object.keys(row);
      all = wanted.map((key) => Buffer.from(key).toString('latin1')).map((name) => ({ name, column: name }));
      begin(all.map(({ name }) => name));
    }
    if (tests.every(({ holds, wanted: value }, n) => holds(textOf(memberOf(row, asked[n])), value)))
      each(wanted.map((name) => memberOf(row, name)));
  });
  if (all === null) begin([]);
}

/** @param number of the record in which it stands */
function asJson(text, number) {
  const bytes = Buffer.from(text, 'latin1');
  return JSON.stringify(decoded(bytes, 0, bytes.length, 'record', number));
}

perform(() => {
  const output = new Output(join(outputs, outputName));
  let [names, rows] = [[], 0];
  const begin = (columns) => {
    if (to === 'jsonl') names = columns.map((name) => asJson(name, 1));
    if (to === 'csv') output.text(csvLine(columns, delimiter));
  };
  const each = (values, number) => {
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
      return [`${names[n]}:${from === 'csv' ? asJson(value, number) : jsonOf(value)}`];
    });
    output.text(Buffer.from(`{${members.join(',')}}\n`).toString('latin1'));
  };
  (from === 'csv' ? fromCsv : fromJsonl)(begin, each);
  output.close();
  process.stdout.write(`${rows} rows\n`);
});
