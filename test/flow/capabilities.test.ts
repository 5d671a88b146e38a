/** Capabilities and values: what their names mean is looked up once for a run, and stays so, whatever is registered later. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import { DirectoryTransport, lookUp, prepareRun, SpecRefused } from '@waybill/client';
import { extendRun } from '@waybill/client/operator';
import { type RegistryKind, register } from '@waybill/client/registry';
import { digestOf } from '@waybill/verify';
import type { Execute } from '#adapters/in-process/executor.ts';
import type { LeaseDraft } from '#ports/mailbox.ts';
import { type FlowBed, PRINCIPAL } from '../support/embedded-flow.ts';
import { answerTo, finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { controlOf, type ItemDraft, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

class Submitter extends DirectoryTransport {
  readonly #bed: FlowBed;

  constructor(bed: FlowBed) {
    super(bed.directory);
    this.#bed = bed;
  }

  async registered(kind: RegistryKind, name: string, files: Record<string, string>): Promise<string> {
    const root = join(this.#bed.directory, 'shelf', `${kind}-${name}-${digestOf(JSON.stringify(files)).slice(7, 15)}`);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    const path = kind === 'values' ? join(root, Object.keys(files)[0] ?? '') : root;
    return (await register(this, kind, path, name)).entry.sha256;
  }

  async submit(id: string, document: object): Promise<string> {
    const { bytes } = await prepareRun(this, Buffer.from(JSON.stringify(document)), { baseDir: this.#bed.directory });
    return this.#bed.submit(id, JSON.parse(Buffer.from(bytes).toString()) as object);
  }

  /** What the client makes of items that are added. */
  async extension(run: string, written: object): Promise<object> {
    const documents: object[] = [];
    // Nobody answers what is only looked at, so the wait for an answer is given up then and no sooner.
    const seen = new AbortController();
    this.putSubmission = async (_queue, _id, bytes) => {
      documents.push(JSON.parse(Buffer.from(bytes).toString()) as object);
      seen.abort();
      return 'written';
    };
    const target = { run, written: Buffer.from(JSON.stringify(written)), baseDir: this.#bed.directory };
    await assert.rejects(extendRun(this, target, { signal: seen.signal }), { name: 'AbortError' });
    return documents[0] ?? assert.fail('nothing was submitted');
  }
}

interface Given {
  item: string;
  job: LeaseDraft['job'];
  inputs: LeaseDraft['inputs'];
}

async function withSubmitter(
  use: (bed: FlowBed, submitter: Submitter, given: Given[]) => Promise<void>,
): Promise<void> {
  const given: Given[] = [];
  const execute: Execute = (job, { lease }) => {
    given.push({ item: job.item, job, inputs: lease.inputs });
    return { ...SUCCEEDED, outputs: { v: Buffer.from('v') } };
  };
  await withBed({ execute }, async (bed) => use(bed, new Submitter(bed), given));
}

const keysOf = ({ inputs }: Given): string[] => inputs.map(({ key, sha256 }) => `${key} ${sha256}`);

it('capabilities: what the names meant at submit is given to every attempt, in order, and stands in plan and manifest', async () => {
  await withSubmitter(async (bed, submitter, given) => {
    const base = await submitter.registered('capability', 'base', { 'setup.sh': 'true\n' });
    const team = await submitter.registered('capability', 'team', { 'bin/x': 'x' });
    const items: ItemDraft[] = [
      { id: 'a', capabilities: ['team', 'base'] },
      { id: 'b', dependsOn: ['a'] },
    ];
    await submitter.submit('s', runOf(items, { defaults: { capabilities: ['base'] } }));
    // Too late for this run.
    await submitter.registered('capability', 'base', { 'setup.sh': 'false\n' });
    const { events } = await finished(bed, 's');
    assert.deepEqual(
      given.map((one) => [one.item, one.job.capabilities, keysOf(one)]),
      [
        ['a', ['team', 'base'], [`capability.base ${base}`, `capability.team ${team}`]],
        ['b', ['base'], [`capability.base ${base}`]],
      ],
    );
    const planned = eventsOf(events, 'run.planned').flatMap(({ data }) => data.items);
    assert.deepEqual(
      planned.map(({ reads }) => reads?.map(({ key, sha256 }) => `${key} ${sha256}`)),
      [given[0], given[1]].map((one) => one && keysOf(one)),
    );
  });
});

