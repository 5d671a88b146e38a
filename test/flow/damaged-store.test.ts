/** A store whose bytes were written over: what a person is told of it, and that nothing of it is thrown away. */
import assert from 'node:assert/strict';
import {
  closeSync,
  cpSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { runProgram } from '../../packages/cli/src/program.ts';
import { openFlowBed } from '../support/embedded-flow.ts';
import { finished, SUCCEEDED } from '../support/finished-run.ts';
import { itemsOf, runOf } from '../support/run-spec.ts';

const execute = () => SUCCEEDED;
const GARBAGE = Buffer.alloc(5_000, 'no database ');
const scratch = mkdtempSync(join(tmpdir(), 'waybill-damaged-'));
const whole = join(scratch, 'whole');
after(() => rmSync(scratch, { recursive: true }));

before(async () => {
  const bed = await openFlowBed({ directory: whole, execute });
  bed.submit('s', runOf(itemsOf('i', 40)));
  await finished(bed, 's');
  await bed.halt();
});

async function waybill(...args: string[]): Promise<{ exit: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const sink = (name: 'out' | 'err') => ({
    write: (chunk: string | Uint8Array) => {
      said[name] += String(chunk);
      return true;
    },
  });
  const interruption = () => new AbortController().signal;
  const exit = await runProgram(args, { out: sink('out'), err: sink('err'), env: process.env, interruption });
  return { exit, ...said };
}

/** A copy of the state directory of an engine that has ended, its store changed by the test. */
function copyWith(name: string, change: (store: string) => void): { directory: string; store: string } {
  const directory = join(scratch, name);
  cpSync(whole, directory, { recursive: true });
  const store = join(directory, 'store.sqlite');
  change(store);
  return { directory, store };
}

/** Writes over the second half of the file: the first pages, which every start reads, stay. */
function breakLastPages(store: string): void {
  const { size } = statSync(store);
  const file = openSync(store, 'r+');
  writeSync(file, Buffer.alloc(Math.floor(size / 2), 0x5a), 0, undefined, Math.ceil(size / 2));
  closeSync(file);
}

/** A row that SQLite can read and that no store has written. */
function breakRow(store: string): void {
  const database = new DatabaseSync(store);
  const { changes } = database.prepare("UPDATE rows SET body = '{' WHERE sk = (SELECT max(sk) FROM rows)").run();
  database.close();
  assert.ok(Number(changes) > 0);
}

describe('damaged store', () => {
  it('submit names the file and `waybill recover`, which keeps it aside and goes on from the ledger', async () => {
    const { directory, store } = copyWith('garbage', (file) => writeFileSync(file, GARBAGE));
    const spec = join(scratch, 'waybill.yaml');
    assert.equal((await waybill('init', scratch)).exit, 0);
    const refused = await waybill('submit', spec, '--dir', directory);
    assert.equal(refused.exit, 5, refused.err);
    const { problem, fix } = JSON.parse(refused.err).error;
    assert.ok(problem.includes(`${store}: is damaged`), problem);
    assert.match(fix, /`waybill recover`/);
    const recovered = await waybill('recover', '--dir', directory);
    assert.equal(recovered.exit, 0, recovered.err);
    const { reason, kept, sealed, lost } = JSON.parse(recovered.out);
    assert.deepEqual([reason, sealed, lost], ['damaged', 1, []]);
    assert.deepEqual(readFileSync(join(directory, kept)), GARBAGE);
    const bed = await openFlowBed({ directory, execute });
    bed.submit('after', runOf([{ id: 'x' }]));
    await finished(bed, 'after');
    await bed.halt();
  });

  for (const [what, breaks] of Object.entries({ 'pages that no start reads': breakLastPages, 'a row': breakRow })) {
    it(`${what}: recover finds the damage, and makes a store that is sound`, async () => {
      const { directory } = copyWith(what.replaceAll(' ', '-'), breaks);
      const recovered = await waybill('recover', '--dir', directory);
      assert.equal(recovered.exit, 0, recovered.err);
      assert.equal(JSON.parse(recovered.out).reason, 'damaged');
      const again = await waybill('recover', '--dir', directory);
      assert.match(again.err, /the store agrees with the ledger/);
    });
  }

  it('without a ledger to go on from, the damaged file stays where it is', async () => {
    const { directory, store } = copyWith('no-ledger', (file) => writeFileSync(file, GARBAGE));
    rmSync(join(directory, 'ledger'), { recursive: true });
    const refused = await waybill('recover', '--dir', directory);
    assert.match(refused.err, /the ledger holds no log/);
    assert.deepEqual(readFileSync(store), GARBAGE);
  });

  it('while an engine says that it works there, a store that was put in its place is not touched', async () => {
    const { directory, store } = copyWith('running', (file) => writeFileSync(file, GARBAGE));
    const notice = { pid: process.pid, startedAt: new Date().toISOString(), ready: true, isolation: '', detail: '' };
    writeFileSync(join(directory, 'engine.json'), JSON.stringify(notice));
    const refused = await waybill('recover', '--dir', directory);
    assert.deepEqual([refused.exit, JSON.parse(refused.err).error.code], [5, 'ENGINE_RUNNING']);
    assert.deepEqual(readFileSync(store), GARBAGE);
  });

  it('a store that cannot be opened for another reason is not called damaged', async () => {
    const { directory, store } = copyWith('directory', (file) => {
      rmSync(file);
      cpSync(join(whole, 'keys'), file, { recursive: true });
    });
    const { err } = await waybill('recover', '--dir', directory);
    const { code, path, problem } = JSON.parse(err).error;
    assert.deepEqual([code, path], ['STORE_FAILED', store]);
    assert.match(problem, /cannot be opened/);
  });
});
