/** Keys come and go through the log, and a process that dies in between leaves nothing that the next one cannot finish. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { KeyHistory, type TrustedKey, type TrustFile, verifyBundle } from '@waybill/verify';
import { composeOffline } from '#embedded/compose-offline.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { addLogKey, adoptKeys, loggedKeys, revokeKey, rotateKey } from '#flow/keys.ts';
import { checkLedger } from '#flow/ledger-check.ts';
import { publishLog } from '#flow/publish.ts';
import { openFlowBed } from '../support/embedded-flow.ts';
import { SUCCEEDED } from '../support/finished-run.ts';
import { interceptPorts } from '../support/intercepted-ports.ts';
import { ledgerEntries } from '../support/ledger-entries.ts';
import { type Life, mortal, untilDeath } from '../support/mortal-ports.ts';
import { type ItemDraft, runOf } from '../support/run-spec.ts';

const P256 = 'ecdsa-p256-sha256';

function newDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'waybill-keys-'));
}

async function offline<T>(directory: string, use: (deps: FlowDeps) => Promise<T>): Promise<T> {
  const { deps, close } = composeOffline(directory);
  try {
    await checkLedger(deps);
    await adoptKeys(deps);
    return await use(deps);
  } finally {
    await close();
  }
}

async function sealRun(
  directory: string,
  name: string,
  item: ItemDraft = { id: 'x' },
): Promise<{ bundle: Uint8Array; trust: TrustFile }> {
  const bed = await openFlowBed({ directory, execute: () => ({ ...SUCCEEDED, outputs: { v: Buffer.from('v') } }) });
  try {
    bed.submit(name, runOf([item]));
    const { status, report } = await bed.sealed(name);
    assert.equal(report.verdict, 'verified');
    const bundle = await bed.deps.ledger.get(status.bundle?.key ?? '');
    assert.ok(bundle);
    return { bundle, trust: bed.deps.signer.trust };
  } finally {
    await bed.halt();
  }
}

function countOf(bundle: Uint8Array, type: string): number {
  return Buffer.from(bundle).toString().split(`"type":"${type}"`).length - 1;
}

async function exitOf(bundle: Uint8Array, trust: TrustFile): Promise<number> {
  return (await verifyBundle([bundle], { trust })).exitCode;
}

function keyOf(keys: readonly TrustedKey[], use: TrustedKey['use']): TrustedKey {
  const key = keys.find((one) => one.use === use && one.to === undefined);
  assert.ok(key);
  return key;
}

/** What the ledger itself says, read again from its first entry by the verifier's rules. */
async function historyOf(directory: string, origin: string): Promise<KeyHistory> {
  const history = new KeyHistory(origin);
  for (const [index, entry] of ledgerEntries(directory).entries()) {
    if (entry.type === 'key.added' || entry.type === 'key.retired' || entry.type === 'key.revoked') {
      await history.add(index, entry, index < 2);
    }
  }
  return history;
}

