/** Anchors, memories and witnesses that contradict a bundle which is sound by itself. */
import type { AnchorCapture } from '../../packages/verify/src/verdict/anchor-object.ts';
import type { VerifyOptions } from '../../packages/verify/src/verdict/verify-bundle.ts';
import type { StateFile } from '../../packages/verify/src/verdict/verify-state.ts';
import {
  ANCHOR_KEY,
  BUCKET,
  captureOf,
  cosigned,
  logLeaves,
  policyFile,
  stateAfter,
  tilesOf,
  VERSION,
  WITNESSES,
  witnessPolicy,
} from './auditor-material.ts';
import { type Forged, first, forged, OTHER, OTHER_RUN, set } from './forged.ts';
import type { Forgery } from './honest-bundle.ts';
import { leaf } from './naive-evidence.ts';

const SECOND = { Key: ANCHOR_KEY, VersionId: 'another' };

export const OF_ANCHORS: Forged[] = [
  anchored('in another bucket', 'ANCHOR_BUCKET', (capture) => set(capture, { bucket: 'somewhere-else' })),
  anchored('of a larger log', 'ANCHOR_KEY', (capture) => {
    set(capture, { key: ANCHOR_KEY.replace('5', '6') });
    set(capture.versions, { Versions: [{ Key: capture.key, VersionId: VERSION }] });
  }),
  anchored('under a key that only begins like it', 'ANCHOR_KEY', (capture) =>
    set(capture, { key: `${ANCHOR_KEY}.tsr` }),
  ),
  anchored('with other bytes', 'ANCHOR_BYTES', (capture) =>
    set(capture, { body: reworded(capture.body, '\n5\n', '\n6\n') }),
  ),
  anchored('with a line feed more', 'ANCHOR_BYTES', (capture) =>
    set(capture, { body: `${Buffer.from(`${plain(capture.body)}\n`).toString('base64')}` }),
  ),
  anchored('without a byte', 'ANCHOR_BYTES', (capture) => set(capture, { body: '' })),
  anchored('with a second version', 'ANCHOR_VERSIONS', (capture) => capture.versions.Versions?.push(SECOND)),
  anchored('of which another version was listed', 'ANCHOR_VERSIONS', (capture) =>
    set(capture.versions, { Versions: [SECOND] }),
  ),
  anchored('that the list does not have', 'ANCHOR_VERSIONS', (capture) => set(capture.versions, { Versions: [] })),
  anchored('without versioning', 'ANCHOR_VERSIONS', (capture) => {
    set(capture.head, { VersionId: 'null' });
    set(first(capture.versions.Versions ?? []), { VersionId: 'null' });
  }),
  anchored('without a version id', 'ANCHOR_VERSIONS', (capture) => Reflect.deleteProperty(capture.head, 'VersionId')),
  anchored('with a delete marker', 'ANCHOR_DELETED', (capture) => set(capture.versions, { DeleteMarkers: [SECOND] })),
  anchored('locked in governance mode', 'ANCHOR_UNLOCKED', (capture) =>
    set(capture.head, { ObjectLockMode: 'GOVERNANCE' }),
  ),
  anchored('without a lock', 'ANCHOR_UNLOCKED', (capture) => Reflect.deleteProperty(capture.head, 'ObjectLockMode')),
  anchored('locked a day too short', 'ANCHOR_RETENTION', (capture) =>
    set(capture.head, { ObjectLockRetainUntilDate: '2027-11-20T05:00:59+00:00' }),
  ),
  anchored('locked until before it was written', 'ANCHOR_RETENTION', (capture) =>
    set(capture.head, { ObjectLockRetainUntilDate: '2026-11-21T05:00:59+00:00' }),
  ),
  anchored('locked without an end', 'ANCHOR_RETENTION', (capture) =>
    Reflect.deleteProperty(capture.head, 'ObjectLockRetainUntilDate'),
  ),
  anchored('written at no time', 'ANCHOR_RETENTION', (capture) => set(capture.head, { LastModified: 'yesterday' })),
];

/** The honest run, in a log that has grown since. */
const GROWN: Forgery = { log: (leaves) => leaves.push(leaf('later'), leaf('latest')) };
/** The log was cut back before the run's neighbours and grew again, differently. */
const REWRITTEN: Forgery = { log: (leaves) => leaves.splice(2, 1, leaf('rewritten')) };
const REGROWN: Forgery = {
  log: (leaves) => {
    leaves.splice(2, 1, leaf('rewritten'));
    leaves.push(leaf('later'), leaf('latest'));
  },
};

