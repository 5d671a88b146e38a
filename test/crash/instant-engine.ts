/**
 * An engine of its own process whose items take a few milliseconds and write one line to a journal when they start: what
 * a test kills to see whether an attempt is ever started twice. Usage: `node instant-engine.ts <dir> <journal>`.
 */
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { openFlowBed } from '../support/embedded-flow.ts';

const [directory = '', journal = ''] = process.argv.slice(2);

await openFlowBed({
  directory,
  concurrency: 8,
  execute: async ({ run, item, attempt }) => {
    appendFileSync(journal, `${run} ${item} ${attempt}\n`);
    await sleep(10);
    const isFlaky = item.endsWith('7') && attempt === 1;
    return isFlaky
      ? { outcome: 'failed', reason: 'exit_nonzero', exit: 1 }
      : { outcome: 'succeeded', reason: 'ok', exit: 0 };
  },
});
// Nothing of the engine keeps the process alive by itself.
setInterval(() => {}, 1_000);
