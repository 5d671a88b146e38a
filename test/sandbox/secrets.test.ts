/** A block that looks for the secret of another one, in the sandbox and without it. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Block } from '@waybill/client/plan';
import { digestOf } from '@waybill/verify';
import { createSecretVault } from '#composition/secret-vault.ts';
import type { Isolation } from '#core/mailbox-protocol.ts';
import { type LaunchedEnd, openWorkerBed, type WorkerBed } from '../support/worker-bed.ts';
import { perl } from './escape-attempts.ts';

const SECRET = 'of-the-first-block-9f2c';

/** In the memory of every process that it sees but itself; what it looks for is nowhere as it is in its own text. */
const SCANS = perl(`
  my $wanted = reverse '${[...SECRET].reverse().join('')}';
  for my $pid (grep { $_ != $$ } map { m{/proc/(\\d+)$} } glob '/proc/[0-9]*') {
    open(my $maps, '<', "/proc/$pid/maps") or next;
    open(my $mem, '<', "/proc/$pid/mem") or next;
    while (<$maps>) {
      my ($from, $to) = /^([0-9a-f]+)-([0-9a-f]+) rw/ or next;
      my $size = hex($to) - hex($from);
      next if $size > 256 * 1024 * 1024;
      sysseek($mem, hex($from), 0) or next;
      my $found = '';
      sysread($mem, $found, $size);
      return 1 if index($found, $wanted) >= 0;
    }
  }
  return 0;`);

describe('the secret of a block', () => {
  let bed: WorkerBed;
  let isSandboxed = false;
  before(async () => {
    bed = await openWorkerBed({ allowUnsandboxed: true });
    isSandboxed = (await bed.launcher.probe()).isolation === 'bubblewrap';
    const vault = createSecretVault(async () => Buffer.from(SECRET));
    bed.mailbox.onStaged((attemptId, kind) => {
      if (kind === 'key') void answer(attemptId, vault);
    });
  });
  after(() => bed.close());

  async function answer(attemptId: string, vault: ReturnType<typeof createSecretVault>): Promise<void> {
    const key = (await bed.mailbox.asked(attemptId)) ?? '';
    const manifest = manifests.get(attemptId) ?? digestOf('');
    const sealed = await vault.seal(['token'], { attemptId, epoch: 7, manifest, key }, Date.now());
    await bed.mailbox.answer(attemptId, sealed ?? '');
  }
  const manifests = new Map<string, ReturnType<typeof digestOf>>();

  const secrets = { TOKEN: 'token', KEY: { file: 'token' } };
  const run = (isolation: Isolation, ...pipeline: Block[]): Promise<LaunchedEnd> =>
    bed.run({
      isolation,
      pipeline,
      predicate: { secrets: ['token'] },
      tamper: ({ attemptId, manifest }) => manifests.set(attemptId, digestOf(Buffer.from(manifest.payload, 'base64'))),
    });
  const first: Block = { block: 'script', run: `[ "$TOKEN" = ${SECRET} ] && [ "$(cat "$KEY")" = "$TOKEN" ]`, secrets };

  it('is found by a block that can look into its wrapper, and by none in the sandbox', async (t) => {
    const scan: Block = { block: 'script', run: SCANS };
    const [open] = await Promise.all([run('none', first, scan)]);
    assert.equal(open.result?.reason, 'ok', `the scan proves nothing: ${open.log}`);
    if (!isSandboxed) return t.skip('bubblewrap: it is not here');
    const closed = await run('bubblewrap', first, scan);
    assert.equal(closed.result?.reason, 'exit_nonzero', closed.log);
    assert.equal(closed.result?.blocks[0]?.exit, 0, closed.log);
  });

  it('is in no variable, file or descriptor of the next one, and no process of the first is left to have it', async (t) => {
    if (!isSandboxed) return t.skip('bubblewrap: it is not here');
    const leave: Block = { ...first, run: `(setsid sleep 60 &) ; true` };
    const look: Block = {
      block: 'script',
      run: `! { env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline; cat "$HOME"/* /tmp/* /waybill/.waybill/*; ls /waybill/secrets; } 2>/dev/null | grep -q 9f2c$`,
    };
    assert.equal((await run('bubblewrap', leave, look)).result?.reason, 'ok');
    // The control: the same look finds it where it is.
    const own = await run('bubblewrap', { ...look, secrets });
    assert.equal(own.result?.reason, 'exit_nonzero');
  });

  it('is unknown to the worker of the next attempt, whose process is another one', async (t) => {
    if (!isSandboxed) return t.skip('bubblewrap: it is not here');
    const says: Block = { block: 'script', run: `echo it is ${SECRET}` };
    const plain = (): Promise<LaunchedEnd> => bed.run({ isolation: 'bubblewrap', pipeline: [says] });
    // The control: who was given it keeps it out of the log, from the moment on in which it was given.
    const given = await run('bubblewrap', first, says);
    assert.match(given.log, /it is \[secret token\]/);
    const next = await plain();
    assert.match(next.log, new RegExp(`it is ${SECRET}`));
    const processOf = ({ handle }: LaunchedEnd): string | undefined => handle.split(':')[1];
    assert.notEqual(processOf(next), processOf(given));
    // And that process serves others, as it may.
    assert.equal(processOf(await plain()), processOf(next));
  });

  it('leaves nothing in its mailbox once it was taken, and no worker goes on without it', async () => {
    await run('none', first);
    const staged = readdirSync(join(bed.directory, 'staging'), { recursive: true }).map(String);
    assert.deepEqual(
      staged.filter((path) => /\/(key|sealed)$/.test(path)),
      [],
    );
    const asked = { ...first, run: 'true' };
    const unsigned = await bed.run({ isolation: 'none', pipeline: [asked] });
    assert.deepEqual([unsigned.notice.exit, unsigned.result], [40, null], 'its manifest names none');
    const swapped = await bed.run({
      isolation: 'none',
      pipeline: [asked],
      predicate: { secrets: ['token'] },
      tamper: ({ attemptId }) => manifests.set(attemptId, digestOf('another manifest')),
    });
    assert.equal(swapped.result?.reason, 'lease_invalid');
  });
});
