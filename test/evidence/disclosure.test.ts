/** A single item, disclosed: it proves what happened to it, nothing of the other items is in it, and no edit gets by. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { main } from '../../packages/verify/src/bin.ts';
import { discloseItem, type ItemReport, verifyDisclosure } from '../../packages/verify/src/verdict/disclosure.ts';
import { renderItemReport } from '../../packages/verify/src/verdict/item-report.ts';
import { verifyBundle } from '../../packages/verify/src/verdict/verify-bundle.ts';
import { ATTEST, buildBundle, bundleLines, LOG_STRANGER, STRANGER, trustFile } from './honest-bundle.ts';
import { jcs } from './naive-evidence.ts';
import { retryLint } from './steered-story.ts';
import { honestStory, PLAN, RUN } from './story.ts';

const folder = mkdtempSync(join(tmpdir(), 'waybill-disclosure-'));
after(() => rmSync(folder, { recursive: true }));

async function disclosed(item: string, bundle: Uint8Array = buildBundle()): Promise<string[]> {
  return (await discloseItem([bundle], item)).trimEnd().split('\n');
}

function judge(lines: readonly string[], options: object = {}): Promise<ItemReport> {
  return verifyDisclosure([Buffer.from(`${lines.join('\n')}\n`)], { trust: trustFile(), ...options });
}

function failing({ checks }: ItemReport): string[] {
  return checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
}

test('disclosure: every item of which an attempt ended is shown and verified, retries included', async () => {
  const items = [
    ...new Set(honestStory().flatMap((event) => (event.type === 'attempt.settled' ? [event.data.item] : []))),
  ];
  assert.deepEqual(items.sort(), ['build', 'check', 'lint', 'slow', 'table']);
  for (const item of items) {
    const report = await judge(await disclosed(item), { expectRun: RUN, expectItem: item });
    assert.deepEqual([failing(report), report.exitCode], [[], 0], JSON.stringify(report.checks));
    assert.deepEqual([report.facets.completeness, report.tier], ['item', 'signed']);
    assert.equal(report.facts?.item, item);
  }
  const build = await judge(await disclosed('build'));
  assert.deepEqual(
    build.facts?.attempts.map(({ attempt, outcome }) => [attempt, outcome]),
    [
      [1, 'failed'],
      [2, 'succeeded'],
    ],
  );
  assert.match(renderItemReport(build), /^VERIFIED \(signed\): the attempts at item build/);
});

test('disclosure: an item that failed and was retried is shown with all its attempts, and none may be left out', async () => {
  const bytes = buildBundle({ story: retryLint });
  assert.equal((await verifyBundle([bytes], { trust: trustFile() })).exitCode, 0);
  const lines = (await discloseItem([bytes], 'lint')).trimEnd().split('\n');
  const report = await judge(lines);
  assert.deepEqual([report.exitCode, report.facets.completeness], [0, 'item'], JSON.stringify(report.checks));
  assert.deepEqual(
    report.facts?.attempts.map(({ next }) => next),
    ['failed', 'done'],
  );
  // Its second attempt left out: the seal says that something was opened again, so a failure need not be the end of it.
  const records = lines.map((line) => JSON.parse(line) as { record?: string; event?: string });
  const start = records.findIndex(({ event }) => event !== undefined && JSON.parse(event).data.attempt === 2);
  const rest = records.findIndex(({ record }, n) => n > start && record !== 'event' && record !== 'dsse');
  const cut = await judge(counted([...lines.slice(0, start), ...lines.slice(rest)]));
  assert.deepEqual([failing(cut), cut.facts?.attempts.at(-1)?.next], [[], 'failed'], JSON.stringify(cut.checks));
  assert.deepEqual([cut.exitCode, cut.facets.completeness], [2, 'none']);
});

test('disclosure: nothing of other items is in it, but which ones made the inputs', async () => {
  const others = (item: string): string[] => PLAN.map(({ id }) => id).filter((id) => id !== item);
  for (const item of ['build', 'lint', 'slow']) {
    const text = (await disclosed(item)).join('\n');
    const payloads = [...text.matchAll(/"payload":"([^"]+)"/g)].map(([, payload = '']) =>
      Buffer.from(payload, 'base64'),
    );
    const all = [text, ...payloads.map(String)].join('\n');
    for (const other of others(item)) assert.ok(!all.includes(`"${other}"`), `${other} in the disclosure of ${item}`);
  }
  const check = (await disclosed('check')).join('\n');
  const manifest = Buffer.from(/"payload":"([^"]+)"/.exec(check)?.[1] ?? '', 'base64').toString();
  assert.ok(manifest.includes('"item":"build"'), 'the manifest says where an input comes from');
  assert.ok(!manifest.includes('lint'));
});

test('disclosure: it gets every check that a bundle gets, but those of what only a whole run can show', async () => {
  const ofRun = (await verifyBundle([buildBundle()], { trust: trustFile() })).checks.map(({ id }) => id);
  const ofItem = (await judge(await disclosed('build'))).checks.map(({ id }) => id);
  assert.deepEqual(
    ofRun.filter((id) => !ofItem.includes(id)),
    ['sequence', 'plan', 'state-machine', 'hand-off', 'reuse', 'intents', 'reuse-signatures'],
  );
  assert.deepEqual(
    ofItem.filter((id) => !ofRun.includes(id)),
    ['disclosed-events', 'disclosed-attempts'],
  );
});

test('disclosure: a whole run is more than an item, and without keys it proves nothing', async () => {
  const lines = await disclosed('build');
  const asked = await judge(lines, { require: { completeness: 'run' } });
  assert.deepEqual([asked.exitCode, asked.shortfalls.map(({ code }) => code)], [2, ['COMPLETENESS_BELOW']]);
  const anonymous = await verifyDisclosure([Buffer.from(`${lines.join('\n')}\n`)]);
  assert.deepEqual([anonymous.exitCode, anonymous.shortfalls[0]?.code], [2, 'NO_KEYS']);
  await assert.rejects(disclosed('report'), /no attempt at item report/);
  assert.equal((await verifyDisclosure([buildBundle()], { trust: trustFile() })).exitCode, 3, 'a bundle is none');
});

interface Tamper {
  title: string;
  exit: 1 | 3;
  check: string;
  edit(lines: string[]): string[] | Promise<string[]>;
  options?: object;
}

type Json = Record<string, unknown>;

function rewrite(lines: string[], matches: (line: string) => boolean, edit: (value: Json) => void, n = 0): string[] {
  const places = lines.flatMap((line, place) => (matches(line) ? [place] : []));
  const place = places[n];
  if (place === undefined) throw new RangeError('nothing to edit');
  const value = JSON.parse(lines[place] as string) as Json;
  edit(value);
  return counted(lines.with(place, jcs(value)));
}

/** With an end record that is right again. */
function counted(lines: string[]): string[] {
  const body = lines.filter((line) => !line.startsWith('{"end"'));
  return [...body, jcs({ end: { lines: body.length } })];
}