it('capabilities: the order in which they are laid over each other is part of what a pure item does', async () => {
  await withSubmitter(async (bed, submitter, given) => {
    for (const name of ['a', 'b']) await submitter.registered('capability', name, { f: name });
    const runs = async (id: string, capabilities: string[]): Promise<number> => {
      const before = given.length;
      await submitter.submit(id, runOf([{ id: 'p', effect: 'pure', capabilities }]));
      await finished(bed, id);
      return given.length - before;
    };
    assert.equal(await runs('one', ['a', 'b']), 1);
    assert.equal(await runs('same', ['a', 'b']), 0);
    assert.equal(await runs('turned', ['b', 'a']), 1);
    await submitter.registered('capability', 'b', { f: 'another' });
    assert.equal(await runs('changed', ['a', 'b']), 1);
  });
});

it('values: a later set wins over an earlier one, and what the spec says itself wins over both', async () => {
  await withSubmitter(async (bed, submitter, given) => {
    await submitter.registered('values', 'base', { 'v.yaml': 'A: base\nB: base\nC: base\nD: base\n' });
    await submitter.registered('values', 'team', { 'v.yaml': 'B: team\nC: team\nD: team\n' });
    const item: ItemDraft = { id: 'a', values: ['base', 'team'], env: { D: 'item' } };
    await submitter.submit('s', runOf([item], { defaults: { env: { C: 'defaults' } } }));
    await finished(bed, 's');
    assert.deepEqual(given[0]?.job.env, { A: 'base', B: 'team', C: 'defaults', D: 'item' });
  });
});

it('capabilities: a name that nothing is registered under is refused at submit, every one with its place', async () => {
  await withSubmitter(async (_bed, submitter) => {
    const items: ItemDraft[] = [
      { id: 'a', capabilities: ['nobody'] },
      { id: 'b', values: ['nothing', 'constructor'] },
    ];
    await assert.rejects(submitter.submit('s', runOf(items)), (error) => {
      assert.ok(error instanceof SpecRefused);
      assert.deepEqual(
        error.refusals.map(({ code, path }) => `${code} ${path}`),
        [
          'SPEC_UNKNOWN_REFERENCE spec.items[0].capabilities',
          'SPEC_UNKNOWN_REFERENCE spec.items[1].values',
          'SPEC_UNKNOWN_REFERENCE spec.items[1].values',
        ],
      );
      return true;
    });
  });
});

