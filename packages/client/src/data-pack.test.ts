/** The scripts of the pack `data`, as blocks run them, against readers and sums that are slow and simple. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const SCRIPTS = fileURLToPath(new URL('../packs/data/scripts', import.meta.url));

interface Ran {
  exit: number | null;
  err: string;
  /** By path under outputs/. */
  outputs: Record<string, string>;
  bytes: Record<string, Buffer>;
}

function run(
  t: TestContext,
  [script = '', ...args]: string[],
  inputs: Record<string, string | Buffer>,
  params: Record<string, string | number> = {},
): Ran {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-data-pack-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const place = { inputs: join(folder, 'inputs'), outputs: join(folder, 'outputs') };
  cpSync(SCRIPTS, place.inputs, { recursive: true });
  mkdirSync(place.outputs);
  for (const [name, text] of Object.entries(inputs)) writeFileSync(join(place.inputs, name), text);
  const env = Object.fromEntries(Object.entries(params).map(([name, value]) => [`PARAM_${name}`, String(value)]));
  const { status, stderr } = spawnSync(process.execPath, [join(place.inputs, `${script}.mjs`), ...args], {
    env: { ...env, WAYBILL_INPUTS: place.inputs, WAYBILL_OUTPUTS: place.outputs },
    encoding: 'utf8',
  });
  const files = readdirSync(place.outputs, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  const paths = files.map((one) => join(one.parentPath, one.name)).sort();
  const left = paths.map((path): [string, Buffer] => [path.slice(place.outputs.length + 1), readFileSync(path)]);
  const outputs = left.map(([path, bytes]): [string, string] => [path, bytes.toString()]);
  return { exit: status, err: stderr, outputs: Object.fromEntries(outputs), bytes: Object.fromEntries(left) };
}

const aggregate = (t: TestContext, table: string | Buffer, by: string, measures: string, more: object = {}): Ran =>
  run(
    t,
    ['aggregate', 'csv', 'table.csv'],
    { 'table.csv': table },
    { BY: by, MEASURES: measures, MAX_GROUPS: 1_000, ...more },
  );
const toJson = (t: TestContext, table: string | Buffer, more: Record<string, string> = {}): Ran =>
  run(t, ['transform', 'csv', 'jsonl', 'table.csv', 'rows.jsonl'], { 'table.csv': table }, more);
const rowsOf = ({ outputs }: Ran): unknown[] =>
  (outputs['rows.jsonl'] ?? '')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

describe('data pack: CSV', () => {
  it('is read as RFC 4180 has it: quotes, line breaks in fields, CRLF, a last line without an end', (t) => {
    const table = '\ufeffname,"a ""b""",c\r\n"x, y","line 1\nline 2\r\n",é\r\n"","""",\n\r\nlast,1,2';
    assert.deepEqual(rowsOf(toJson(t, table)), [
      { name: 'x, y', 'a "b"': 'line 1\nline 2\r\n', c: 'é' },
      { name: '', 'a "b"': '"', c: '' },
      { name: 'last', 'a "b"': '1', c: '2' },
    ]);
  });

  it('is the same wherever a block of the file ends', (t) => {
    // The first block is 1 MiB: all that can be cut through lies around its end, once for each offset.
    const tricky = '"a ""quoted""\r\nfield",é,"1"\r\n';
    for (const shift of [0, 1, 2, 3, 7, 11, 12, 15, 16, 17, 23, 24, 25, 26, 27, 28, 29]) {
      const filler = `${'x'.repeat(1_048_576 - 'k,l,m\r\n'.length - ',,\r\n'.length - shift)},,\r\n`;
      const rows = rowsOf(toJson(t, `k,l,m\r\n${filler}${tricky}z,y,x\r\n`));
      assert.deepEqual(
        rows.slice(1),
        [
          { k: 'a "quoted"\r\nfield', l: 'é', m: '1' },
          { k: 'z', l: 'y', m: 'x' },
        ],
        `${shift}`,
      );
    }
  });

  for (const [what, table, says] of [
    ['a quote that is never closed', 'a,b\n"x,1\n', /record 2: a quote is opened and never closed/],
    ['a quote in the middle of a field', 'a,b\nx"y,1\n', /record 2: a quote stands in a field/],
    ['something behind a closed quote', 'a,b\n"x"y,1\n', /record 2: something stands behind/],
    ['a row that is too short', 'a,b\n1,2\n3\n', /record 3: it has 1 fields, and the head 2/],
    ['two columns of one name', 'a,a\n1,2\n', /two columns are called "a"/],
    ['nothing', '', /no head/],
  ] as const) {
    it(`is refused with ${what}, and no result is left`, (t) => {
      const { exit, err } = toJson(t, table);
      assert.equal(exit, 1);
      assert.match(err, says);
    });
  }

  it('is written so that reading it gives the same', (t) => {
    const table = 'a,b\n"x, ""y""","1\n2"\n,\n';
    const params = { COLUMNS: 'second=b,a' };
    const { outputs } = run(t, ['transform', 'csv', 'csv', 'table.csv', 'out.csv'], { 'table.csv': table }, params);
    assert.equal(outputs['out.csv'], 'second,a\n"1\n2","x, ""y"""\n,\n');
  });
});

describe('data pack: bytes', () => {
  const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
  const jsonl = (t: TestContext, [script = '', ...args]: string[], rows: string | Buffer, more: object = {}): Ran =>
    run(t, [script, 'jsonl', ...args], { 'rows.jsonl': rows }, { BY: 'g', MEASURES: 'count', MAX_GROUPS: 9, ...more });

  it('that are no UTF-8 are refused by record where CSV becomes JSONL, and are not read as another text', (t) => {
    for (const [table, number] of [
      ['name\nA\nM\xfcller\n', 3],
      ['name\n"x\ny"\n"M\xfcller"\n', 3],
      ['n\xe4me\nA\n', 1],
      ['name\n\xed\xa0\x80\n', 2],
      ['name\n\xc0\xaf\n', 2],
      ['name\nend\xc3', 2],
    ] as const) {
      const { exit, err } = toJson(t, latin1(table));
      assert.deepEqual([exit, err.includes(`record ${number}: it is no UTF-8`)], [1, true], err);
    }
    const wanted = { COLUMNS: 'b' };
    assert.deepEqual(rowsOf(toJson(t, latin1('a,b\n\xfc,1\n'), wanted)), [{ b: '1' }], 'nobody asked for it');
  });

  it('that say U+FFFD themselves are what they say', (t) => {
    assert.deepEqual(rowsOf(toJson(t, 'name\n\ufffd\n')), [{ name: '\ufffd' }]);
    const { outputs } = jsonl(t, ['aggregate', 'rows.jsonl'], '{"g":"\ufffd"}\n');
    assert.equal(outputs['result.csv'], 'g,count\n\ufffd,1\n');
  });

  it('of lines that are no UTF-8, or write half a pair of surrogates, are refused by line', (t) => {
    for (const args of [
      ['aggregate', 'rows.jsonl'],
      ['transform', 'csv', 'rows.jsonl', 'out'],
      ['transform', 'jsonl', 'rows.jsonl', 'out'],
    ])
      for (const [row, says] of [
        [latin1('{"g":"M\xfcller"}'), 'line 3: it is no UTF-8'],
        [String.raw`{"g":"\uD83D and"}`, 'line 3: half a surrogate pair'],
        [String.raw`{"g\udc00":[{"a":1}]}`, 'line 3: half a surrogate pair'],
      ] as const) {
        const { exit, err } = jsonl(t, args, Buffer.concat([Buffer.from('{"g":1}\n\n'), Buffer.from(row)]));
        assert.deepEqual([exit, err.includes(says)], [1, true], `${args}: ${err}`);
      }
    const rows = String.raw`{"g":"\ud83d\ude00 \\ud83d"}`;
    assert.equal(jsonl(t, ['aggregate', 'rows.jsonl'], rows).outputs['result.csv'], 'g,count\n😀 \\ud83d,1\n');
  });

  it('of a table stay what they are where it stays one', (t) => {
    const table = latin1('g,v\n\xfc,1\n\xfd,2\n');
    const read = (params: Record<string, string>, ...args: string[]): Buffer => {
      const { bytes } = run(t, args, { 'table.csv': table }, params);
      return bytes['out.csv'] ?? bytes['result.csv'] ?? Buffer.of();
    };
    assert.deepEqual(read({}, 'transform', 'csv', 'csv', 'table.csv', 'out.csv'), table);
    const about = { BY: 'g', MEASURES: 'sum:v', MAX_GROUPS: '9' };
    assert.deepEqual(read(about, 'aggregate', 'csv', 'table.csv'), latin1('g,sum_v\n\xfc,1\n\xfd,2\n'));
  });

  it('between fields are one of ASCII', (t) => {
    for (const DELIMITER of ['¦', '€', '"', '\n', '']) {
      const { exit, err } = toJson(t, `a${DELIMITER}b\n1${DELIMITER}2\n`, { DELIMITER });
      assert.deepEqual([exit, err.includes(`${JSON.stringify(DELIMITER)} is no delimiter`)], [1, true], err);
    }
    for (const DELIMITER of ['\t', ';', '|', ' '])
      assert.deepEqual(rowsOf(toJson(t, `a${DELIMITER}b\n1${DELIMITER}2\n`, { DELIMITER })), [{ a: '1', b: '2' }]);
  });
});

describe('data pack: aggregates', () => {
  it('are exact where floating point is not', (t) => {
    const values = ['0.1', '0.2', '9007199254740993', '-0.30', '1e-3', '123456789012345678901234567890.5', ''];
    const { outputs, err } = aggregate(t, `v\n${values.join('\n')}\n`, '', 'count,sum:v,min:v,max:v');
    const sum = '123456789012354686100489308883.501';
    assert.equal(
      outputs['result.csv'],
      `count,sum_v,min_v,max_v\n7,${sum},-0.3,123456789012345678901234567890.5\n`,
      err,
    );
  });

  it('are sorted by their groups, whose values may hold anything', (t) => {
    const table = 'g,h,v\nb,"x,y",1\na,"q""",2\nb,"x,y",3\n';
    assert.equal(
      aggregate(t, table, 'g,h', 'count,sum:v').outputs['result.csv'],
      'g,h,count,sum_v\na,"q""",1,2\nb,"x,y",2,4\n',
    );
  });

  it('are of other groups where values differ, also in where they hold NUL or what stands between them', (t) => {
    const table = 'g,h\na\0b,c\na,b\0c\na\0b,c\n1:a,b\n1,:ab\n';
    const groups = 'g,h,count\n1,:ab,1\n1:a,b,1\na,b\0c,1\na\0b,c,2\n';
    assert.equal(aggregate(t, table, 'g,h', 'count').outputs['result.csv'], groups);
    assert.equal(aggregate(t, 'g\na\0b\n', 'g', 'count').outputs['result.csv'], 'g,count\na\0b,1\n');
    const rows = String.raw`{"g":"a\u0000b","h":"c"}
{"g":"a","h":"b\u0000c"}
{"h":"b\u0000c","g":"a"}`;
    const params = { BY: 'g,h', MEASURES: 'count', MAX_GROUPS: 9 };
    const { outputs } = run(t, ['aggregate', 'jsonl', 'rows.jsonl'], { 'rows.jsonl': rows }, params);
    assert.equal(outputs['result.csv'], 'g,h,count\na,b\0c,2\na\0b,c,1\n');
    const parts = { 'results.001': groups, 'results.002': 'g,h,count\na,b\0c,4\n' };
    const combined = run(t, ['aggregate', 'parts', 'results'], parts, params).outputs['result.csv'];
    assert.equal(combined, groups.replace('b\0c,1', 'b\0c,5'));
  });

  it('are of one group, and one row, where nothing makes groups', (t) => {
    for (const [table, count] of [
      ['v\n1\n2\n', 2],
      ['v\n', 0],
    ] as const)
      assert.equal(aggregate(t, table, '', 'count').outputs['result.csv'], `count\n${count}\n`);
  });

  it('of objects have no members but their own', (t) => {
    const rows = '{"v":1}\n{"toString":"own","constructor":2}\n{"__proto__":"p"}\n';
    const ranWith = (script: string[], params: Record<string, string>): Ran =>
      run(t, script, { 'rows.jsonl': rows }, { MAX_GROUPS: 9, ...params });
    const about = { BY: 'toString,__proto__', MEASURES: 'count,sum:constructor' };
    const { outputs, err } = ranWith(['aggregate', 'jsonl', 'rows.jsonl'], about);
    const groups = 'toString,__proto__,count,sum_constructor\n,,1,0\n,p,1,0\nown,,1,2\n';
    assert.equal(outputs['result.csv'], groups, err);
    const picked = ranWith(['transform', 'jsonl', 'jsonl', 'rows.jsonl', 'out'], { COLUMNS: 'toString,valueOf=v' });
    assert.equal(picked.outputs.out, '{"valueOf":1}\n{"toString":"own"}\n{}\n');
    const found = ranWith(['transform', 'jsonl', 'csv', 'rows.jsonl', 'out'], { COLUMNS: 'v', WHERE: 'toString =' });
    assert.equal(found.outputs.out, 'v\n1\n""\n');
  });

  for (const [what, table, by, measures, says, more] of [
    ['what is no number', 'v\n1\nx\n', '', 'sum:v', /row 3: "x" in "v" is no number/, {}],
    ['a column that is not there', 'v\n1\n', 'w', 'count', /no column "w"; there are "v"/, {}],
    ['a measure that there is none of', 'v\n1\n', '', 'mean:v', /"mean:v" is no measure/, {}],
    ['more groups than it may hold', 'v\n1\n2\n3\n', 'v', 'count', /more than 2 groups/, { MAX_GROUPS: 2 }],
  ] as const) {
    it(`fail for ${what}`, (t) => {
      const { exit, err } = aggregate(t, table, by, measures, more);
      assert.deepEqual([exit, says.test(err)], [1, true], err);
    });
  }

  it('of objects are of the digits that were written', (t) => {
    const rows = '{"g":"a","v":9007199254740993}\n{"g":"a","v":0.10}\n\n{"g":"b"}\n';
    const params = { BY: 'g', MEASURES: 'count,sum:v', MAX_GROUPS: 9 };
    const { outputs } = run(t, ['aggregate', 'jsonl', 'rows.jsonl'], { 'rows.jsonl': rows }, params);
    assert.equal(outputs['result.csv'], 'g,count,sum_v\na,2,9007199254740993.1\nb,1,0\n');
  });
});

describe('data pack: parts', () => {
  const table = `id,note,v\n${Array.from({ length: 1_000 }, (_, n) => `${n % 7},"a\n""${n}""",${n}.5`).join('\n')}`;
  const measures = { BY: 'id', MEASURES: 'count,sum:v,max:v', MAX_GROUPS: 9 };

  it('hold every row once, with the head, and add up to the whole', (t) => {
    const { outputs } = run(t, ['split', 'csv', 'table.csv', 'files'], { 'table.csv': table }, { ROWS: 300 });
    assert.deepEqual(
      Object.keys(outputs),
      ['001', '002', '003', '004'].map((n) => `parts/part-${n}.csv`),
    );
    assert.equal(
      Object.values(outputs)
        .map((part) => part.replace('id,note,v\n', ''))
        .join(''),
      `${table.slice(10)}\n`,
    );
    const each = Object.values(outputs).map((part) =>
      run(t, ['aggregate', 'csv', 'table.csv'], { 'table.csv': part }, measures),
    );
    const inputs = Object.fromEntries(
      each.map(({ outputs: { 'result.csv': result = '' } }, n) => [`results.00${n + 1}`, result]),
    );
    const whole = aggregate(t, table, measures.BY, measures.MEASURES).outputs;
    assert.deepEqual(run(t, ['aggregate', 'parts', 'results'], inputs, measures).outputs, whole);
  });

  it('may be places in the table, which add up to the whole too', (t) => {
    const { outputs } = run(t, ['split', 'csv', 'table.csv', 'ranges'], { 'table.csv': table }, { ROWS: 300 });
    const ranges = Object.values(outputs).map((text) => JSON.parse(text) as { from: number; to: number; rows: number });
    assert.deepEqual(
      ranges.map(({ rows }) => rows),
      [300, 300, 300, 100],
    );
    assert.deepEqual([ranges[0]?.from, ranges[3]?.to], [10, Buffer.byteLength(table)]);
    const each = Object.values(outputs).map((range) => aggregateOf(t, range));
    const inputs = Object.fromEntries(
      each.map(({ outputs: { 'result.csv': result = '' } }, n) => [`results.00${n + 1}`, result]),
    );
    const whole = aggregate(t, table, measures.BY, measures.MEASURES).outputs;
    assert.deepEqual(run(t, ['aggregate', 'parts', 'results'], inputs, measures).outputs, whole);
  });

  function aggregateOf(t: TestContext, range: string): Ran {
    return run(t, ['aggregate', 'csv', 'table.csv'], { 'table.csv': table, 'range.json': range }, measures);
  }

  it('are no more than an attempt can hand on', (t) => {
    const { exit, err } = run(t, ['split', 'csv', 'table.csv', 'files'], { 'table.csv': table }, { ROWS: 3 });
    assert.deepEqual([exit, /raise `rows`/.test(err)], [1, true]);
  });

  it('of lines are lines', (t) => {
    const { outputs } = run(t, ['split', 'jsonl', 'rows.jsonl', 'files'], { 'rows.jsonl': '{}\n[]\n1' }, { ROWS: 2 });
    assert.deepEqual(outputs, { 'parts/part-001.jsonl': '{}\n[]\n', 'parts/part-002.jsonl': '1\n' });
  });
});

describe('data pack: transforms', () => {
  it('keep the rows that are wanted, numbers compared as numbers', (t) => {
    const table = 'region,amount\nnorth,10.5\nnorth,9\nsouth,100\n';
    const where = { WHERE: 'region = north; amount >= 10.50' };
    assert.deepEqual(rowsOf(toJson(t, table, where)), [{ region: 'north', amount: '10.5' }]);
    assert.deepEqual(rowsOf(toJson(t, table, { WHERE: 'region != north', COLUMNS: 'a=amount' })), [{ a: '100' }]);
  });

  it('make a table of objects, and keep lists and numbers as they were written', (t) => {
    const rows = '{"a":1.50,"b":[1,{"c":2.0}],"d":null}\n{"b":"x, y","a":true}\n';
    const jsonl = { 'rows.jsonl': rows };
    const { outputs } = run(t, ['transform', 'jsonl', 'csv', 'rows.jsonl', 'out.csv'], jsonl);
    assert.equal(outputs['out.csv'], 'a,b,d\n1.50,"[1,{""c"":2.0}]",\ntrue,"x, y",\n');
    const same = run(t, ['transform', 'jsonl', 'jsonl', 'rows.jsonl', 'out'], jsonl, { COLUMNS: 'b,z=a' });
    assert.equal(same.outputs.out, '{"b":[1,{"c":2.0}],"z":1.50}\n{"b":"x, y","z":true}\n');
  });
});
