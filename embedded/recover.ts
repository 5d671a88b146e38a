/**
 * Makes the store of a state directory again from its ledger, while no engine works on it: `recover.ts --dir D`. The
 * old store is kept beside the new one. Prints one JSON value, what came back and what did not, or `{error}`, and exits
 * 0 or 1.
 */
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { TerminalError, WaybillError } from '@waybill/client/errors';
import { NO_FILE } from '#adapters/local/run-store.ts';
import { isDamagedStore } from '#adapters/local/store-errors.ts';
import { isoTime } from '#core/evidence.ts';
import { STORE_LOST } from '#core/names.ts';
import { composeOffline, STORE } from '#embedded/compose-offline.ts';
import { answer, stateDirectory } from '#embedded/offline-program.ts';
import { endStatus, statusesIn } from '#embedded/unknown-runs.ts';
import { adoptKeys } from '#flow/keys.ts';
import { checkLedger, OUTDATED_STORE } from '#flow/ledger-check.ts';
import { publishLog } from '#flow/publish.ts';
import { abortLost, type Recovered, recoverStore, replayLedger } from '#flow/recover.ts';

type Reason = 'outdated' | 'damaged' | 'gone';

async function recover(directory: string): Promise<Recovered & { reason: Reason; kept: string | null }> {
  const reason = existsSync(join(directory, STORE)) ? await whyReplaced(directory) : 'gone';
  await requireLedger(directory);
  const kept = reason === 'gone' ? null : setAside(directory);
  const { deps, close } = composeOffline(directory);
  try {
    const recovered = await recoverStore(deps);
    await checkLedger(deps);
    await adoptKeys(deps);
    await abortLost(deps, recovered);
    await publishLog(deps);
    for await (const status of statusesIn(directory)) {
      if (recovered.lost.includes(status.run)) await endStatus(deps, status, STORE_LOST);
    }
    return { ...recovered, reason, kept };
  } finally {
    await close();
  }
}

/**
 * A store that agrees with the ledger is not thrown away, nor one that knows more than the ledger: then the ledger has
 * lost something, and a log that went on from what is left would contradict what was signed.
 */
async function whyReplaced(directory: string): Promise<Reason> {
  try {
    const { deps, requireSound, close } = composeOffline(directory);
    try {
      await checkLedger(deps);
      requireSound();
    } finally {
      await close();
    }
  } catch (error) {
    if (isDamagedStore(error)) return 'damaged';
    if (error instanceof WaybillError && error.path === OUTDATED_STORE) return 'outdated';
    throw error;
  }
  throw usage('the store agrees with the ledger', 'Start the engine: there is nothing to recover.');
}

/** Nothing is moved before it is certain that there is something to go on from. */
async function requireLedger(directory: string): Promise<void> {
  const { deps, close } = composeOffline(directory, NO_FILE);
  await replayLedger(deps).finally(close);
}

function setAside(directory: string): string {
  const kept = `${STORE}.${isoTime(Date.now()).replaceAll(/[:.]/g, '-')}`;
  for (const suffix of ['-wal', '-shm', '']) {
    const file = join(directory, `${STORE}${suffix}`);
    if (existsSync(file)) renameSync(file, join(directory, `${kept}${suffix}`));
  }
  return kept;
}

function usage(problem: string, fix: string): TerminalError {
  return new TerminalError({ code: 'USAGE', path: 'recover', problem, fix });
}

await answer(() => {
  const { values } = parseArgs({ options: { dir: { type: 'string' } } });
  return recover(stateDirectory(values.dir));
});
