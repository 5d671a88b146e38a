/** docs/how-to/use-secrets.md as it is written: its commands, and its spec, which signs what a build has made with a key under a password. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { ROOT } from '../architecture/repository-files.ts';
import { makeRepository } from '../support/git-repository.ts';
import { fencedCommands, runCommand } from './readme-commands.ts';
import { runLineOf, WaybillAt } from './waybill-at.ts';

const GUIDE = readFileSync(join(ROOT, 'docs', 'how-to', 'use-secrets.md'), 'utf8');
const PASSWORD = 'a pass-word 81c3';

describe('use secrets:', () => {
  const place = new WaybillAt('use-secrets');
  const { directory, state } = place;
  const openssl = (...args: string[]): string =>
    execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' }).toString();

  after(() => place.close());

  it('what the guide shows keeps a password and a key, and signs with them what another item has built', async (t) => {
    openssl('genrsa', '-aes256', '-passout', `pass:${PASSWORD}`, '-out', 'signing-key.pem', '2048');
    openssl('rsa', '-in', 'signing-key.pem', '-passin', `pass:${PASSWORD}`, '-pubout', '-out', 'public.pem');
    const surroundings = [
      `export PATH="${join(ROOT, 'node_modules', '.bin')}:$PATH"`,
      `export WAYBILL_HOME="${state}" KEY_PASSWORD="${PASSWORD}"`,
    ];
    const commands = fencedCommands(GUIDE);
    assert.ok(commands.length >= 3);
    for (const command of commands) {
      const { exit, output } = await runCommand(directory, [...surroundings, command].join('\n'));
      assert.equal(exit, 0, output);
    }
    const repository = join(directory, 'project');
    makeRepository(repository, () => writeFileSync(join(repository, 'build.sh'), 'tar -czf "$1" build.sh\n'));
    const [, spec = ''] = /^```yaml\n(apiVersion: [\s\S]*?)^```$/m.exec(GUIDE) ?? [];
    writeFileSync(join(directory, 'release.yaml'), spec);

    const { exit, out, err } = await place.call('run', 'release.yaml', '--json');
    if (out.includes('sandbox_required')) return t.skip('bubblewrap does not work here');
    assert.equal(exit, 0, `${out}\n${err}`);
    const { run, evidence } = runLineOf(out);
    assert.deepEqual([run.state, evidence.verdict], ['done', 'verified']);
    for (const item of ['build', 'sign']) await place.call('outputs', 'latest', item, '-o', directory);
    const files = ['-signature', 'package.tgz.sig', 'package.tgz'];
    assert.match(openssl('dgst', '-sha256', '-verify', 'public.pem', ...files), /Verified OK/);
  });
});
