/**
 * Judges `spending.json` of a state directory as the engine does when it starts: `spending.ts --dir D`. Prints what an attempt with
 * an agent is reckoned at, or `{error}`, and exits 0 or 1. It changes nothing, so an engine may work there.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { answer } from '#embedded/offline-program.ts';
import { readSpendingFile } from '#embedded/spending-file.ts';

const { values } = parseArgs({ options: { dir: { type: 'string', default: '.waybill' } } });
await answer(async () => ({ agentMicroUsd: readSpendingFile(resolve(values.dir)).prices.agentMicroUsd }));
