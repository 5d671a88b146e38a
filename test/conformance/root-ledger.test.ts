import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalRootLedger } from '#adapters/local/root-ledger.ts';
import { rootLedgerSuite } from './root-ledger.suite.ts';

rootLedgerSuite('directory', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-ledger-'));
  return {
    ledger: createLocalRootLedger(directory),
    reopen: async () => createLocalRootLedger(directory),
    close: async () => rmSync(directory, { recursive: true }),
  };
});
