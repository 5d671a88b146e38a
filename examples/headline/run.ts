/** The headline: one command from a clone to patches and verified evidence. Further arguments go to `waybill run`. */
import { join, relative } from 'node:path';
import { makeRepository } from '../make-repository.ts';
import { startAfresh, waybill } from '../waybill-command.ts';
import { GREETER } from './greeter.ts';

const HERE = relative('', import.meta.dirname) || '.';
const STATE = join(HERE, '.waybill');
/** By its path: by its name alone it is found only where somebody has put it on the PATH. */
const WAYBILL = join(HERE, '..', '..', 'node_modules', '.bin', 'waybill');

await startAfresh(STATE);
makeRepository(join(HERE, 'repo'), GREETER);
const exit = await waybill(
  'run',
  join(HERE, 'waybill.yaml'),
  '--dir',
  STATE,
  '--concurrency',
  '4',
  ...process.argv.slice(2),
);
if (exit === 0) {
  process.stdout.write(`
What to look at next
  the spec          ${join(HERE, 'waybill.yaml')}
  one patch         ${WAYBILL} patch latest greet-politely --dir ${STATE}
  the first try     ${WAYBILL} logs latest changelog --attempt 1 --dir ${STATE}
  the evidence      ${WAYBILL} audit verify latest --dir ${STATE}
  how it works      docs/life-of-a-run.md
`);
}
process.exitCode = exit;
