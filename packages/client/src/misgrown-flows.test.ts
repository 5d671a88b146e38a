/** Tasks that happen once for each output of another, and what tasks read, written so that they cannot: code and path of each. */
import { type Mutation, whole } from '../test/flow-mutations.ts';
import { flowOf, task } from '../test/flow-sample.ts';
import { judged } from '../test/malformed-flows.suite.ts';

const OUT = { output: 'out' };
const FOR = { from: 'split', outputs: 'shards/' };
const read = (value: unknown): unknown => whole({ z: { reads: { file: value } } });

/** `split`, then `map` for each of its shards, then `sum`. */
function grown(map: object = {}, sum: object = {}, ...more: object[]): unknown {
  const parts = { parts: { each: 'map', select: OUT } };
  return flowOf([task('split'), task('map', { forEach: FOR, ...map }), task('sum', { needs: parts, ...sum }), ...more]);
}

const each = (forEach: unknown): unknown => grown({ forEach });
const need = (value: object): unknown => grown({}, { needs: { x: { select: OUT, ...value } } });
const F = 'tasks[1].forEach';
const X = 'tasks[2].needs.x';
/** What is said of `sum` too, when `map` stays one. */
const ONE = 'SPEC_INVALID tasks[2].needs.parts.each';

const FOR_EACH: Mutation[] = [
  ['for each as a text', each('split'), `SPEC_INVALID ${F}`],
  ['for each of nothing', each({}), `SPEC_INVALID ${F}.from`, `SPEC_INVALID ${F}.outputs`],
  ['for each of nobody', each({ ...FOR, from: 'spilt' }), `SPEC_UNKNOWN_REFERENCE ${F}.from`],
  [
    'for each of a round',
    each({ ...FOR, from: 'split~2' }),
    `SPEC_INVALID ${F}.from`,
    `SPEC_UNKNOWN_REFERENCE ${F}.from`,
  ],
  ['for each of itself', each({ ...FOR, from: 'map' }), `SPEC_CYCLE ${F}.from`],
  ['for each of what comes later', each({ ...FOR, from: 'sum' }), `SPEC_CYCLE ${F}.from`],
  ['for each without a folder', each({ from: 'split' }), `SPEC_INVALID ${F}.outputs`],
  ['for each of a folder that climbs', each({ ...FOR, outputs: '../' }), `SPEC_INVALID ${F}.outputs`],
  ['for each of none', each({ ...FOR, max: 0 }), `SPEC_LIMIT ${F}.max`],
  ['for each of too many', each({ ...FOR, max: 301 }), `SPEC_LIMIT ${F}.max`],
  ['for each by no name', each({ ...FOR, as: 'A b' }), `SPEC_INVALID ${F}.as`],
  ['an unknown key of for each', each({ ...FOR, over: 1 }), `SPEC_UNKNOWN_KEY ${F}.over`],
  [
    'for each of one that captures nothing',
    flowOf([task('a', { agent: 'quiet' }), task('m', { forEach: { ...FOR, from: 'a' } })]),
    `SPEC_INVALID ${F}.from`,
  ],
  [
    'for each of an approval',
    flowOf([{ id: 'a', approval: {} }, task('m', { forEach: { ...FOR, from: 'a' } })]),
    `SPEC_INVALID ${F}.from`,
  ],
  [
    'for each of one that becomes many',
    grown({}, {}, task('again', { forEach: { ...FOR, from: 'map' } })),
    'SPEC_INVALID tasks[3].forEach.from',
  ],
  [
    'for each of a round that nobody can tell',
    whole({ z: { forEach: { ...FOR, from: 'd' } } }),
    'SPEC_INVALID tasks[4].forEach.from',
  ],
  ['a group for each', whole({ group: { forEach: { ...FOR, from: 'a' } } }), 'SPEC_INVALID tasks[1].forEach'],
  [
    'a loop for each',
    whole({
      loop: {},
      top: { tasks: [task('a'), { loop: { max: 1, body: [task('b')] }, forEach: { ...FOR, from: 'a' } }] },
    }),
    `SPEC_INVALID ${F}`,
  ],
  ['a gate for each', whole({ g: { forEach: { ...FOR, from: 'a' } } }), 'SPEC_INVALID tasks[3].forEach'],
  ['an approval for each', grown({}, {}, { id: 'go', approval: {}, forEach: FOR }), 'SPEC_INVALID tasks[3].forEach'],
  [
    'for each in an agent',
    flowOf([task('a')], { agents: { work: { run: 'x', forEach: FOR } } }),
    'SPEC_UNKNOWN_KEY agents.work.forEach',
  ],
  [
    'an input that is its own',
    grown({ needs: { item: { from: 'split', select: OUT } } }),
    'SPEC_INVALID tasks[1].needs.item',
  ],
  [
    'an input by the name that it chose',
    grown({ forEach: { ...FOR, as: 'shard' }, reads: { shard: { path: 'x' } } }),
    'SPEC_INVALID tasks[1].reads.shard',
  ],
  [
    'an input of its group that is its own',
    flowOf([task('split'), { reads: { item: { path: 'x' } }, sequential: [task('map', { forEach: FOR })] }]),
    'SPEC_INVALID tasks[1].reads.item',
  ],
  ['an id that leaves no room', grown({ id: 'm'.repeat(60) }, { needs: {} }), 'SPEC_LIMIT tasks[1].id'],
  [
    'too many in a loop',
    flowOf([
      task('a'),
      { loop: { max: 20, body: [{ loop: { max: 20, body: [task('m', { forEach: { ...FOR, from: 'a' } })] } }] } },
    ]),
    'SPEC_LIMIT tasks[1].loop.max',
  ],
];

