/** Split, aggregate, combine: `node examples/data/run.ts`. Further arguments go to `waybill run`. */
import { join, relative } from 'node:path';
import { startAfresh, waybill } from '../waybill-command.ts';

const HERE = relative('', import.meta.dirname) || '.';
const STATE = join(HERE, '.waybill');

await startAfresh(STATE);
process.exitCode = await waybill('run', join(HERE, 'waybill.yaml'), '--dir', STATE, ...process.argv.slice(2));
