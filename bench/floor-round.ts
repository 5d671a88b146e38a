/** One round of a floor in a process of its own, as each engine has one. */
import { measureFloor, measureGroupFloor } from './floor.ts';

const [, , scratch = '', way] = process.argv;

process.stdout.write(
  `${JSON.stringify(way === 'shared' ? measureGroupFloor(scratch) : await measureFloor(scratch))}\n`,
);