const EACH: Mutation[] = [
  ['each of nobody', need({ each: 'mop' }), `SPEC_UNKNOWN_REFERENCE ${X}.each`],
  ['each of what stays one', need({ each: 'split' }), `SPEC_INVALID ${X}.each`],
  ['each of one that is no text', need({ each: 1 }), `SPEC_INVALID ${X}.each`],
  ['each and one', need({ each: 'map', from: 'split' }), `SPEC_INVALID ${X}`],
  [
    'each and several',
    need({ each: 'map', oneOf: ['split', 'map'] }),
    `SPEC_INVALID ${X}`,
    `SPEC_INVALID ${X}.oneOf[1]`,
  ],
  ['one of what becomes many', need({ from: 'map' }), `SPEC_INVALID ${X}.from`],
  ['one of several that becomes many', need({ oneOf: ['split', 'map'] }), `SPEC_INVALID ${X}.oneOf[1]`],
  ['a patch of each', need({ each: 'map', select: 'patch' }), `SPEC_INVALID ${X}.select`],
  [
    'each of what comes later',
    grown({ needs: { x: { each: 'sum', select: OUT } } }),
    'SPEC_CYCLE tasks[1].needs.x.each',
    'SPEC_INVALID tasks[1].needs.x.each',
  ],
  ['each, from when it stays one', grown({ forEach: undefined }), ONE],
  [
    'a condition on what becomes many',
    grown({}, { when: { from: 'map', ...OUT, exists: true } }),
    'SPEC_INVALID tasks[2].when.from',
  ],
  [
    'an end by what becomes many',
    flowOf([
      task('a'),
      {
        loop: {
          max: 2,
          until: { from: 'm', ...OUT, exists: true },
          body: [task('m', { forEach: { ...FOR, from: 'a' } })],
        },
      },
    ]),
    'SPEC_INVALID tasks[1].loop.until.from',
  ],
  [
    'a decision about what becomes many',
    grown({}, {}, { id: 'go', approval: { reviews: ['map'] } }),
    'SPEC_INVALID tasks[3].approval.reviews[0]',
  ],
  [
    'a key that its inputs have no room behind',
    grown({}, { needs: { ['k'.repeat(60)]: { each: 'map', select: OUT } } }),
    `SPEC_LIMIT tasks[2].needs.${'k'.repeat(60)}`,
  ],
  [
    'a key that one of its inputs has',
    grown({}, { reads: { 'parts.001': { path: 'x' } } }),
    'SPEC_INVALID tasks[2].reads["parts.001"]',
  ],
  ['more inputs than there may be', grown({ forEach: { ...FOR, max: 129 } }), 'SPEC_LIMIT tasks[2].needs'],
  [
    'more inputs of a group than there may be',
    flowOf([
      task('split'),
      task('map', { forEach: { ...FOR, max: 129 } }),
      { needs: { p: { each: 'map', select: OUT } }, sequential: [task('s')] },
    ]),
    'SPEC_LIMIT tasks[2].needs',
  ],
];

const READS: Mutation[] = [
  ['reads as a list', whole({ z: { reads: [] } }), 'SPEC_INVALID tasks[4].reads'],
  ['a read that is a text', read('data/x'), 'SPEC_INVALID tasks[4].reads.file'],
  ['a read of nothing', read({}), 'SPEC_INVALID tasks[4].reads.file.path'],
  ['a read of a path that climbs', read({ path: '../x' }), 'SOURCE_INVALID tasks[4].reads.file.path'],
  ['a read by ssh', read({ git: { url: 'git@h:x' } }), 'SOURCE_INVALID tasks[4].reads.file.git.url'],
  [
    'a read by a name with a space',
    whole({ z: { reads: { 'a b': { path: 'x' } } } }),
    'SPEC_INVALID tasks[4].reads["a b"]',
  ],
  [
    'a read that is needed too',
    whole({ e: { reads: { file: { path: 'x' } } } }),
    'SPEC_INVALID tasks[2].loop.body[1].reads.file',
  ],
  [
    'a read of a group that is needed too',
    whole({ group: { reads: { file: { path: 'x' } } } }),
    'SPEC_INVALID tasks[1].reads.file',
  ],
  [
    'a read of an approval',
    flowOf([{ id: 'go', approval: {}, reads: { file: { path: 'x' } } }]),
    'SPEC_INVALID tasks[0].reads',
  ],
  [
    'reads of an agent',
    flowOf([task('a')], { agents: { work: { run: 'x', reads: {} } } }),
    'SPEC_UNKNOWN_KEY agents.work.reads',
  ],
];

judged('growth and reads', [...FOR_EACH, ...EACH, ...READS]);