describe('keys', { concurrency: 3 }, () => {
  it('a log begins with its keys, and what it says of them is what the signer holds', async () => {
    const directory = newDirectory();
    const { trust } = await sealRun(directory, 's');
    const [first, second] = ledgerEntries(directory);
    assert.deepEqual([first?.type, second?.type], ['key.added', 'key.added']);
    const history = await historyOf(directory, trust.origin);
    assert.deepEqual(history.keys, trust.keys);
    rmSync(directory, { recursive: true });
  });

  it('after each rotation new runs verify, old bundles stay good, and the pinned first keys lead to the last', async () => {
    const directory = newDirectory();
    const before = await sealRun(directory, 's1');
    await offline(directory, (deps) => rotateKey(deps, 'attest', P256));
    await offline(directory, (deps) => rotateKey(deps, 'log', 'ed25519'));
    const second = await offline(directory, (deps) => addLogKey(deps, P256));
    assert.equal(second.alg, P256);
    await assert.rejects(
      offline(directory, (deps) => addLogKey(deps, P256)),
      { code: 'USAGE' },
    );
    await offline(directory, (deps) => rotateKey(deps, 'log', P256));
    const after = await sealRun(directory, 's2');
    assert.equal(await exitOf(before.bundle, after.trust), 0);
    assert.equal(await exitOf(after.bundle, before.trust), 1, 'the first keys alone do not know the new ones');
    const history = await historyOf(directory, after.trust.origin);
    assert.deepEqual(history.keys, after.trust.keys);
    const { trust, unreached, unknown } = history.follow(before.trust);
    assert.deepEqual([unreached, unknown], [[], []]);
    assert.equal(await exitOf(after.bundle, trust), 0);
    assert.equal(await exitOf(before.bundle, trust), 0);
    rmSync(directory, { recursive: true });
  });

  it('a revoked key is refused from its index on; what was sealed before stays good', async () => {
    const directory = newDirectory();
    const before = await sealRun(directory, 's1');
    const size = ledgerEntries(directory).length;
    const between = await sealRun(directory, 's2');
    const old = keyOf(before.trust.keys, 'attest');
    const revoke = (): Promise<TrustedKey> =>
      offline(directory, (deps) => revokeKey(deps, old.keyid, size, 'key_compromise'));
    await assert.rejects(revoke(), { code: 'USAGE', problem: 'no other attest key is in force' });
    await offline(directory, (deps) => rotateKey(deps, 'attest', P256));
    const revoked = await revoke();
    assert.deepEqual([revoked.to, revoked.revoked], [size, 'key_compromise']);
    const after = await sealRun(directory, 's3');
    assert.equal(await exitOf(before.bundle, after.trust), 0);
    assert.equal(await exitOf(between.bundle, after.trust), 1, 'sealed by the revoked key at or after the index');
    assert.equal(await exitOf(after.bundle, after.trust), 0);
    assert.deepEqual((await historyOf(directory, after.trust.origin)).keys, after.trust.keys);
    for (const [keyid, from] of [
      ['0'.repeat(64), 3],
      [old.keyid, size + 1],
    ] as const) {
      await assert.rejects(
        offline(directory, (deps) => revokeKey(deps, keyid, from, 'superseded')),
        { code: 'USAGE' },
      );
    }
    rmSync(directory, { recursive: true });
  });

  it('what a revoked key has signed is not used again: the item runs, and its run verifies', async () => {
    const directory = newDirectory();
    const pure = { id: 'x', effect: 'pure' } as const;
    const first = await sealRun(directory, 's1', pure);
    const old = keyOf(first.trust.keys, 'attest');
    await offline(directory, (deps) => rotateKey(deps, 'attest', P256));
    const retired = await sealRun(directory, 's2', pure);
    assert.equal(countOf(retired.bundle, 'item.reused'), 1);
    await offline(directory, (deps) => revokeKey(deps, old.keyid, old.from, 'key_compromise'));
    const after = await sealRun(directory, 's3', pure);
    assert.deepEqual([countOf(after.bundle, 'item.reused'), await exitOf(after.bundle, after.trust)], [0, 0]);
    rmSync(directory, { recursive: true });
  });

  it('while an engine holds the store nothing can be rotated', async () => {
    const bed = await openFlowBed({ execute: () => SUCCEEDED });
    assert.throws(() => composeOffline(bed.directory), { code: 'ENGINE_RUNNING' });
    await bed.close();
  });
});

/** Rotates in `directory`; at call number `crashAt` the files are copied and nothing more of this life counts. */
async function rotateUntil(directory: string, copy: string, use: 'attest' | 'log', crashAt: number): Promise<Life> {
  const { deps, close } = composeOffline(directory);
  const { life, around } = mortal({ directory, copy, crashAt });
  const watched = interceptPorts(deps, around);
  await untilDeath(() => rotateKey({ ...deps, ...watched }, use, use === 'log' ? 'ed25519' : P256)).finally(close);
  return life;
}

describe('keys: crash', () => {
  for (const use of ['attest', 'log'] as const) {
    it(`wherever a rotation of the ${use} key is cut off, the next start has the old key or the new one, whole`, async () => {
      const root = newDirectory();
      const base = join(root, 'base');
      const { bundle, trust: pinned } = await sealRun(base, 's1');
      cpSync(base, join(root, 'count'), { recursive: true });
      const { calls } = await rotateUntil(join(root, 'count'), '', use, Number.POSITIVE_INFINITY);
      const outcomes = { old: 0, new: 0 };
      for (let crashAt = 1; crashAt <= calls; crashAt += 1) {
        const [first, second] = [join(root, `first-${crashAt}`), join(root, `second-${crashAt}`)];
        cpSync(base, first, { recursive: true });
        const { crashed } = await rotateUntil(first, second, use, crashAt);
        assert.ok(crashed, `call ${crashAt} of ${calls}`);
        const keys = await offline(second, async (deps) => {
          await publishLog(deps);
          return loggedKeys(deps);
        });
        outcomes[keys.length === 2 ? 'old' : 'new'] += 1;
        const history = await historyOf(second, pinned.origin);
        assert.deepEqual(history.keys, keys);
        const { trust } = history.follow(pinned);
        assert.equal(await exitOf(bundle, trust), 0, `call ${crashAt}`);
        if (crashAt % 5 === 0) {
          const after = await sealRun(second, 's2');
          assert.deepEqual(after.trust.keys, keys);
          assert.equal(await exitOf(after.bundle, trust), 0, `call ${crashAt}`);
        }
        assert.deepEqual(
          readdirSync(join(second, 'keys')).filter((name) => name.endsWith('.pending')),
          [],
        );
        for (const path of [first, second]) rmSync(path, { recursive: true });
      }
      assert.ok(outcomes.old > 0 && outcomes.new > 0, JSON.stringify(outcomes));
      rmSync(root, { recursive: true });
    });
  }
});
