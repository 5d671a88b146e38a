/** split.mjs <csv|jsonl> <input> <rows|ranges>: a table as parts of so many rows, or the places of such parts in it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eachLine, Output, Refused } from './records.mjs';
import { eachCsvRow, inputs, outputs, param, perform } from './tables.mjs';

/** What an attempt hands on, with room for others. */
const MOST_PARTS = 280;

const [, , format, input, as] = process.argv;
const rows = Number(param('ROWS'));
const path = join(inputs, input);
const folder = join(outputs, 'parts');
let parts = 0;

function nextName(extension) {
  parts += 1;
  if (parts > MOST_PARTS)
    throw new Refused(`with ${rows} rows each there are more than ${MOST_PARTS} parts: raise \`rows\``);
  return join(folder, `part-${String(parts).padStart(3, '0')}.${extension}`);
}

function intoFiles() {
  let [output, inPart] = [null, 0];
  const next = () => {
    if (output !== null && inPart < rows) return output;
    output?.close();
    output = new Output(nextName(format));
    inPart = 0;
    return output;
  };
  let head = Buffer.alloc(0);
  const put = (bytes, from, to) => {
    const isFirst = output === null || inPart >= rows;
    const file = next();
    if (isFirst) file.bytes(head, 0, head.length);
    file.bytes(bytes, from, to);
    inPart += 1;
  };
  if (format === 'jsonl')
    eachLine(path, (bytes, from, to) => {
      put(bytes, from, to);
      output.text('\n');
    });
  else
    eachCsvRow(
      path,
      (_columns, record) => {
        head = Buffer.from(`${record.bytes.latin1Slice(record.from, record.to)}\n`, 'latin1');
      },
      (record) => {
        put(record.bytes, record.from, record.end);
        if (record.bytes[record.end - 1] !== 0x0a) output.text('\n');
      },
    );
  if (output === null) next().bytes(head, 0, head.length);
  output.close();
}

/** Of each part, the bytes that it takes in the table: nothing is copied. */
function intoRanges() {
  let [from, to, inPart] = [0, 0, 0];
  const write = () =>
    writeFileSync(nextName('json'), `${JSON.stringify({ from, to, rows: inPart })}\n`, { flag: 'wx' });
  eachCsvRow(
    path,
    () => {},
    (record, at) => {
      if (inPart === rows) {
        write();
        inPart = 0;
      }
      if (inPart === 0) from = at;
      inPart += 1;
      to = at + record.end - record.from;
    },
  );
  if (inPart > 0 || parts === 0) write();
}

perform(() => {
  mkdirSync(folder, { recursive: true });
  if (as === 'ranges') intoRanges();
  else intoFiles();
  process.stdout.write(`${parts} parts\n`);
});
