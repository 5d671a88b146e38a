/** One round of this engine in a process of its own, or of its submissions without the inbox. */
import { timeRun } from './engine-bed.ts';
import { type BenchItem, type Figure, fanOutFanIn, IN_FLIGHT, printRound, SHAPES, SUBMISSIONS } from './shapes.ts';
import { timeSubmitting } from './submissions.ts';

const [, , scratch = '', way] = process.argv;

async function timeItems(items: BenchItem[]): Promise<Figure> {
  return { count: items.length, elapsedMs: await timeRun(scratch, items) };
}

if (way === 'in-process') {
  await timeSubmitting(scratch, IN_FLIGHT, 'in-process');
  await printRound({
    'w4-burst': () => timeSubmitting(scratch, SUBMISSIONS, 'in-process'),
    'w4-32': () => timeSubmitting(scratch, IN_FLIGHT, 'in-process'),
  });
} else {
  await timeItems(fanOutFanIn(500));
  await printRound({
    'w1-1000': () => timeItems(SHAPES['w1-1000']()),
    'w1-3000': () => timeItems(SHAPES['w1-3000']()),
    'w1-10000': () => timeItems(SHAPES['w1-10000']()),
    w2: () => timeItems(SHAPES.w2()),
    w3: () => timeItems(SHAPES.w3()),
    'w4-burst': () => timeSubmitting(scratch, SUBMISSIONS, 'inbox'),
    'w4-32': () => timeSubmitting(scratch, IN_FLIGHT, 'inbox'),
  });
}
