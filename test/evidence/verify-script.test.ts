/** verify.sh: what openssl and coreutils alone can prove of a bundle, and what they refuse. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { RunEvent } from '../../packages/verify/src/record/events.ts';
import { FAILED, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { CA_EXTENSIONS, OpensslAuthority, TSA_EXTENSIONS } from '../support/openssl-authority.ts';
import { itemsOf, runOf } from '../support/run-spec.ts';
import { goOn } from './checkpoint-forgeries.ts';
import { first, OTHER, OTHER_RUN, set } from './forged.ts';
import { ATTEST, buildBundle, bundleLines, type Forgery, LOG_STRANGER, STRANGER, trustFile } from './honest-bundle.ts';
import { leaf } from './naive-evidence.ts';
import { byStranger, withStranger } from './reuse-forgeries.ts';
import { takeOver } from './reused-story.ts';
import { ORIGIN } from './story.ts';

const SCRIPT = join(import.meta.dirname, '../../packages/verify/verify.sh');
const folder = mkdtempSync(join(tmpdir(), 'waybill-script-'));
const openssl = new OpensslAuthority();
after(() => {
  rmSync(folder, { recursive: true });
  openssl.close();
});
let files = 0;

function file(content: string | Uint8Array): string {
  files += 1;
  const path = join(folder, String(files));
  writeFileSync(path, content);
  return path;
}

interface Proved {
  exit: number | null;
  /** Names of the proofs that hold, fail and were skipped. */
  ok: string[];
  failed: string[];
  skipped: string[];
  text: string;
}

function run(...args: string[]): Promise<Proved> {
  return new Promise((resolve) => {
    const child = spawn(SCRIPT, args, { env: { PATH: process.env.PATH ?? '' } });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        text += chunk;
      });
    }
    child.on('close', (exit) => {
      const marked = (mark: string): string[] =>
        [...text.matchAll(new RegExp(`^${mark} +([a-z-]+) `, 'gm'))].map(([, name]) => name as string);
      resolve({ exit, ok: marked('ok'), failed: marked('FAIL'), skipped: marked('skip'), text });
    });
  });
}

function prove(bundle: Uint8Array, trust: object = trustFile(), ...ca: string[]): Promise<Proved> {
  return run(file(bundle), file(JSON.stringify(trust, null, 2)), ...ca);
}

function bytesOf(lines: readonly string[]): Buffer {
  return Buffer.from(lines.map((line) => `${line}\n`).join(''));
}

const PROOFS = [
  'container',
  'events',
  'named-statements',
  'statement-signatures',
  'run-tree',
  'seal',
  'seal-signature',
  'log-entries',
  'log-inclusion',
  'checkpoint-signature',
  'time',
];

/** An authority that is openssl, and what it makes of the checkpoint in a bundle. */
function stamper(): { ca: string; stamp(lines: string[], of?: (note: string) => string): string[] } {
  const root = openssl.certify('Root', { extensions: CA_EXTENSIONS });
  const signer = openssl.certify('TSA', { by: root, extensions: TSA_EXTENSIONS });
  return {
    ca: root.certificate,
    stamp(lines, of = (note) => note) {
      const record = JSON.parse(lines.at(-2) ?? '') as { proof: string };
      const note = record.proof.slice(record.proof.indexOf('\n\n') + 2);
      const tsr = openssl.reply(openssl.query(Buffer.from(of(note))), { signer }).toString('base64');
      return recounted([...lines.slice(0, -1), JSON.stringify({ record: 'time', tsr })]);
    },
  };
}

function recounted(lines: string[]): string[] {
  return [...lines, JSON.stringify({ end: { lines: lines.length } })];
}

function retired(use: 'attest' | 'log', to: number): object {
  const trust = trustFile();
  for (const key of trust.keys) if (key.use === use) key.to = to;
  return trust;
}

interface Edit {
  title: string;
  forgery?: Forgery;
  trust?: object;
  failing: string[];
}

const text = (from: string | RegExp, to: string): Forgery => ({
  lines: (lines) => {
    const edited = lines.join('\n').replace(from, to);
    assert.notEqual(edited, lines.join('\n'), `nothing to edit: ${from}`);
    return edited.split('\n');
  },
});

