/** Control objects that are wrong in one way each. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf, item, runOf, summary } from '../test/run-sample.ts';
import { parseControl } from './compile.ts';
import { CONTROL_LIMITS } from './limits.ts';

type Row = readonly [title: string, document: unknown, ...refused: string[]];

const DIGEST = `sha256:${'0'.repeat(64)}`;
const ANSWER = { verb: 'answer', run: 'a'.repeat(32), item: 'a', text: 'This.' };
const ITEM = { id: 'a', pipeline: [{ block: 'script', run: 'true' }] };

const CONTROLS: Row[] = [
  [
    'a run in its place',
    runOf([item('a')]),
    'SPEC_INVALID kind',
    'SPEC_INVALID spec.verb',
    'SPEC_INVALID spec.run',
    'SPEC_UNKNOWN_KEY spec.items',
    'SPEC_UNKNOWN_KEY metadata',
  ],
  ['an unknown verb', control({ verb: 'explode', run: 'a'.repeat(32) }), 'SPEC_INVALID spec.verb'],
  [
    'an unknown verb of an item',
    control({ verb: 'explode', run: 'a'.repeat(32), item: 'a' }),
    'SPEC_INVALID spec.verb',
  ],
  ['no verb', control({ run: 'a'.repeat(32) }), 'SPEC_INVALID spec.verb'],
  ['a pause of an item', control({ verb: 'pause', run: 'a'.repeat(32), item: 'a' }), 'SPEC_UNKNOWN_KEY spec.item'],
  ['a close of an item', control({ verb: 'close', run: 'a'.repeat(32), item: 'a' }), 'SPEC_UNKNOWN_KEY spec.item'],
  ['an extension by nothing', control({ verb: 'extend', run: 'a'.repeat(32), items: [] }), 'SPEC_INVALID spec.items'],
  [
    'an extension with a queue',
    control({ verb: 'extend', run: 'a'.repeat(32), items: [ITEM], queue: 'q' }),
    'SPEC_UNKNOWN_KEY spec.queue',
  ],
  [
    'an extension by an item that does nothing',
    control({ verb: 'extend', run: 'a'.repeat(32), items: [{ id: 'a' }] }),
    'SPEC_INVALID spec.items[0].pipeline',
  ],
  ['a skip of nothing', control({ verb: 'skip', run: 'a'.repeat(32) }), 'SPEC_INVALID spec.item'],
  ['an answer that says nothing', control({ ...ANSWER, text: '' }), 'SPEC_INVALID spec.text'],
  ['an answer that steers a terminal', control({ ...ANSWER, text: 'a\u001b[2J' }), 'SPEC_INVALID spec.text'],
  [
    'an answer without an end',
    control({ ...ANSWER, text: 'a'.repeat(CONTROL_LIMITS.answerChars + 1) }),
    'SPEC_LIMIT spec.text',
  ],
  [
    'an answer to a question that is no digest',
    control({ ...ANSWER, question: 'Which?' }),
    'SPEC_INVALID spec.question',
  ],
  ['an answer of no item', control({ ...ANSWER, item: undefined }), 'SPEC_INVALID spec.item'],
  [
    'a verdict on what is no digest',
    control({ verb: 'approve', run: 'a'.repeat(32), item: 'a', reviewed: 'all' }),
    'SPEC_INVALID spec.reviewed',
  ],
  [
    'a skip of what was looked at',
    control({ ...ANSWER, verb: 'skip', text: undefined, reviewed: DIGEST }),
    'SPEC_UNKNOWN_KEY spec.reviewed',
  ],
  ['a schedule without a name', control({ verb: 'schedule', do: 'rm' }), 'SPEC_INVALID spec.schedule'],
  ['a schedule and nothing to do', control({ verb: 'schedule', schedule: 'n' }), 'SPEC_INVALID spec.do'],
  [
    'a schedule of a run',
    control({ verb: 'schedule', do: 'rm', schedule: 'n', run: 'a' }),
    'SPEC_UNKNOWN_KEY spec.run',
  ],
  ['a short run id', control({ verb: 'cancel', run: 'abc' }), 'SPEC_INVALID spec.run'],
  ['an item that is no name', control({ verb: 'cancel', run: 'a'.repeat(32), item: '../x' }), 'SPEC_INVALID spec.item'],
  ['a reason', control({ verb: 'cancel', run: 'a'.repeat(32), reason: 'x' }), 'SPEC_UNKNOWN_KEY spec.reason'],
  ['an abort without a reason', control({ verb: 'abort', run: 'a'.repeat(32) }), 'SPEC_INVALID spec.reason'],
  [
    'an abort of an item',
    control({ verb: 'abort', run: 'a'.repeat(32), reason: 'x', item: 'a' }),
    'SPEC_UNKNOWN_KEY spec.item',
  ],
  [
    'a reason in prose',
    control({ verb: 'abort', run: 'a'.repeat(32), reason: 'It broke' }),
    'SPEC_INVALID spec.reason',
  ],
];

function control(object: object): unknown {
  return { apiVersion: 'waybill/v1', kind: 'Control', spec: object };
}

for (const [title, document, ...refused] of CONTROLS) {
  test(`malformed control objects: refuses ${title}`, () => {
    const read = parseControl(bytesOf(document));
    assert.deepEqual(read.ok ? [] : summary(read.refusals), refused);
  });
}

test('control objects: every verb is accepted in the form that it has', () => {
  const ofItems = ['requeue', 'retry', 'skip'].map((verb) => ({ verb, item: 'a' }));
  const ofRuns = [{ verb: 'pause' }, { verb: 'resume' }, { verb: 'close' }, { verb: 'extend', items: [ITEM] }];
  for (const spec of [...ofRuns, ...ofItems])
    assert.equal(parseControl(bytesOf(control({ ...spec, run: 'a'.repeat(32) }))).ok, true, spec.verb);
  const longest = { ...ANSWER, text: 'a'.repeat(CONTROL_LIMITS.answerChars), question: DIGEST };
  assert.equal(parseControl(bytesOf(control(longest))).ok, true);
  const approval = { verb: 'approve', run: 'a'.repeat(32), item: 'a', reviewed: DIGEST };
  assert.equal(parseControl(bytesOf(control(approval))).ok, true);
  assert.equal(parseControl(bytesOf(control({ verb: 'cancel', run: 'a'.repeat(32) }))).ok, true);
  assert.equal(parseControl(bytesOf(control({ verb: 'cancel', run: 'a'.repeat(32), item: 'a' }))).ok, true);
  assert.equal(parseControl(bytesOf(control({ verb: 'abort', run: 'a'.repeat(32), reason: 'store_lost' }))).ok, true);
});

test('malformed controls: the fix for an unknown verb lists every verb', () => {
  const read = parseControl(bytesOf(control({ verb: 'explode', run: 'a'.repeat(32) })));
  const fix = read.ok ? '' : (read.refusals[0]?.fix ?? '');
  assert.deepEqual(fix.match(/(?<=`)\w+(?=`)/g), [
    'abort',
    'answer',
    'approve',
    'cancel',
    'close',
    'extend',
    'pause',
    'reject',
    'requeue',
    'resume',
    'retry',
    'schedule',
    'skip',
  ]);
});