export const OF_STATES: Forged[] = [
  remembered('a fork: two roots for one size', 'STATE_FORK', {}, {}, REWRITTEN),
  remembered('a log that was cut back and grew again', 'STATE_FORK', {}, {}, REGROWN),
  remembered('a log whose older half was rewritten', 'STATE_FORK', {}, { edit: ({ nodes }) => spoil(nodes, /^[1-9]/) }),
  remembered(
    'another entry at the place of this one',
    'STATE_ENTRY',
    {},
    { edit: ({ nodes }) => spoil(nodes, /^0\/1$/) },
  ),
  remembered(
    'another run under this number',
    'STATE_RUN',
    {},
    { edit: (seen) => set(only(seen).run, { run: OTHER_RUN }) },
  ),
  remembered('this run under another number', 'STATE_RUN', {}, { edit: (seen) => set(only(seen).run, { runSeq: 6 }) }),
  remembered('this run opened elsewhere', 'STATE_RUN', {}, { edit: (seen) => set(only(seen).run, { opened: 0 }) }),
  remembered('this run sealed elsewhere', 'STATE_RUN', {}, { edit: (seen) => set(only(seen).run, { sealed: 2 }) }),
  remembered('this run sealed twice', 'STATE_RUN', {}, { edit: (seen) => set(only(seen).run, { seal: OTHER }) }),
  remembered('this run with another record', 'STATE_RUN', {}, { edit: (seen) => set(only(seen).run, { root: OTHER }) }),
  remembered(
    'an older run that stands behind this one',
    'STATE_ORDER',
    {},
    {
      edit: (seen) => set(only(seen).run, { run: OTHER_RUN, runSeq: 6, opened: 2 }),
    },
  ),
  remembered(
    'a rolled back log: a newer run in an older place',
    'STATE_ORDER',
    {},
    {
      edit: (seen) => set(only(seen).run, { run: OTHER_RUN, runSeq: 8, opened: 0 }),
    },
  ),
  remembered('a ledger that does not lead from then to now', 'STATE_FORK', GROWN, {
    edit: ({ nodes }) => nodes.splice(0),
    tiles: REGROWN,
  }),
];

export const OF_WITNESSES: Forged[] = [
  witnessed('a cosignature with a broken byte', (note) =>
    cosigned(cosigned(note, 0), 1).replace(/.{6}==\n$|.{6}=\n$/, spoiltTail),
  ),
  witnessed('a cosignature of another log', (note) => withLine(note, cosigned('else.example\n5\nAA=\n\n', 0))),
  witnessed('a cosignature of another size', (note) => withLine(note, cosigned(note.replace('\n5\n', '\n4\n'), 0))),
  witnessed('a cosignature over the bare text, without its time', (note) => note + bareLine(note)),
  witnessed('a cosignature that is too short', (note) => note + cutLine(cosigned(note, 0))),
];

function anchored(title: string, code: string, edit: (capture: AnchorCapture) => void): Forged {
  return forged(`an anchor ${title}`, {}, [`anchor ${code}`], {
    material(lines) {
      const capture = captureOf(lines);
      edit(capture);
      return { policy: policyFile({ anchor: { bucket: BUCKET, minRetentionDays: 365 } }), anchor: capture };
    },
  });
}

type Origin = StateFile['origins'][number];

function remembered(
  title: string,
  code: string,
  forgery: Forgery,
  { edit, tiles }: { edit?: (seen: Origin) => void; tiles?: Forgery },
  shown: Forgery = forgery,
): Forged {
  return forged(`against the memory: ${title}`, shown, [`state ${code}`], {
    async material(): Promise<VerifyOptions> {
      const state = await stateAfter({}, (file) => edit?.(first(file.origins)));
      return { state, ...(tiles === undefined ? {} : { readTile: tilesOf(logLeaves(tiles)) }) };
    },
  });
}

/** The memory of the one run alone: its checkpoint would say the same in other words. */
function only(seen: Origin): { run: Origin['runs'][number] } {
  seen.nodes.splice(0);
  return { run: first(seen.runs) };
}

function spoil(nodes: Origin['nodes'], at: RegExp): void {
  set(first(nodes.filter((node) => at.test(node.at))), { hash: 'ab'.repeat(32) });
}

function witnessed(title: string, note: (note: string) => string): Forged {
  return forged(title, { note }, ['witnesses COSIGNATURE_INVALID'], {
    options: { policy: policyFile({ witnesses: witnessPolicy(1) }) },
  });
}

function withLine(note: string, foreign: string): string {
  return `${note}${foreign.trimEnd().split('\n').at(-1)}\n`;
}

/** Under the key of the witness, the log's own signature. */
function bareLine(note: string): string {
  const line = cosigned(note, 0).trimEnd().split('\n').at(-1) as string;
  const blob = Buffer.from(line.split(' ')[2] as string, 'base64');
  blob.fill(0, 4, 12);
  return `— ${WITNESSES[0]?.name} ${blob.toString('base64')}\n`;
}

function cutLine(note: string): string {
  const line = note.trimEnd().split('\n').at(-1) as string;
  const blob = Buffer.from(line.split(' ')[2] as string, 'base64').subarray(0, -1);
  return `— ${WITNESSES[0]?.name} ${blob.toString('base64')}\n`;
}

function spoiltTail(tail: string): string {
  return (tail.startsWith('A') ? 'B' : 'A') + tail.slice(1);
}

function plain(base64: string): string {
  return Buffer.from(base64, 'base64').toString();
}

function reworded(base64: string, from: string, to: string): string {
  return Buffer.from(plain(base64).replace(from, to)).toString('base64');
}