const isEvent = (line: string): boolean => line.startsWith('{"event"');
const isDsse = (line: string): boolean => line.startsWith('{"dsse"') && line.includes('"record":"dsse"');
const isSeal = (line: string): boolean => line.includes('"record":"seal"');
const isLog = (line: string): boolean => line.includes('"record":"log"');
const inEvent = (edit: (event: Json & { data: Json }) => void) => (value: Json) => {
  const event = JSON.parse(value.event as string) as Json & { data: Json };
  edit(event);
  value.event = jcs(event);
};
const drop = (lines: string[], matches: (line: string) => boolean, n = 0): string[] => {
  const place = lines.flatMap((line, at) => (matches(line) ? [at] : []))[n] as number;
  return counted(lines.toSpliced(place, 1));
};

const TAMPERS: Tamper[] = [
  {
    title: 'an outcome is edited',
    exit: 1,
    check: 'disclosed-events',
    edit: (l) =>
      rewrite(
        l,
        isEvent,
        inEvent((e) => Object.assign(e.data, { exit: 1 })),
        1,
      ),
  },
  {
    title: 'an event takes another place',
    exit: 1,
    check: 'disclosed-events',
    edit: (l) =>
      rewrite(
        l,
        isEvent,
        inEvent((e) => Object.assign(e, { seq: 6 })),
      ),
  },
  {
    title: 'a hash of a proof is another one',
    exit: 1,
    check: 'disclosed-events',
    edit: (l) => rewrite(l, isEvent, (v) => ((v.proof as string[])[0] = (v.proof as string[])[1] as string)),
  },
  {
    title: 'a proof is longer',
    exit: 1,
    check: 'disclosed-events',
    edit: (l) => rewrite(l, isEvent, (v) => (v.proof as string[]).push((v.proof as string[])[0] as string)),
  },
  {
    title: 'an event is of another run',
    exit: 1,
    check: 'identity',
    edit: (l) =>
      rewrite(
        l,
        isEvent,
        inEvent((e) => Object.assign(e, { run: '0'.repeat(32) })),
      ),
  },
  {
    title: 'the header names another item',
    exit: 1,
    check: 'disclosed-attempts',
    edit: (l) =>
      rewrite(
        l,
        (line) => line.includes('"format"'),
        (v) => Object.assign(v, { item: 'lint' }),
      ),
  },
  {
    title: 'the header names another run',
    exit: 1,
    check: 'identity',
    edit: (l) =>
      rewrite(
        l,
        (line) => line.includes('"format"'),
        (v) => Object.assign(v, { run: '0'.repeat(32) }),
      ),
  },
  {
    title: 'the failed first attempt is left out',
    exit: 1,
    check: 'disclosed-attempts',
    edit: (l) => counted([l[0] as string, ...l.slice(4)]),
  },
  {
    title: 'the end of an attempt is left out',
    exit: 1,
    check: 'disclosed-attempts',
    edit: (l) => drop(l, isEvent, 1),
  },
  { title: 'a manifest is left out', exit: 1, check: 'manifests', edit: (l) => drop(l, isDsse) },
  {
    title: 'the manifest of another attempt stands there',
    exit: 1,
    check: 'manifests',
    edit: (l) => swap(l, isDsse, 0, 1),
  },
  {
    title: 'the events stand in another order',
    exit: 1,
    check: 'disclosed-events',
    edit: (l) => counted([l[0] as string, ...l.slice(4, 6), ...l.slice(1, 4), ...l.slice(6)]),
  },
  {
    title: 'an event of another item is added',
    exit: 1,
    check: 'disclosed-attempts',
    edit: async (l) =>
      counted([
        ...l.slice(0, 1),
        ...(await disclosed('lint')).filter((line) => isEvent(line) || isDsse(line)),
        ...l.slice(1),
      ]),
  },
  {
    title: 'the seal of another run stands there',
    exit: 1,
    check: 'seal',
    edit: (l) => replaceSeal(l, bundleLines({ seal: (s) => Object.assign(s.predicate, { run: '0'.repeat(32) }) })),
  },
  {
    title: 'the seal covers another tree',
    exit: 1,
    check: 'disclosed-events',
    edit: (l) => replaceSeal(l, bundleLines({ story: (s) => void s.splice(2, 0, s[1] as (typeof s)[number]) })),
  },
  { title: 'the seal is left out', exit: 1, check: 'container', edit: (l) => drop(l, isSeal) },
  {
    title: 'the log records are of another seal',
    exit: 1,
    check: 'log-entries',
    edit: (l) => rewrite(l, isLog, (v) => Object.assign(v.entry as Json, { seal: `sha256:${'0'.repeat(64)}` }), 1),
  },
  { title: 'a log record is left out', exit: 1, check: 'container', edit: (l) => drop(l, isLog, 1) },
  {
    title: 'the log proof has another index',
    exit: 1,
    check: 'log-inclusion',
    edit: (l) =>
      rewrite(l, isLog, (v) => Object.assign(v, { proof: String(v.proof).replace('index 3', 'index 2') }), 1),
  },
  {
    title: 'the seal is signed by a stranger',
    exit: 1,
    check: 'seal-signature',
    edit: () => disclosed('build', buildBundle({ sealer: STRANGER })),
  },
  {
    title: 'the manifests are signed by a stranger',
    exit: 1,
    check: 'manifest-signatures',
    edit: () => disclosed('build', buildBundle({ attest: STRANGER, sealer: ATTEST })),
  },
  {
    title: 'the checkpoint is signed by a stranger',
    exit: 1,
    check: 'checkpoint-signature',
    edit: () => disclosed('build', buildBundle({ logger: LOG_STRANGER })),
  },
  {
    title: 'the run is another than was asked for',
    exit: 1,
    check: 'identity',
    edit: (l) => l,
    options: { expectRun: '0'.repeat(32) },
  },
  {
    title: 'the item is another than was asked for',
    exit: 1,
    check: 'disclosed-attempts',
    edit: (l) => l,
    options: { expectItem: 'lint' },
  },
  {
    title: 'a line is counted that is not there',
    exit: 1,
    check: 'container',
    edit: (l) => l.with(-1, jcs({ end: { lines: l.length } })),
  },
  { title: 'the file is cut short', exit: 3, check: 'well-formed', edit: (l) => l.slice(0, -1) },
  { title: 'the file goes on', exit: 3, check: 'well-formed', edit: (l) => [...l, l[1] as string] },
  { title: 'a line is not canonical', exit: 3, check: 'well-formed', edit: (l) => l.with(1, ` ${l[1]}`) },
  {
    title: 'an event is not canonical',
    exit: 3,
    check: 'well-formed',
    edit: (l) => rewrite(l, isEvent, (v) => Object.assign(v, { event: ` ${String(v.event)}` })),
  },
  {
    title: 'a record has a key too many',
    exit: 3,
    check: 'well-formed',
    edit: (l) => rewrite(l, isEvent, (v) => Object.assign(v, { more: 1 })),
  },
  {
    title: 'the seal stands as a statement of an event',
    exit: 3,
    check: 'well-formed',
    edit: (l) =>
      rewrite(l, isDsse, (v) => Object.assign(v, { dsse: (JSON.parse(l.find(isSeal) as string) as Json).dsse })),
  },
];

