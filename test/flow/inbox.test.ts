/** Submissions: one object becomes one run or one answer, and what is wrong with one never reaches another. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type FlowBed, PRINCIPAL, putInbox } from '../support/embedded-flow.ts';
import { finished, Gate, pause, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

const ONE_ITEM = runOf([{ id: 'x' }]);

describe('flow: inbox', { concurrency: true }, () => {
  it('the same submission twenty times is one run, executed once, with one receipt', async () => {
    const executed: string[] = [];
    await withBed(
      {
        execute(job) {
          executed.push(job.attemptId);
          return SUCCEEDED;
        },
      },
      async (bed) => {
        for (let n = 0; n < 20; n += 1) {
          bed.submit('s', ONE_ITEM);
          if (n % 3 === 0) await pause(3);
        }
        const { events } = await finished(bed, 's');
        await bed.until(async () => (await bed.deps.inbox.list({ limit: 1 })).length === 0);
        assert.equal(executed.length, 1);
        assert.equal(eventsOf(events, 'run.opened').length, 1);
        assert.deepEqual(
          bed.receipts('s').map(({ status }) => status),
          ['accepted'],
        );
      },
    );
  });

  it('other content under the same id is a conflict with a receipt of its own, and the first run goes on', async () => {
    const released = new Gate();
    await withBed({ execute: () => released.opened.then(() => SUCCEEDED) }, async (bed) => {
      const run = bed.submit('s', ONE_ITEM);
      await bed.until(() => bed.receipts('s')[0]);
      await bed.until(async () => (await bed.deps.inbox.list({ limit: 1 })).length === 0);
      bed.submit('s', runOf([{ id: 'other' }]));
      const receipts = await bed.until(() => (bed.receipts('s').length === 2 ? bed.receipts('s') : null));
      const conflict = receipts.find(({ status }) => status === 'conflict');
      assert.deepEqual([conflict?.reasons[0]?.code, conflict?.run], ['SUBMISSION_CONFLICT', run]);
      released.open();
      const { status } = await bed.sealed('s').catch(() => ({ status: bed.status('s') }));
      await bed.until(() => bed.status('s')?.bundle);
      assert.deepEqual(
        bed.status('s')?.items.map(({ id, state }) => [id, state]),
        [['x', 'done']],
      );
      assert.equal(status?.run, run);
    });
  });

  it('no run is opened under a name that commands take for another one', async () => {
    await withBed({ execute: () => SUCCEEDED }, async (bed) => {
      const run = bed.submit('latest', ONE_ITEM);
      const { status, reasons } = await bed.until(() => bed.receipts('latest')[0]);
      assert.deepEqual([status, reasons[0]?.code, reasons[0]?.path], ['invalid', 'KEY_INVALID', 'submissionId']);
      assert.equal(await bed.runRow(run), null);
    });
  });

  it('a queue that does not exist and a queue that is not the one of the spec are refused by name', async () => {
    await withBed({ execute: () => SUCCEEDED }, async (bed) => {
      bed.submit('nowhere', runOf([{ id: 'x' }], { queue: 'nowhere' }), 'nowhere');
      bed.submit('mixed', runOf([{ id: 'x' }], { queue: 'default' }), 'another');
      for (const id of ['nowhere', 'mixed']) {
        const receipt = await bed.until(() => bed.receipts(id)[0]);
        assert.deepEqual(
          [receipt.status, receipt.reasons[0]?.code, receipt.run],
          ['invalid', 'QUEUE_UNKNOWN', undefined],
        );
      }
    });
  });

  it('a hundred hostile objects are all answered and set aside, and twenty good ones among them all run', async () => {
    const executed = new Set<string>();
    await withBed(
      {
        execute(job) {
          executed.add(job.run);
          return SUCCEEDED;
        },
      },
      async (bed) => {
        const folder = join(bed.directory, 'inbox', 'default', PRINCIPAL);
        mkdirSync(folder, { recursive: true });
        let planted = 0;
        for (let n = 0; n < 20; n += 1) {
          planted += plant(bed, folder, n);
          bed.submit(`good-${n}`, ONE_ITEM);
        }
        assert.ok(planted >= 100, `${planted} planted`);
        // Each has its ten seconds: one costs some 25 calls of the disk one after another, and all together exceed a
        // limit for one.
        for (let left = planted + 20; left > 0; ) {
          const { length } = await bed.until(async () => {
            const waiting = await bed.deps.inbox.list({ limit: 500 });
            return waiting.length < left || waiting.length === 0 ? waiting : null;
          });
          left = length;
        }
        await bed.until(() => executed.size === 20);
        assert.deepEqual(bed.errors, []);
        const setAside = filesUnder(join(bed.directory, 'quarantine'));
        assert.equal(setAside, planted, 'each is kept for the operator');
        for (let n = 0; n < 20; n += 1) await finished(bed, `good-${n}`);
        const refused = filesNamed(join(bed.directory, 'outbox'), 'receipt-') - 20;
        assert.equal(refused, planted, 'each is answered');
        const outside = readFileSync(join(bed.directory, 'outside.txt'), 'utf8');
        assert.equal(outside, 'untouched', 'a link is set aside, never what it points to');
      },
    );
  });
});

/** One round of everything that no honest client writes. Resolves with how many objects that were. */
function plant(bed: FlowBed, folder: string, n: number): number {
  writeFileSync(join(bed.directory, 'outside.txt'), 'untouched');
  const valid = ONE_ITEM as { spec: object };
  const contents: [string, string | Uint8Array][] = [
    ['text', 'not json'],
    ['object', `{}${' '.repeat(n)}`],
    ['null', 'null'],
    ['number', '1e999'],
    ['types', JSON.stringify({ ...valid, spec: { items: 'all', queue: 5 } })],
    ['proto', '{"__proto__":{"x":1},"constructor":null}'],
  ];
  const extra: [string, string | Uint8Array][] = [
    ['large', Buffer.alloc(5 * 1024 * 1024, 0x20)],
    ['deep', '['.repeat(200_000)],
    ['cycle', JSON.stringify(runOf([{ id: 'a', dependsOn: ['a'] }]))],
    ['utf8', Uint8Array.of(0xff, 0xfe, 0x22)],
    ['empty', ''],
  ];
  for (const [name, text] of n === 0 ? [...contents, ...extra] : contents)
    putInbox(bed.directory, 'default', `${name}-${n}`, text);
  if (n > 0) return contents.length;
  const badNames = [
    'a..b.json',
    'no-extension',
    '%2e%2e%2fetc.json',
    'sp ace.json',
    '-dash.json',
    'x\n.json',
    'ö.json',
  ];
  for (const name of badNames) writeFileSync(join(folder, name), JSON.stringify(ONE_ITEM));
  mkdirSync(join(folder, 'directory.json'));
  mkdirSync(join(folder, 'filled.json', 'inner'), { recursive: true });
  symlinkSync(join(bed.directory, 'outside.txt'), join(folder, 'link.json'));
  symlinkSync('/nowhere', join(folder, 'dangling.json'));
  execFileSync('mkfifo', [join(folder, 'pipe.json')]);
  writeFileSync(join(bed.directory, 'inbox', 'stray'), '{}');
  writeFileSync(join(bed.directory, 'inbox', 'default', 'stray'), '{}');
  return contents.length + extra.length + badNames.length + 7;
}

function filesUnder(directory: string): number {
  return readdirSync(directory, { withFileTypes: true, recursive: true }).filter((entry) =>
    /\.[0-9a-f]{16}\.json$/.test(entry.name),
  ).length;
}

function filesNamed(directory: string, prefix: string): number {
  return readdirSync(directory, { recursive: true }).filter((name) => String(name).includes(`/${prefix}`)).length;
}
