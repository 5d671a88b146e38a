/** A log through the command line while it is written: lines come before the script ends, and the next attempt follows. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

const WAYBILL = join(import.meta.dirname, '..', '..', 'packages', 'cli', 'bin', 'waybill.js');

const scratch = mkdtempSync(join(tmpdir(), 'waybill-follow-'));
const state = join(scratch, 'state');

function waybill(...args: string[]): { exit: number | null; out: string } {
  const { status, stdout } = spawnSync(process.execPath, [WAYBILL, ...args, '--dir', state], { cwd: scratch });
  return { exit: status, out: stdout.toString() };
}

/** A command that runs on, and what it has said. */
function follow(...args: string[]): { child: ChildProcess; said: (text: string) => Promise<void>; out: () => string } {
  const child = spawn(process.execPath, [WAYBILL, ...args, '--dir', state], { cwd: scratch });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  return {
    child,
    out: () => out,
    async said(text) {
      while (!out.includes(text)) await once(child.stdout, 'data');
    },
  };
}

/** The script of an attempt waits for this. */
function letGo(attempt: number): void {
  writeFileSync(join(scratch, `go-${attempt}`), '');
}

describe('a log that is followed', () => {
  before(() => {
    mkdirSync(state);
    const wait = `until [ -e ${scratch}/go-$WAYBILL_ATTEMPT ]; do sleep 0.05; done`;
    const run = `echo "$WAYBILL_ATTEMPT begins"; ${wait}; echo "$WAYBILL_ATTEMPT ends"; [ "$WAYBILL_ATTEMPT" = 2 ]`;
    const items = [{ id: 'slow', retry: { maxAttempts: 2, backoff: '100ms' }, pipeline: [{ block: 'script', run }] }];
    const spec = { apiVersion: 'waybill/v1', kind: 'Run', metadata: { name: 'followed' }, spec: { items } };
    writeFileSync(join(scratch, 'waybill.json'), JSON.stringify(spec));
  });

  after(() => {
    // An engine that has been idle is gone already.
    const file = join(state, 'engine.json');
    if (existsSync(file)) process.kill((JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid, 'SIGTERM');
    rmSync(scratch, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });

  it('shows lines while the script runs, goes on with the next attempt, and is the log that was kept', async () => {
    assert.equal(waybill('submit', 'waybill.json', '--no-sandbox').exit, 0);
    const text = follow('logs', '--follow', 'latest', 'slow');
    const json = follow('logs', '-f', 'latest', 'slow', '--json');
    const ended = [once(text.child, 'exit'), once(json.child, 'exit')];
    await Promise.all([text.said('1 begins\n'), json.said('"1 begins"')]);
    assert.match(waybill('logs', 'latest', 'slow').out, /\n1 begins\n$/);
    letGo(1);
    await Promise.all([text.said('2 begins\n'), json.said('"2 begins"')]);
    letGo(2);
    assert.deepEqual(await Promise.all(ended), [
      [0, null],
      [0, null],
    ]);
    const kept = [1, 2].map((attempt) => waybill('logs', 'latest', 'slow', '--attempt', String(attempt)).out);
    assert.match(kept.join(''), /1 begins\n1 ends\n[\s\S]*2 begins\n2 ends\n/);
    assert.equal(text.out(), kept.join(''));
    const said = json
      .out()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; line?: string });
    assert.deepEqual(said.flatMap(({ type, line }) => (type === 'line' ? [`${line}\n`] : [])).join(''), kept.join(''));
    assert.equal(said.filter(({ type }) => type === 'attempt').length, 2);
  });
});
