/**
 * A repository of a real package through the command line: eight items with overlapping locks, four at a time, every
 * kind of change. Each patch is applied by plain git to a fresh clone and compared with the same edit made there by hand.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

const ROOT = join(import.meta.dirname, '..', '..');
const WAYBILL = join(ROOT, 'packages', 'cli', 'bin', 'waybill.js');
const GIT_ENV = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', LC_ALL: 'C' };

/** Shell that changes the repository; the same text runs in the item and, for comparison, in a clone. */
const EDITS: Record<string, { locks: string[]; script: string }> = {
  binary: {
    locks: ['docs'],
    script: String.raw`head -c 70000 /dev/zero | tr '\0' '\377' > logo.bin; printf '\000\001PNG\r\n\032' >> logo.bin`,
  },
  rename: { locks: ['docs', 'code'], script: 'mkdir -p moved && mv package.json moved/package.json' },
  mode: { locks: ['code'], script: 'chmod +x index.js README.md' },
  latin1: {
    locks: ['docs'],
    script: String.raw`printf 'gr\374n und sch\366n\n' >> latin1.txt; printf 'caf\351\n' > "$(printf 'caf\351.txt')"`,
  },
  deleted: { locks: ['code'], script: 'rm index.cjs && rm -r v4/locales' },
  text: { locks: ['code', 'docs'], script: 'for f in v3/*.js; do sed -i \'1s/^/\\/\\/ edited\\n/\' "$f"; done' },
  links: { locks: [], script: 'ln -s README.md LESEN.md; rm LICENSE; ln -s README.md LICENSE' },
  names: {
    locks: ['docs'],
    script: String.raw`mkdir -p 'a b/ü"x'; printf 'crlf\r\nno newline' > 'a b/ü"x/file'; : > empty`,
  },
};

const scratch = mkdtempSync(join(tmpdir(), 'waybill-large-'));
const repository = join(scratch, 'repository');
const byHand = join(scratch, 'by-hand');
const state = join(scratch, 'state');

function git(directory: string, ...args: string[]): string {
  const identity = ['-c', 'user.name=Example', '-c', 'user.email=example@waybill.invalid'];
  return execFileSync('git', [...identity, ...args], {
    cwd: directory,
    env: GIT_ENV,
    encoding: 'latin1',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function waybill(...args: string[]): { exit: number | null; stdout: Buffer; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [WAYBILL, ...args, '--dir', state], { cwd: scratch });
  return { exit: status, stdout, stderr: stderr.toString() };
}

/** The tree of a fresh clone after plain git applied the patch: modes, links, names and bytes have one name in git. */
function treeWithPatch(patch: string): string {
  const clone = mkdtempSync(join(scratch, 'clone-'));
  git(scratch, 'clone', '--quiet', '--shared', '--no-checkout', repository, clone);
  git(clone, 'read-tree', 'HEAD');
  git(clone, 'apply', '--cached', '--whitespace=nowarn', patch);
  return git(clone, 'write-tree').trim();
}

/** The tree after the same edit by hand. */
function treeAfter(script: string): string {
  git(byHand, 'reset', '--quiet', '--hard');
  git(byHand, 'clean', '--quiet', '-fdx');
  execFileSync('/bin/sh', ['-c', script], { cwd: byHand });
  git(byHand, 'add', '--all', '--force');
  return git(byHand, 'write-tree').trim();
}

describe('a larger repository', () => {
  before(() => {
    // A linked package must be copied and not linked: the copy becomes a repository.
    cpSync(realpathSync(join(ROOT, 'node_modules', 'zod')), repository, {
      recursive: true,
      filter: (path) => !path.includes('zod/node_modules'),
    });
    writeFileSync(join(repository, 'logo.bin'), Buffer.from(Array.from({ length: 5_000 }, (_, n) => (n * 7) % 256)));
    writeFileSync(join(repository, 'latin1.txt'), Buffer.from('alt und gr\xfcn\n', 'latin1'));
    git(repository, 'init', '--quiet', '--initial-branch', 'main');
    git(repository, 'add', '--all');
    git(repository, 'commit', '--quiet', '--message', 'First');
    git(scratch, 'clone', '--quiet', repository, byHand);
    const items = Object.entries(EDITS).map(([id, { locks, script }]) => ({
      id,
      locks,
      pipeline: [
        { block: 'script', run: script },
        { block: 'capture', what: 'patch' },
      ],
    }));
    const spec = {
      apiVersion: 'waybill/v1',
      kind: 'Run',
      metadata: { name: 'large' },
      spec: { source: { git: { url: './repository' } }, items },
    };
    writeFileSync(join(scratch, 'waybill.json'), JSON.stringify(spec));
    mkdirSync(state);
  });

  after(() => {
    // An engine that has been idle is gone already.
    const file = join(state, 'engine.json');
    if (existsSync(file)) process.kill((JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid, 'SIGTERM');
    rmSync(scratch, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });

  it('runs eight items with overlapping locks, four at a time, to a verified bundle', () => {
    assert.ok(readdirSync(repository, { recursive: true }).length > 500);
    const { exit, stderr, stdout } = waybill('run', 'waybill.json', '--concurrency', '4');
    assert.equal(exit, 0, `${stdout}${stderr}`);
    assert.equal(waybill('audit', 'verify', 'latest').exit, 0);
  });

  for (const [id, { script }] of Object.entries(EDITS)) {
    it(`hands back ${id} as a patch that plain git applies, to the very bytes, modes and names`, () => {
      const patch = waybill('patch', 'latest', id, '-o', join(scratch, `${id}.patch`));
      assert.equal(patch.exit, 0, patch.stderr);
      assert.ok(readFileSync(join(scratch, `${id}.patch`)).byteLength > 0);
      const applied = treeWithPatch(join(scratch, `${id}.patch`));
      assert.notEqual(applied, git(repository, 'rev-parse', 'HEAD^{tree}').trim());
      assert.equal(applied, treeAfter(script));
    });
  }
});