it('capabilities: bytes that are lost or damaged are told by name, where the spec names them, before anything is submitted', async () => {
  await withSubmitter(async (bed, submitter) => {
    const lint = await submitter.registered('capability', 'lint', { 'bin/lint': 'x' });
    const team = await submitter.registered('capability', 'team', { 'bin/team': 'x' });
    const staging = await submitter.registered('values', 'staging', { 'v.yaml': 'A: b\n' });
    const fileOf = (sha256: string): string => join(bed.directory, 'registry', 'sha256', sha256.slice(7));
    const items: ItemDraft[] = [
      { id: 'a', capabilities: ['team', 'lint'] },
      { id: 'b', capabilities: ['lint'], values: ['staging'] },
    ];
    const refused = async (): Promise<string[]> => {
      const error = await submitter.submit('s', runOf(items)).then(String, (cause: unknown) => cause);
      assert.ok(error instanceof SpecRefused, String(error));
      return error.refusals.map(({ code, path, problem }) => `${code} ${path} ${problem.split(':')[0]}`);
    };
    for (const sha256 of [lint, staging]) rmSync(fileOf(sha256));
    assert.deepEqual(await refused(), [
      'OBJECT_MISSING spec.items[0].capabilities the bytes of capability "lint" are lost',
      'OBJECT_MISSING spec.items[1].values the bytes of values "staging" are lost',
    ]);
    await submitter.registered('capability', 'lint', { 'bin/lint': 'x' });
    await submitter.registered('values', 'staging', { 'v.yaml': 'A: b\n' });
    for (const sha256 of [team, staging]) {
      const bytes = readFileSync(fileOf(sha256));
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      writeFileSync(fileOf(sha256), bytes);
    }
    const damaged = [
      'OBJECT_DIGEST_MISMATCH spec.items[0].capabilities the bytes of capability "team" are damaged',
      'OBJECT_DIGEST_MISMATCH spec.items[1].values the bytes of values "staging" are damaged',
    ];
    assert.deepEqual(await refused(), damaged);
    const { refusals } = await lookUp(submitter.registry, { items } as Parameters<typeof lookUp>[1]);
    assert.deepEqual(
      refusals.map(({ code, path, problem }) => `${code} ${path} ${problem.split(':')[0]}`),
      damaged,
    );
  });
});

it('capabilities: the engine takes no run whose pins are missing, are not uploaded or say something else', async () => {
  await withSubmitter(async (bed) => {
    const refused = async (id: string, items: ItemDraft[], pins: object = {}): Promise<string[]> => {
      bed.submit(id, runOf(items, { pins }));
      const { reasons } = await bed.until(() => bed.receipts(id)[0]);
      return reasons.map(({ code, path }) => `${code} ${path}`);
    };
    const item: ItemDraft = { id: 'a', capabilities: ['base'] };
    assert.deepEqual(await refused('unpinned', [item]), ['SOURCE_UNRESOLVED spec.items[0].capabilities']);
    const absent = { capabilities: { base: { sha256: digestOf('never'), sizeBytes: 5 } } };
    assert.match((await refused('absent', [item], absent)).join(), /^SOURCE_MISSING /);
    const folder = join(bed.directory, 'uploads', PRINCIPAL);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, digestOf('honest').slice(7)), 'forged');
    const doctored = { capabilities: { base: { sha256: digestOf('honest'), sizeBytes: 6 } } };
    assert.match((await refused('doctored', [item], doctored)).join(), /^SOURCE_INVALID /);
    const env = { LEVEL: '1' };
    const lying = { values: { set: { sha256: digestOf('{"LEVEL":"2"}'), env } } };
    assert.deepEqual(await refused('lying', [{ id: 'a', values: ['set'] }], lying), [
      'SOURCE_INVALID spec.pins.values.set',
    ]);
    const honest = { values: { set: { sha256: digestOf('{"LEVEL":"1"}'), env } } };
    assert.deepEqual(await refused('honest', [{ id: 'a', values: ['set'] }], honest), []);
  });
});

it('capabilities: added items get what the run has looked up, and look up themselves what it has not', async () => {
  await withSubmitter(async (bed, submitter, given) => {
    const base = await submitter.registered('capability', 'base', { f: 'old' });
    const run = await submitter.submit('s', runOf([{ id: 'a', capabilities: ['base'] }], { openEnded: true }));
    await bed.until(() => given.length === 1);
    await submitter.registered('capability', 'base', { f: 'new' });
    const extra = await submitter.registered('capability', 'extra', { f: 'extra' });
    const written = {
      apiVersion: 'waybill/v1',
      kind: 'Extension',
      spec: { items: [{ id: 'b', pipeline: [{ block: 'script', run: 'true' }], capabilities: ['base', 'extra'] }] },
    };
    const document = await submitter.extension(run, written);
    assert.deepEqual(await answerTo(bed, 'more', document), ['accepted', undefined]);
    await bed.until(() => given.length === 2);
    assert.deepEqual(given[1] && keysOf(given[1]), [`capability.base ${base}`, `capability.extra ${extra}`]);
    const missing = structuredClone(document) as { spec: { items: { id: string }[]; pins: object } };
    missing.spec.items = missing.spec.items.map((item) => ({ ...item, id: 'c' }));
    missing.spec.pins = { capabilities: { extra: { sha256: digestOf('never'), sizeBytes: 1 } } };
    assert.deepEqual(await answerTo(bed, 'missing', missing), ['invalid', 'SOURCE_MISSING']);
    await answerTo(bed, 'close', controlOf('close', run));
    await finished(bed, 's');
  });
});