const EDITS: Edit[] = [
  { title: 'a reason is edited', forgery: text('exit_nonzero', 'exit_nonzer0'), failing: ['run-tree'] },
  { title: 'the end counts other lines', forgery: text(/"lines":\d+/, '"lines":7'), failing: ['container'] },
  { title: 'the last line is cut off', forgery: { lines: (lines) => lines.slice(0, -1) }, failing: ['container'] },
  {
    title: 'a line follows the end',
    forgery: { lines: (lines) => [...lines, lines.at(-1) ?? ''] },
    failing: ['container'],
  },
  {
    title: 'the two log entries are swapped',
    forgery: { lines: (lines) => lines.toSpliced(-3, 2, lines.at(-2) ?? '', lines.at(-3) ?? '') },
    failing: ['log-entries'],
  },
  { title: 'a statement stands twice', forgery: { lines: twice('"payload"') }, failing: ['container'] },
  { title: 'a statement is left out', forgery: { lines: without('"payload"') }, failing: ['named-statements'] },
  { title: 'the seal is left out', forgery: { lines: without('"record":"seal"') }, failing: ['container'] },
  {
    title: 'events numbered from one',
    forgery: { event: (line) => set(line, { seq: line.seq + 1 }) },
    failing: ['events'],
  },
  {
    title: 'an event of another run',
    forgery: { event: (line) => set(line, line.seq === 6 ? { run: OTHER_RUN } : {}) },
    failing: ['events'],
  },
  {
    title: 'a manifest is edited in its envelope',
    forgery: { manifestEnvelope: (envelope) => reword(envelope, '"timeoutMs":60000', '"timeoutMs":90000') },
    failing: ['named-statements', 'statement-signatures'],
  },
  {
    title: 'a provenance is edited in its envelope',
    forgery: { attestationEnvelope: (envelope) => reword(envelope, '"name":"patch"', '"name":"patcH"') },
    failing: ['named-statements', 'statement-signatures'],
  },
  {
    title: 'manifests signed by a stranger',
    forgery: { attest: STRANGER, attester: ATTEST, sealer: ATTEST },
    failing: ['statement-signatures'],
  },
  {
    title: 'a stranger who names the pinned key',
    forgery: {
      attester: STRANGER,
      attestationEnvelope: ({ signatures }) => set(first(signatures), { keyid: ATTEST.keyid }),
    },
    failing: ['statement-signatures'],
  },
  {
    title: 'a signature without its padding',
    forgery: text(/=+"\}\]\}\n/, '"}]}\n'),
    failing: ['named-statements', 'statement-signatures'],
  },
  { title: 'the seal signed by a stranger', forgery: { sealer: STRANGER }, failing: ['seal-signature'] },
  { title: 'a seal over another root', forgery: { seal: otherRoot }, failing: ['run-tree'] },
  {
    title: 'a seal of another run',
    forgery: { seal: ({ predicate }) => set(predicate, { run: OTHER_RUN }) },
    failing: ['seal'],
  },
  {
    title: 'a seal with another place in the log',
    forgery: { seal: ({ predicate }) => set(predicate, { openedIndex: 0 }) },
    failing: ['log-entries'],
  },
  { title: 'the log holds another seal', forgery: { sealed: (e) => set(e, { seal: OTHER }) }, failing: ['seal'] },
  {
    title: 'the log opened with another event',
    forgery: { opened: (e) => set(e, { event: OTHER }) },
    failing: ['log-entries'],
  },
  {
    title: 'the log never took the entry',
    forgery: { log: (leaves) => leaves.splice(3, 1, leaf('x')) },
    failing: ['log-inclusion'],
  },
  { title: 'a proof leads to another index', forgery: text('index 3', 'index 2'), failing: ['log-inclusion'] },
  {
    title: 'a checkpoint of another size',
    forgery: { checkpoint: (body) => body.replace('\n5\n', '\n9\n') },
    failing: ['log-inclusion'],
  },
  {
    title: 'the proofs lead to two checkpoints',
    forgery: { proof: (p, of) => (of === 'run.opened' ? p : `${p}${p.trimEnd().split('\n').at(-1)}\n`) },
    failing: ['log-inclusion'],
  },
  {
    title: 'the checkpoint signed by a stranger',
    forgery: { logger: LOG_STRANGER },
    failing: ['checkpoint-signature'],
  },
  {
    title: 'a signature of the checkpoint is edited',
    forgery: { note: (note) => note.replace(/(....)(=*\n)$/, 'AAAA$2') },
    failing: ['checkpoint-signature'],
  },
  {
    title: 'a stray line behind the checkpoint',
    forgery: { note: (note) => `${note}hello\n` },
    failing: ['checkpoint-signature'],
  },
  { title: 'the log key was retired before', trust: retired('log', 4), failing: ['checkpoint-signature'] },
  {
    title: 'the attest key was retired before',
    trust: retired('attest', 1),
    failing: ['statement-signatures', 'seal-signature'],
  },
  {
    title: 'the keys of another deployment',
    trust: trustFile(STRANGER, LOG_STRANGER),
    failing: ['statement-signatures', 'seal-signature', 'checkpoint-signature'],
  },
];

