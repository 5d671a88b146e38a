/** Keys that are not those of the ledger: what is to be restored are the keys. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { composeOffline } from '#embedded/compose-offline.ts';
import { checkLedger } from '#flow/ledger-check.ts';
import { openFlowBed } from '../support/embedded-flow.ts';
import { SUCCEEDED } from '../support/finished-run.ts';
import { runOf } from '../support/run-spec.ts';

/** Seals a run there; resolves with the name of its log. */
async function begin(directory: string): Promise<string> {
  const bed = await openFlowBed({ directory, execute: () => SUCCEEDED });
  bed.submit('s', runOf([{ id: 'x' }]));
  await bed.sealed('s');
  await bed.halt();
  return bed.deps.signer.trust.origin;
}

async function check(directory: string): Promise<void> {
  const { deps, close } = composeOffline(directory);
  await checkLedger(deps).finally(close);
}

it('lost keys: those of another log in their place are told from a ledger that has lost something', async () => {
  const root = mkdtempSync(join(tmpdir(), 'waybill-lost-keys-'));
  const [mine, other] = [join(root, 'mine'), join(root, 'other')];
  const [origin, another] = [await begin(mine), await begin(other)];
  await check(mine);
  rmSync(join(mine, 'keys'), { recursive: true });
  cpSync(join(other, 'keys'), join(mine, 'keys'), { recursive: true });
  await assert.rejects(check(mine), {
    code: 'LEDGER_INCONSISTENT',
    path: 'keys',
    problem: `the ledger is of ${origin}, the keys are of ${another}`,
    fix: /^Restore the keys of that ledger/,
  });
  rmSync(root, { recursive: true });
});
