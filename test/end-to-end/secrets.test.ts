/** Blocks that show their secret in every way they have, and a search of all that the engine has kept of them. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { packSource } from '@waybill/client';
import { makeRepository } from '../support/git-repository.ts';
import { cancelOf } from '../support/run-spec.ts';
import { filesWith, openSecretBed, type SecretBed, shownIn } from '../support/secret-bed.ts';
import { formsOf, SHOW, TIMES_SHOWN } from '../support/shown-secrets.ts';

const TOKEN = 'tøken "4/2\\+a" of-build?81c3';
const KEY =
  '-----BEGIN KEY-----\nq2Vb0Zk8Lr7Tn5Xy3Wd1Hs9Jf4Gm6Pc\nuE8aR2tY5iO0pL7kD3fS6gH1jZ9xCv4\n-----END KEY-----\n';

const node = (script: string): string[] => ['node', '-e', script];
const secrets = { TOKEN: 'token' };
const OUT = 'process.env.WAYBILL_OUTPUTS';
const write = (file: string, value: string): string[] => node(`require('fs').writeFileSync(${file}, ${value})`);
const HASH = `require('crypto').createHash('sha256').update(process.env.TOKEN).digest('hex')`;
const CAPTURE = [{ block: 'capture', what: 'outputs' }];

/** Speaks as Codex does, and of the secret where a text of its could be cut. */
const TALKER = `#!/usr/bin/env node
const say = (event) => console.log(JSON.stringify(event));
const upTo = (chars) => 'x'.repeat(chars - 25) + process.env.TOKEN;
const tell = (fields) => say({ type: 'item.completed', item: fields });
say({ type: 'turn.started' });
for (const chars of [2000, 8000, 16000]) {
  console.log(upTo(chars));
  tell({ type: 'agent_message', text: upTo(chars) });
  tell({ type: 'command_execution', command: upTo(chars), aggregated_output: '', exit_code: 0, status: 'completed' });
}
say({ type: 'turn.failed', error: { message: upTo(500) } });
`;

/** A wrong key is quoted, and that is cut at 200 characters, as are other paths at 300: there the secret stands. */
const overrun = (before: string): object => ({
  block: 'script',
  run: write('process.env.WAYBILL_USAGE', `JSON.stringify({v:1,usage:[],[${before} + process.env.TOKEN]:1})`),
  secrets,
});

const ITEMS: Record<string, object[]> = {
  shows: [{ block: 'script', run: node(SHOW), secrets }],
  'shows-lines': [{ block: 'script', run: node(SHOW), secrets: { TOKEN: 'key' } }],
  knows: [{ block: 'script', run: write(`${OUT} + '/hash'`, HASH), secrets }, ...CAPTURE],
  leaves: [
    { block: 'script', run: write(`${OUT} + '/a.bin'`, 'Buffer.from(process.env.TOKEN).toString("base64")'), secrets },
    ...CAPTURE,
  ],
  names: [
    { block: 'script', run: write(`${OUT} + '/' + Buffer.from(process.env.TOKEN).toString('hex')`, '""'), secrets },
    ...CAPTURE,
  ],
  // Not as text: what git makes of it is packed.
  patches: [
    {
      block: 'script',
      run: write(`'data.bin'`, 'Buffer.concat([Buffer.alloc(9), Buffer.from(process.env.TOKEN), Buffer.alloc(9)])'),
      secrets,
    },
    { block: 'capture', what: 'patch' },
  ],
  ignores: [
    { block: 'script', run: write(`Buffer.from(process.env.TOKEN).toString('hex') + '.log'`, '""'), secrets },
    { block: 'capture', what: 'patch' },
  ],
  counts: [
    {
      block: 'script',
      run: write(
        'process.env.WAYBILL_USAGE',
        `JSON.stringify({v:1,usage:[{requested:Buffer.from(process.env.TOKEN).toString('hex'),inputTokens:1,outputTokens:1}]})`,
      ),
      secrets,
    },
  ],
  overruns: [overrun("'x'.repeat(172)"), overrun("process.env.TOKEN.repeat(9) + 'x'.repeat(19)")],
  talks: [
    { block: 'script', run: node(`require('fs').writeFileSync('tool', ${JSON.stringify(TALKER)}, { mode: 0o755 })`) },
    { block: 'agent', adapter: 'codex', model: 'm', program: './tool', prompt: 'Talk.', secrets },
  ],
  reads: [
    {
      block: 'script',
      run: 'sha256sum < "$KEY" > "$WAYBILL_OUTPUTS/hash"; cat "$KEY"; stat -c %a "$KEY"',
      secrets: { KEY: { file: 'key' } },
    },
    { block: 'script', run: '[ -z "$KEY$TOKEN" ] && ! ls /waybill/secrets "$HOME/../.waybill/secrets"' },
    ...CAPTURE,
  ],
  keeps: [
    {
      block: 'agent',
      adapter: 'command',
      command: node(
        `require('fs').writeFileSync(process.env.WAYBILL_CHECKPOINT + '/a', process.env.TOKEN); process.exit(30)`,
      ),
      secrets,
    },
  ],
  asks: [
    {
      block: 'agent',
      adapter: 'command',
      command: node(
        `require('fs').writeFileSync(${OUT} + '/question.txt', 'May I use ' + process.env.TOKEN + '?'); process.exit(20)`,
      ),
      secrets,
    },
  ],
  lingers: [{ block: 'script', run: 'echo "begins with $TOKEN"; sleep 60', secrets }],
  lacks: [{ block: 'script', run: 'true', secrets: { A: 'token', B: 'open-to-others' } }],
};

