import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { timestampRequest } from '@waybill/verify';
import { ROOT } from '../architecture/repository-files.ts';
import { CA_EXTENSIONS, OpensslAuthority, TSA_EXTENSIONS } from '../support/openssl-authority.ts';
import { SampleLog } from '../support/sample-log.ts';
import { fencedCommands, runCommand, strayFences } from './readme-commands.ts';

const PAGE = readFileSync(join(ROOT, 'docs', 'how-to', 'verify-a-time-stamp.md'), 'utf8');

const openssl = new OpensslAuthority();
after(() => openssl.close());
const root = openssl.certify('Root', { extensions: CA_EXTENSIONS });
const signer = openssl.certify('TSA', { by: root, extensions: TSA_EXTENSIONS });

/** The records of a bundle that the commands read. */
function recordsOf(checkpoint: string, stamped: string): string {
  const tsr = openssl.reply(timestampRequest(Buffer.from(stamped), Uint8Array.of(1, 2, 3)), {
    signer,
    accuracy: 'secs:1',
  });
  const proof = `c2sp.org/tlog-proof@v1\nindex 1\n\n${checkpoint}`;
  const records = [
    { entry: { type: 'run.opened' }, proof: 'another', record: 'log' },
    { entry: { type: 'run.sealed' }, proof, record: 'log' },
    { record: 'time', tsr: tsr.toString('base64') },
    { end: { lines: 4 } },
  ];
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}

async function run(records: string): Promise<{ exit: number | null; output: string }> {
  const commands = fencedCommands(PAGE);
  assert.ok(commands.length >= 6, 'the page has lost its commands');
  assert.deepEqual(strayFences(PAGE), []);
  const bundle = openssl.write('bundle.jsonl', records);
  const script = [`BUNDLE='${bundle}'`, `ROOT='${root.certificate}'`, ...commands].join('\n');
  return runCommand(openssl.directory, script);
}

test('how to verify a time stamp: the commands of the page verify one, and notice that it is over another checkpoint', async () => {
  const log = new SampleLog().grow(3);
  const good = await run(recordsOf(log.checkpoint(3), log.checkpoint(3)));
  assert.equal(good.exit, 0, good.output);
  assert.equal(good.output.match(/Verification: OK/g)?.length, 2, good.output);
  assert.equal(readFileSync(openssl.path('checkpoint'), 'utf8'), log.checkpoint(3));
  const bad = await run(recordsOf(log.checkpoint(3), log.checkpoint(2)));
  assert.notEqual(bad.exit, 0);
  assert.match(bad.output, /Verification: FAILED/);
});