function otherRoot({ subject, predicate }: Parameters<NonNullable<Forgery['seal']>>[0]): void {
  set(predicate, { root: OTHER });
  set(first(subject).digest, { sha256: OTHER.slice(7) });
}

function reword(envelope: { payload: string }, from: string, to: string): void {
  const payload = Buffer.from(envelope.payload, 'base64').toString().replace(from, to);
  envelope.payload = Buffer.from(payload).toString('base64');
}

function twice(part: string): NonNullable<Forgery['lines']> {
  return (lines) => {
    const at = lines.findIndex((line) => line.includes(part));
    return recounted(lines.slice(0, -1).toSpliced(at, 0, lines[at] as string));
  };
}

function without(part: string): NonNullable<Forgery['lines']> {
  return (lines) =>
    recounted(
      lines.slice(0, -1).toSpliced(
        lines.findIndex((line) => line.includes(part)),
        1,
      ),
    );
}

describe('verify.sh', { concurrency: 2 }, () => {
  it('an honest bundle is proved, and what is not checked is said', async () => {
    const proved = await prove(buildBundle());
    assert.deepEqual([proved.exit, proved.ok, proved.failed], [0, PROOFS.slice(0, -1), []], proved.text);
    assert.match(proved.text, /^skip {2}time +the bundle holds no time stamp$/m);
    assert.match(proved.text, /^Not checked here: /m);
  });

  it('a run with a checkpoint is proved', async () => {
    const { failed, text, exit } = await prove(buildBundle({ story: goOn }));
    assert.deepEqual([failed, exit], [[], 0], text);
  });

  it('a provenance of a result that was used again is proved, by a key that is retired by now too, and missed', async () => {
    const story = (events: RunEvent[]): void => takeOver(events);
    const proved = await prove(buildBundle({ story, reusedEnvelope: byStranger }), withStranger({ from: 0, to: 1 }));
    assert.deepEqual([proved.exit, proved.failed], [0, []], proved.text);
    const stolen = withStranger({ from: 0, to: 1, revoked: 'key_compromise' });
    const revoked = await prove(buildBundle({ story, reusedEnvelope: byStranger }), stolen);
    assert.deepEqual([revoked.exit, revoked.failed], [1, ['statement-signatures']], revoked.text);
    const later = await prove(buildBundle({ story, reusedEnvelope: byStranger }), withStranger({ from: 9 }));
    assert.deepEqual([later.exit, later.failed], [1, ['statement-signatures']], later.text);
    const missing = await prove(buildBundle({ story, reused: () => null }));
    assert.deepEqual([missing.exit, missing.failed], [1, ['named-statements']], missing.text);
  });

  it('a run of a whole engine is proved', async (t) => {
    const execute = (job: { item: string; attempt: number }): typeof SUCCEEDED =>
      job.item.endsWith('7') && job.attempt === 1
        ? FAILED
        : { ...SUCCEEDED, outputs: { 'out.txt': Buffer.from(job.item) } };
    await withBed({ execute }, async (bed) => {
      bed.submit('s', runOf(itemsOf('i', 12, { retry: { maxAttempts: 2, backoff: '100ms' }, lens: 'verify' })));
      const { status } = await bed.sealed('s');
      const audit = readFileSync(join(bed.directory, 'ledger', ...(status.bundle?.key ?? '').split('/')));
      const startedMs = performance.now();
      const proved = await prove(audit, bed.deps.signer.trust);
      t.diagnostic(`${audit.toString().split('\n').length} lines in ${Math.round(performance.now() - startedMs)} ms`);
      assert.deepEqual([proved.exit, proved.failed], [0, []], proved.text);
    });
  });

  it('a time stamp by the authority at hand is proved; by another, or of other bytes, it is not', async () => {
    const { ca, stamp } = stamper();
    const honest = bytesOf(stamp(bundleLines()));
    const proved = await prove(honest, trustFile(), ca);
    assert.deepEqual([proved.exit, proved.ok], [0, PROOFS], proved.text);
    const unasked = await prove(honest);
    assert.deepEqual([unasked.exit, unasked.skipped], [0, ['time']]);
    const others: [Buffer, string][] = [
      [honest, stamper().ca],
      [bytesOf(stamp(bundleLines(), (note) => `${note} `)), ca],
      [bytesOf(stamp(bundleLines(), (note) => note.slice(0, note.indexOf('\n\n') + 1))), ca],
    ];
    for (const [bundle, authority] of others) {
      const refused = await prove(bundle, trustFile(), authority);
      assert.deepEqual([refused.exit, refused.failed], [1, ['time']], refused.text);
    }
    assert.equal((await prove(buildBundle(), trustFile(), ca)).exit, 2, 'a time stamp was asked for and is not there');
  });

  for (const { title, forgery = {}, trust, failing } of EDITS) {
    it(`refused with exit 1: ${title}`, async () => {
      const { exit, failed, text } = await prove(buildBundle(forgery), trust);
      assert.deepEqual([exit, failed], [1, failing], text);
    });
  }

  it('each proof has an edit that it alone refuses', () => {
    const alone = EDITS.filter(({ failing }) => failing.length === 1).map(({ failing }) => failing[0]);
    assert.deepEqual(
      PROOFS.filter((proof) => proof !== 'time' && !alone.includes(proof)),
      [],
    );
  });

  it('no flipped bit is proved', async () => {
    const honest = buildBundle();
    const flips = 8;
    for (let n = 0; n < flips; n++) {
      const at = Math.floor(((n + 0.5) * honest.length) / flips);
      const flipped = Buffer.from(honest);
      flipped[at] = (flipped[at] as number) ^ (1 << (n % 8));
      const { exit, text } = await prove(flipped);
      assert.ok(exit === 1 || exit === 2, `byte ${at}, bit ${n % 8}: exit ${exit}\n${text}`);
    }
  });

  it('what is no bundle, or no keys file, ends with 2', async () => {
    const bundle = file(buildBundle());
    const keys = file(JSON.stringify(trustFile()));
    const zero = file(Buffer.concat([buildBundle().subarray(0, 500), Buffer.of(0), buildBundle().subarray(500)]));
    for (const args of [[], [bundle], [keys, keys], [bundle, bundle], [bundle, join(folder, 'absent')], [zero, keys]]) {
      const { exit, text } = await run(...args);
      assert.deepEqual([exit, /^verify\.sh: /.test(text)], [2, true], text);
    }
  });

  it('nothing that a bundle or a keys file holds is run as a command or reaches the terminal raw', async () => {
    const trap = join(folder, 'ran');
    const keys = JSON.stringify(trustFile()).replace('"from":0', `"from":"a[$(touch$IFS${trap})]"`);
    assert.equal((await run(file(buildBundle()), file(keys))).exit, 2);
    const hostile = buildBundle({
      lines: (lines) => lines.map((line, n) => (n === 0 ? line.replace(ORIGIN, `$(touch ${trap})\u001b[2J`) : line)),
    });
    const { exit, text } = await prove(hostile);
    assert.equal(exit, 1);
    assert.ok(!text.includes('\u001b'), 'an escape sequence got through');
    assert.equal(existsSync(trap), false);
  });
});
