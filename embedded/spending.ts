/**
 * Judges `spending.json` of a state directory as the engine does when it starts: `spending.ts --dir D`. Prints what an attempt with
 * an agent is reckoned at, nothing where the file leaves that to the engine, or `{error}`, and exits 0 or 1. It changes nothing, so an engine may work there.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { LOCAL_PRICES } from '#core/price-table.ts';
import { answer } from '#embedded/offline-program.ts';
import { readSpendingFile } from '#embedded/spending-file.ts';

const { values } = parseArgs({ options: { dir: { type: 'string', default: '.waybill' } } });
await answer(async () => {
  const unsaid = { ...LOCAL_PRICES, agentMicroUsd: Number.NaN };
  const { agentMicroUsd } = readSpendingFile(resolve(values.dir), unsaid).prices;
  return Number.isNaN(agentMicroUsd) ? {} : { agentMicroUsd };
});