function swap(lines: string[], matches: (line: string) => boolean, a: number, b: number): string[] {
  const places = lines.flatMap((line, place) => (matches(line) ? [place] : []));
  const [x, y] = [places[a] as number, places[b] as number];
  return lines.with(x, lines[y] as string).with(y, lines[x] as string);
}

function replaceSeal(lines: string[], other: readonly string[]): string[] {
  return lines.with(lines.findIndex(isSeal), other.find(isSeal) as string);
}

describe('disclosure: tampering', () => {
  for (const { title, exit, check, edit, options } of TAMPERS) {
    test(title, async () => {
      const report = await judge(await edit(await disclosed('build')), options);
      assert.equal(report.exitCode, exit, JSON.stringify(report.checks.filter(({ status }) => status === 'fail')));
      assert.ok(failing(report).includes(check), failing(report).join());
      assert.equal(report.facts, null);
    });
  }

  test('whichever line is missing, it is not verified', async () => {
    const lines = await disclosed('build');
    for (const place of lines.keys()) {
      const { exitCode } = await judge(counted(lines.toSpliced(place, 1)));
      const isLast = place === lines.length - 1;
      assert.equal(exitCode === 0, isLast, `line ${place + 1}`);
    }
  });
});

test('waybill-verify item: judges a file, and exits with what it found', async () => {
  const file = join(folder, 'build.jsonl');
  const keys = join(folder, 'keys.json');
  writeFileSync(file, await discloseItem([buildBundle()], 'build'));
  writeFileSync(keys, JSON.stringify(trustFile()));
  const run = async (...args: string[]): Promise<number> => {
    const io = { out: () => {}, err: () => {}, stdin: (async function* () {})() };
    return main(['item', ...args], io);
  };
  assert.equal(await run(file, '--keys', keys, '--item', 'build', '--json'), 0);
  assert.equal(await run(file, '--keys', keys, '--item', 'lint'), 1);
  assert.equal(await run(file), 2);
  assert.equal(await run(file, '--keys', keys, '--require', 'run'), 2);
  assert.equal(await run(keys, '--keys', keys), 3);
  assert.equal(await run(), 4);
  assert.equal(await run(join(folder, 'absent')), 4);
});