it('capabilities: added items take what the defaults of their run meant when it was submitted, also where none of its own takes it', async () => {
  await withSubmitter(async (bed, submitter, given) => {
    const base = await submitter.registered('capability', 'base', { f: 'old' });
    await submitter.registered('values', 'staging', { 'v.yaml': 'LEVEL: old\n' });
    const defaults = { capabilities: ['base'], values: ['staging'] };
    const bare: ItemDraft = { id: 'a', capabilities: [], values: [] };
    const run = await submitter.submit('s', runOf([bare], { openEnded: true, defaults }));
    await bed.until(() => given.length === 1);
    await submitter.registered('capability', 'base', { f: 'new' });
    await submitter.registered('values', 'staging', { 'v.yaml': 'LEVEL: new\n' });
    const items = [{ id: 'b', pipeline: [{ block: 'script', run: 'true' }] }];
    const document = await submitter.extension(run, { apiVersion: 'waybill/v1', kind: 'Extension', spec: { items } });
    assert.deepEqual(await answerTo(bed, 'more', document), ['accepted', undefined]);
    await bed.until(() => given.length === 2);
    assert.deepEqual(given[1] && [keysOf(given[1]), given[1].job.env.LEVEL], [[`capability.base ${base}`], 'old']);
    await answerTo(bed, 'close', controlOf('close', run));
    await finished(bed, 's');
    const lost = runOf([bare], { openEnded: true, defaults: { capabilities: ['nobody'] } });
    await assert.rejects(submitter.submit('t', lost), /spec\.defaults\.capabilities/);
    await submitter.submit('closed', runOf([bare], { defaults: { capabilities: ['nobody'] } }));
  });
});

it('capabilities: added items use shapes and read files, which the client packs; what it has not packed is refused', async () => {
  await withSubmitter(async (bed, submitter, given) => {
    const run = await submitter.submit('s', runOf([{ id: 'a' }], { openEnded: true }));
    writeFileSync(join(bed.directory, 'table.csv'), 'region,amount\nnorth,1\n');
    const used = {
      id: 'b',
      uses: 'data/aggregate',
      with: { by: 'region', measures: 'count' },
      reads: { 'table.csv': { path: 'table.csv' } },
      maxUsd: 0.25,
    };
    const written = { apiVersion: 'waybill/v1', kind: 'Extension', spec: { items: [used] } };
    const document = (await submitter.extension(run, written)) as { spec: { items: { reads: object }[] } };
    assert.deepEqual(await answerTo(bed, 'more', document), ['accepted', undefined]);
    await bed.until(() => given.length === 2);
    const table = digestOf('region,amount\nnorth,1\n');
    assert.ok(given[1] && keysOf(given[1]).includes(`table.csv ${table}`));
    assert.ok((given[1]?.inputs.length ?? 0) > 1, 'files of the pack');
    const unpacked = structuredClone(document);
    for (const item of unpacked.spec.items) Object.assign(item, { id: 'c', reads: used.reads });
    assert.deepEqual(await answerTo(bed, 'unpacked', unpacked), ['invalid', 'SOURCE_UNRESOLVED']);
    await answerTo(bed, 'close', controlOf('close', run));
    await finished(bed, 's');
  });
});
