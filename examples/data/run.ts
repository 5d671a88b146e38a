/** Split, total, aggregate: `node examples/data/run.ts`. Further arguments go to `waybill run`. */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { makeRepository } from '../make-repository.ts';
import { startAfresh, waybill } from '../waybill-command.ts';

const HERE = relative('', import.meta.dirname) || '.';
const STATE = join(HERE, '.waybill');
const FILES = ['input/orders.csv', 'scripts/split.sh', 'scripts/total.awk', 'scripts/aggregate.awk'];

await startAfresh(STATE);
makeRepository(
  join(HERE, 'repo'),
  Object.fromEntries(FILES.map((path) => [path, readFileSync(join(HERE, path), 'utf8')])),
);
process.exitCode = await waybill('run', join(HERE, 'waybill.yaml'), '--dir', STATE, ...process.argv.slice(2));
