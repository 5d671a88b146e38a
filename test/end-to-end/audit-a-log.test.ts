import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { LOG_FINDINGS } from '../../packages/verify/src/audit/log-finding.ts';
import { ROOT } from '../architecture/repository-files.ts';
import { openFlowBed } from '../support/embedded-flow.ts';
import { SUCCEEDED } from '../support/finished-run.ts';
import { runOf } from '../support/run-spec.ts';
import { fencedCommands, ON_PATH, runCommand, strayFences } from './readme-commands.ts';

const page = (name: string): string => readFileSync(join(ROOT, 'docs', 'how-to', name), 'utf8');
const room = mkdtempSync(join(tmpdir(), 'waybill-audit-'));
after(() => rmSync(room, { recursive: true }));

test('how to pin keys, rotate them and audit the log: the commands of the three pages work one after the other', async () => {
  const [directory, auditor] = [join(room, 'waybill'), join(room, 'auditor')];
  const bed = await openFlowBed({ directory, execute: () => SUCCEEDED });
  bed.submit('s', runOf([{ id: 'make' }, { id: 'other' }]));
  await bed.sealed('s');
  await bed.halt();
  for (const name of ['pin-keys.md', 'rotate-keys.md', 'audit-a-log.md']) {
    const commands = fencedCommands(page(name));
    assert.ok(commands.length >= 4, `${name} has lost its commands`);
    assert.deepEqual(strayFences(page(name)), []);
    for (const command of commands) {
      const typed = command.replaceAll('build/waybill', directory).replaceAll('build/auditor', auditor);
      const { exit, output } = await runCommand(ROOT, `${ON_PATH}\n${typed}`);
      assert.equal(exit, 0, `${command}\n${output}`);
    }
  }
  const keys = (name: string): string[] =>
    (JSON.parse(readFileSync(join(auditor, name), 'utf8')) as { keys: { keyid: string }[] }).keys.map(
      ({ keyid }) => keyid,
    );
  assert.deepEqual([keys('pinned.json').length, keys('current.json').length], [2, 5]);
});

test('how to audit a log: the page has every finding, with what it comes to and what it means', () => {
  const text = page('audit-a-log.md');
  for (const [code, [kind, meaning]] of Object.entries(LOG_FINDINGS)) {
    assert.ok(text.includes(`| \`${code}\` | ${kind} | ${meaning} |`), code);
  }
});
