/** Gates that what follows would pass without an answer: which are refused, and which are not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flowOf, flowRefusals, taking, task } from '../test/flow-sample.ts';
import { summary } from '../test/run-sample.ts';

const OUT = { output: 'out' };
const CHANGED = { from: 'scan', ...OUT, at: '/changed', moreThan: 0 };
const EDIT = task('edit', { when: CHANGED });
const done = (from: string): object => ({ from, state: 'done' });
const choosing = (oneOf: string[], more: object = {}): object => ({ needs: { file: { oneOf, select: OUT, ...more } } });
const gate = (more: object = {}, check: object = {}): object => ({ id: 'g', gate: { run: 'true', ...check }, ...more });
const TRY = task('try', { onError: 'continue' });
const ending = (until: object, ...body: object[]): object => ({ loop: { until, max: 3, body } });
const row = (more: object, ...sequential: object[]): object => ({ sequential, ...more });

function refused(...tasks: object[]): string[] {
  return summary(flowRefusals(flowOf([task('scan'), ...tasks, task('publish')])));
}

test('flow gates: one that needs what may be left out is refused at that need, with what to write', () => {
  const [refusal, ...more] = flowRefusals(flowOf([task('scan'), EDIT, gate(taking('edit')), task('publish')]));
  assert.deepEqual(refusal, {
    code: 'SPEC_INVALID',
    path: 'tasks[2].needs.file',
    problem: 'where "edit" does not leave it, the gate "g" would be passed without being asked',
    fix: 'Add a task that is never left out, with `oneOf`; or say at the gate when it counts: `when: { from: edit, state: done }`.',
  });
  assert.deepEqual(more, []);
  const [of, both] = [task('other', { when: CHANGED }), choosing(['edit', 'other'])];
  const [choice] = flowRefusals(flowOf([task('scan'), EDIT, of, gate(both)]));
  assert.match(choice?.problem ?? '', /^where none of "edit" and "other" leaves it, /);
  assert.match(
    choice?.fix ?? '',
    /`when: \{ any: \[\{ from: edit, state: done \}, \{ from: other, state: done \}\] \}`\.$/,
  );
});

test('flow gates: what the refusal says to write is accepted', () => {
  assert.deepEqual(refused(EDIT, gate({ ...taking('edit'), when: done('edit') })), []);
  assert.deepEqual(refused(EDIT, gate(choosing(['edit', 'scan']))), []);
  const either = { any: [done('edit'), done('other')] };
  const other = task('other', { when: CHANGED });
  assert.deepEqual(refused(EDIT, other, gate({ ...choosing(['edit', 'other']), when: either })), []);
});

const NEED = 'SPEC_INVALID tasks[2].needs.file';

const REFUSED: [title: string, tasks: object[], ...refused: string[]][] = [
  ['asks for something else', [EDIT, gate({ ...taking('edit'), when: done('scan') })], NEED],
  ['may run without it too', [EDIT, gate({ ...taking('edit'), when: { any: [done('edit'), done('scan')] } })], NEED],
  ['has it needed by its group', [EDIT, row(taking('edit'), gate())], NEED],
  [
    'needs what needs it',
    [EDIT, task('build', taking('edit')), gate(taking('build'))],
    'SPEC_INVALID tasks[3].needs.file',
  ],
  [
    'needs what is made of it',
    [
      EDIT,
      task('map', { forEach: { from: 'edit', outputs: 'x/' } }),
      gate({ needs: { file: { each: 'map', select: OUT } } }),
    ],
    'SPEC_INVALID tasks[3].needs.file',
  ],
  ['needs a part of a group', [row({ when: CHANGED }, task('edit')), gate(taking('edit'))], NEED],
  [
    'has a spare that may fail',
    [EDIT, task('try', { onError: 'continue' }), gate(choosing(['edit', 'try']))],
    'SPEC_INVALID tasks[3].needs.file',
  ],
  ['takes what mends another', [gate({}, { max: 2, fix: [task('mend')] }), { ...gate(taking('mend')), id: 'h' }], NEED],
  [
    'takes the last try of a loop that others end',
    [ending({ from: 'a', ...OUT, equals: 1 }, task('a'), TRY), gate(taking('try'))],
    NEED,
  ],
  [
    'is mended by what may be left out',
    [gate(taking('mend', { round: 'previous' }), { max: 2, fix: [task('mend', { when: CHANGED })] })],
    'SPEC_INVALID tasks[1].needs.file',
  ],
];

for (const [title, tasks, ...expected] of REFUSED)
  test(`flow gates: refused is one that ${title}`, () => assert.deepEqual(refused(...tasks), expected));

const TAKEN: [title: string, ...tasks: object[]][] = [
  ['is under the same condition', EDIT, gate({ ...taking('edit'), when: CHANGED })],
  ['is under more', EDIT, gate({ ...taking('edit'), when: { all: [done('scan'), CHANGED] } })],
  ['stands in the same group', row({ when: CHANGED }, task('edit'), gate(taking('edit')))],
  ['asks who needs it', EDIT, task('build', taking('edit')), gate({ ...taking('build'), when: done('build') })],
  [
    'asks that it was not left out',
    EDIT,
    gate({ ...taking('edit'), when: { not: { from: 'edit', state: 'skipped' } } }),
  ],
  [
    'takes what a loop has left',
    { loop: { until: { from: 'a', ...OUT, equals: 1 }, max: 3, body: [task('a')] } },
    gate(taking('a')),
  ],
  [
    'stands in such a loop',
    {
      loop: {
        until: { from: 'a', ...OUT, equals: 1 },
        max: 4,
        body: [task('a'), gate(taking('a', { round: 'previous' }))],
      },
    },
  ],
  ['takes what mends it', gate(choosing(['mend', 'scan'], { round: 'previous' }), { max: 3, fix: [task('mend')] })],
  ['takes what alone mends it', gate(taking('mend', { round: 'previous' }), { max: 3, fix: [task('mend')] })],
  [
    'is mended under a condition',
    EDIT,
    gate({ ...choosing(['mend', 'edit'], { round: 'previous' }), when: done('edit') }, { max: 3, fix: [task('mend')] }),
  ],
  ['takes the try that ended a loop', ending(done('try'), TRY), gate(taking('try'))],
  [
    'takes what another has left that is mended',
    gate(taking('scan'), { max: 2, capture: ['outputs'], fix: [task('mend')] }),
    { ...gate(taking('g')), id: 'h' },
  ],
  ['has a failure to stop it', task('try', { onError: 'continue' }), gate(taking('try'))],
];

for (const [title, ...tasks] of TAKEN)
  test(`flow gates: taken is one that ${title}`, () => assert.deepEqual(refused(...tasks), []));

test('flow gates: thousands of tasks in a row before one are no trouble', () => {
  const chain = Array.from({ length: 9_000 }, (_, n) => task(`t${n}`, taking(n === 0 ? 'edit' : `t${n - 1}`)));
  assert.deepEqual(refused(EDIT, row({ when: done('edit') }, ...chain, gate(taking('t8999')))), []);
});

test('flow gates: what made a condition hold is followed for some hundreds of them, and is unknown behind', () => {
  const chain = Array.from({ length: 400 }, (_, n) => task(`t${n}`, { when: done(n === 0 ? 'edit' : `t${n - 1}`) }));
  const behind = (n: number): string[] => refused(EDIT, ...chain, gate({ ...taking('edit'), when: done(`t${n}`) }));
  assert.deepEqual([behind(200), behind(399)], [[], ['SPEC_INVALID tasks[402].needs.file']]);
});
