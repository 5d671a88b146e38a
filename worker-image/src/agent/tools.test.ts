/** Tools of a model at files that are none, and with commands that leave something behind. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { EVERY_TOOL, type ToolResult, useTool } from './tools.ts';

/** Whoever waits for the other end of a pipe waits for ever. */
const NOT_FOR_EVER = { timeout: 20_000 };

describe('tools:', () => {
  let workspace: string;
  before(() => {
    workspace = mkdtempSync(join(tmpdir(), 'tools-'));
    mkdirSync(join(workspace, 'directory'));
    execFileSync('mkfifo', [join(workspace, 'pipe')]);
    symlinkSync('pipe', join(workspace, 'link'));
    writeFileSync(join(workspace, 'file'), 'a longer text');
  });
  after(() => rmSync(workspace, { recursive: true }));
  const use = (name: string, input: Record<string, string>): Promise<ToolResult> =>
    useTool(name, input, EVERY_TOOL, { workspace, outputs: workspace });

  for (const path of ['pipe', 'link', 'directory']) {
    it(`${path} is neither read nor written, and nobody waits for it`, NOT_FOR_EVER, async () => {
      assert.equal((await use('read', { path })).isError, true);
      assert.equal((await use('write', { path, text: 'x' })).isError, true);
    });
  }

  it('a plain file is read, and written anew', async () => {
    assert.deepEqual(await use('read', { path: 'file' }), { text: 'a longer text', isError: false });
    assert.deepEqual(await use('write', { path: 'file', text: 'short' }), { text: 'written: 5 bytes', isError: false });
    assert.equal(readFileSync(join(workspace, 'file'), 'utf8'), 'short');
    assert.equal((await use('write', { path: 'new/file', text: 'x' })).isError, false);
  });

  it('what a command left in its group is ended with it', NOT_FOR_EVER, async () => {
    const command = 'sleep 100 & echo $! > left; echo said';
    assert.deepEqual(await use('run', { command }), { text: 'exit 0\nsaid\n', isError: false });
    const pid = Number(readFileSync(join(workspace, 'left'), 'utf8'));
    assert.throws(() => readFileSync(`/proc/${pid}/cmdline`).length > 0 || assert.fail('it is a zombie'));
  });

  it('what has left the group of its command is not waited for', NOT_FOR_EVER, async () => {
    const command =
      'setsid sh -c "echo \\$\\$ > left; exec sleep 100" & while ! test -s left2; do cp left left2 2>/dev/null; done; echo said';
    rmSync(join(workspace, 'left'), { force: true });
    const { text } = await use('run', { command });
    assert.equal(text, 'exit 0\nsaid\n');
    process.kill(Number(readFileSync(join(workspace, 'left'), 'utf8')), 'SIGKILL');
  });
});