async function runAll(bed: SecretBed, scratch: string): Promise<string> {
  const repository = join(scratch, 'repository');
  makeRepository(repository, () => writeFileSync(join(repository, '.gitignore'), '*.log\n'));
  const packed = await packSource({ url: repository }, { baseDir: scratch, workDir: join(scratch, 'packed') });
  bed.upload(packed);
  const items = Object.entries(ITEMS).map(([id, pipeline]) => ({ id, pipeline }));
  const source = { bundle: packed.bundle, sizeBytes: packed.sizeBytes, commit: packed.commit };
  const spec = { apiVersion: 'waybill/v1', kind: 'Run', metadata: { name: 'shows' }, spec: { source, items } };
  return bed.submit('s', spec);
}

async function withBed(isRedacting: boolean, use: (bed: SecretBed, scratch: string) => Promise<void>): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'waybill-secrets-'));
  const bed = await openSecretBed(join(scratch, 'state'), isRedacting);
  try {
    bed.folder.set('token', Buffer.from(TOKEN));
    bed.folder.set('key', Buffer.from(KEY));
    bed.folder.set('open-to-others', Buffer.from('given to nobody'));
    chmodSync(join(scratch, 'state', 'secrets', 'open-to-others'), 0o644);
    await use(bed, scratch);
  } finally {
    await bed.close();
    rmSync(scratch, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('secrets of a run', () => {
  it('are in nothing that the engine keeps, whatever blocks do with them, and every block has its own', async () => {
    await withBed(true, async (bed, scratch) => {
      const run = await runAll(bed, scratch);
      // While workers show their logs, too; the trees of attempts that still run are those of the blocks, and go with them.
      await bed.until(() => bed.shows(run, 'lingers', 'begins with [secret token]'));
      const isKept = (path: string): boolean => !path.startsWith('work/');
      assert.deepEqual(shownIn(bed.directory, [TOKEN, KEY]).filter(isKept), []);
      await bed.until(() => bed.item('s', 'asks')?.state === 'suspended');
      assert.equal(bed.item('s', 'asks')?.waiting?.question?.text, 'May I use [secret token]?');
      for (const item of ['asks', 'lingers']) bed.control(`cancel-${item}`, cancelOf(run, item));
      const { report, events } = await bed.sealed('s');
      assert.equal(report.exitCode, 0, JSON.stringify(report.checks.filter(({ status }) => status === 'fail')));
      const ends = Object.keys(ITEMS).map((id) => {
        const item = bed.item('s', id);
        return [id, item?.attempts.at(-1)?.reason ?? item?.reason];
      });
      assert.deepEqual(Object.fromEntries(ends), {
        shows: 'exit_nonzero',
        talks: 'agent_failed',
        'shows-lines': 'exit_nonzero',
        knows: 'ok',
        leaves: 'secret_in_output',
        names: 'secret_in_output',
        patches: 'secret_in_output',
        ignores: 'secret_in_output',
        counts: 'ok',
        overruns: 'ok',
        reads: 'ok',
        keeps: 'secret_in_output',
        asks: 'needs_input',
        lingers: 'cancelled',
        lacks: 'secret_unavailable',
      });
      assert.match(bed.output('s', 'keeps', 'log'), /secret_in_output: checkpoint\/\S+ holds a secret/);
      assert.equal(bed.output('s', 'knows', 'outputs/hash'), sha256(TOKEN));
      assert.equal(bed.output('s', 'reads', 'outputs/hash').slice(0, 64), sha256(KEY));
      assert.match(bed.output('s', 'reads', 'log'), /\[secret key\]\n400\n/);
      assert.equal(bed.output('s', 'shows', 'log').match(/shown: .{0,3}\[secret token\]/g)?.length, TIMES_SHOWN);
      const given = events.flatMap(({ type, data }) => (type === 'secrets.released' ? [data.item] : [])).sort();
      assert.deepEqual(
        given,
        Object.keys(ITEMS)
          .filter((id) => id !== 'lacks')
          .sort(),
      );
      await bed.until(() => readdirSync(join(bed.directory, 'work')).length === 0);
      assert.deepEqual(shownIn(bed.directory, [TOKEN, KEY]), []);
    });
  });

  it('that nobody keeps are refused when the run is submitted, and not in the middle of it', async () => {
    await withBed(true, async (bed) => {
      const items = [
        { id: 'a', pipeline: [{ block: 'script', run: 'true', secrets: { A: 'token', B: 'nobodys', C: 'tokne' } }] },
      ];
      bed.submit('t', { apiVersion: 'waybill/v1', kind: 'Run', metadata: { name: 'lacks' }, spec: { items } });
      const answered = (): string[] => filesWith(bed.directory, [Buffer.from('SECRET_UNAVAILABLE')]);
      await bed.until(() => answered().some((path) => path.startsWith('outbox/')));
      const [receipt = ''] = answered().filter((path) => path.startsWith('outbox/'));
      const { status, reasons } = JSON.parse(readFileSync(join(bed.directory, receipt), 'utf8'));
      assert.deepEqual([status, reasons[0].path], ['invalid', 'spec.items[0].pipeline[0].secrets.B']);
      // Whoever submits is told of none that the engine keeps but one that was nearly named.
      assert.deepEqual(
        reasons.map(({ fix }: { fix: string }) => fix),
        ['Have it added.', 'Did you mean "token"?'],
      );
    });
  });

  it('would be found there if nothing kept them out', async () => {
    await withBed(false, async (bed, scratch) => {
      const run = await runAll(bed, scratch);
      await bed.until(() => bed.item('s', 'asks')?.state === 'suspended');
      await bed.until(() => bed.shows(run, 'lingers', TOKEN));
      for (const item of ['asks', 'lingers']) bed.control(`cancel-${item}`, cancelOf(run, item));
      await bed.sealed('s');
      const found = shownIn(bed.directory, [TOKEN, KEY]);
      for (const place of [/^artifacts\//, /^store\.sqlite/, /^ledger\//, /^outbox\//])
        assert.ok(
          found.some((file) => place.test(file)),
          `nothing in ${place}: ${found}`,
        );
      const unseen = [TOKEN, KEY].flatMap(formsOf).filter((form) => filesWith(bed.directory, [form]).length === 0);
      assert.deepEqual(unseen.map(String), [], 'forms that are looked for, and that no block has shown');
    });
  });

  it('are given by nobody who keeps them open to others', async () => {
    await withBed(true, async (bed) => {
      chmodSync(join(bed.directory, 'secrets', 'token'), 0o644);
      const items = [{ id: 'one', pipeline: [{ block: 'script', run: 'true', secrets }] }];
      bed.submit('s', { apiVersion: 'waybill/v1', kind: 'Run', metadata: { name: 'open' }, spec: { items } });
      await bed.sealed('s');
      assert.equal(bed.item('s', 'one')?.attempts.at(-1)?.reason, 'secret_unavailable');
      assert.match(bed.output('s', 'one', 'log'), /secrets\/token is open to others \(mode 644\)/);
    });
  });
});
