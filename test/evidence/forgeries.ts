/** Forged bundles, each with the checks that must refuse it, and no others. */
import type { EventData, EventType, RunEvent } from '../../packages/verify/src/events.ts';
import type { TrustFile } from '../../packages/verify/src/trust.ts';
import type { VerifyOptions } from '../../packages/verify/src/verify-bundle.ts';
import { ATTEST, type Forgery, LOG_STRANGER, STRANGER, trustFile } from './honest-bundle.ts';
import { digest } from './naive-evidence.ts';
import { claim, ORIGIN, PLAN, planDigest } from './story.ts';

export interface Forged {
  title: string;
  forgery: Forgery;
  exit: 1 | 3;
  /** In the order of the report. */
  failing: string[];
  trust?: TrustFile;
  options?: VerifyOptions;
}

const OTHER_RUN = 'c0'.repeat(16);
const OTHER = digest('something else');

/** The n-th event of a type. */
function find<T extends EventType>(story: readonly RunEvent[], type: T, n = 0): EventData[T] {
  const found = story.filter((event) => event.type === type)[n];
  if (found === undefined) throw new RangeError(`no ${type} number ${n} in the story`);
  return found.data as EventData[T];
}

function indexOf(story: readonly RunEvent[], type: EventType, item?: string, attempt = 1): number {
  return story.findIndex((event) => {
    if (event.type !== type || item === undefined) return event.type === type;
    const data = event.data as { item?: string; attempt?: number };
    return data.item === item && data.attempt === attempt;
  });
}

/** Forged by someone who holds every key: only the rules of a run can tell. */
function rule(title: string, story: (story: RunEvent[]) => void, failing = ['state-machine']): Forged {
  return { title, forgery: { story }, exit: 1, failing };
}

function signed(title: string, forgery: Forgery, failing: string[], more: Partial<Forged> = {}): Forged {
  return { title, forgery, exit: 1, failing, ...more };
}

/** Edits the finished text, as someone without a key would. */
function edited(title: string, from: string | RegExp, to: string, failing: string[], exit: 1 | 3 = 1): Forged {
  return {
    title,
    exit,
    failing,
    forgery: {
      lines(lines) {
        const text = lines.join('\n');
        const forged = text.replace(from, to);
        if (forged === text) throw new RangeError(`nothing to edit for: ${title}`);
        return forged.split('\n');
      },
    },
  };
}

const WITHOUT_A_KEY: Forged[] = [
  edited('an exit code is edited in the text', '"exit":1,', '"exit":2,', ['seal']),
  edited('a failure is turned into another reason', 'exit_nonzero', 'exit_nonzer0', ['seal']),
  edited('a count is edited in the text', '"retries":1', '"retries":0', ['state-machine', 'seal']),
  edited('the run is relabelled in the header', /"run":"[0-9a-f]{32}"/, `"run":"${OTHER_RUN}"`, ['identity']),
  edited('an extra key in an event', '"type":"item.ready"', '"trust":"me","type":"item.ready"', ['well-formed'], 3),
  edited(
    'an extra key in the end record',
    /\{"end":\{"lines":\d+\}\}/,
    '{"end":{"lines":36},"ok":true}',
    ['well-formed'],
    3,
  ),
  edited('the end counts other lines', /\{"end":\{"lines":\d+\}\}/, '{"end":{"lines":37}}', ['container']),
  edited('the signature of a manifest is stripped', /"signatures":\[[^\]]+\]/, '"signatures":[]', ['well-formed'], 3),
  edited('a manifest is signed twice', /"signatures":\[([^\]]+)\]/, '"signatures":[$1,$1]', ['well-formed'], 3),
  edited('a signature without its padding', /=+"\}\]\}\n/, '"}]}\n', ['well-formed'], 3),
  edited('the log root is edited', /"root":"sha256:[0-9a-f]{64}","run"/, `"root":"${OTHER}","run"`, [
    'log-entries',
    'log-inclusion',
  ]),
  edited('the proof leads to another index', 'index 3', 'index 2', ['log-inclusion']),
  signed('the last line is cut off', { lines: (lines) => lines.slice(0, -1) }, ['well-formed'], { exit: 3 }),
  signed('a line follows the end', { lines: (lines) => [...lines, '{"end":{"lines":37}}'] }, ['well-formed'], {
    exit: 3,
  }),
  signed('an empty line follows the end', { lines: (lines) => [...lines, ''] }, ['well-formed'], { exit: 3 }),
  signed('an empty file', { lines: () => [] }, ['well-formed'], { exit: 3 }),
  signed('something that is no bundle', { lines: () => ['hello'] }, ['well-formed'], { exit: 3 }),
  signed(
    'a line nested 10,000 deep',
    { lines: () => [`${'['.repeat(10_000)}${']'.repeat(10_000)}`] },
    ['well-formed'],
    { exit: 3 },
  ),
  signed(
    'a manifest is dropped',
    {
      lines: (lines) =>
        withEnd(
          lines.toSpliced(
            lines.findIndex((line) => line.includes('"payload"')),
            1,
          ),
        ),
    },
    ['manifests'],
  ),
  signed('the seal is dropped', { lines: (lines) => withEnd(lines.filter((line) => !line.includes('"dsse"'))) }, [
    'container',
    'seal',
    'log-entries',
    'seal-signature',
  ]),
  signed(
    'the log entry of the opening is dropped',
    { lines: (lines) => withEnd(lines.filter((line) => !line.includes('"type":"run.opened","v":1},"proof"'))) },
    ['container', 'log-entries', 'log-inclusion', 'checkpoint-signature'],
  ),
  signed(
    'a line the other way round: the seal first',
    { lines: (lines) => [lines[0] as string, lines[33] as string, ...lines.slice(1, 33), ...lines.slice(34)] },
    ['container'],
  ),
];

const WITH_A_STRANGERS_KEY: Forged[] = [
  signed('everything signed by a stranger', { attest: STRANGER, logger: LOG_STRANGER }, [
    'manifest-signatures',
    'seal-signature',
    'checkpoint-signature',
  ]),
  signed('manifests signed by a stranger', { attest: STRANGER, sealer: ATTEST }, ['manifest-signatures']),
  signed('a stranger who names the trusted key', { attest: STRANGER, sealer: ATTEST, manifestEnvelope: nameTrusted }, [
    'manifest-signatures',
  ]),
  signed('a right signature under another key id', { manifestEnvelope: nameStranger }, ['manifest-signatures']),
  signed('the seal signed by a stranger', { sealer: STRANGER }, ['seal-signature']),
  signed('the seal names another key id', { sealEnvelope: nameStranger }, ['seal-signature']),
  signed('the checkpoint signed by a stranger', { logger: LOG_STRANGER }, ['checkpoint-signature']),
  signed('the signature of the checkpoint edited', { note: (note) => note.replace(/.{6}==?\n$|.{5}=\n$/, flipEnd) }, [
    'checkpoint-signature',
  ]),
  signed('keys of another deployment', {}, ['identity', 'checkpoint-signature'], {
    trust: trustFile(ATTEST, undefined, 'else.example'),
  }),
  signed('the attest key was retired before the run', {}, ['manifest-signatures', 'seal-signature'], {
    trust: keysUntil('attest', 1),
  }),
  signed('the attest key was retired during the run', {}, ['seal-signature'], { trust: keysUntil('attest', 3) }),
  signed('the log key was retired before the checkpoint', {}, ['checkpoint-signature'], { trust: keysUntil('log', 4) }),
  signed('another run was asked for', {}, ['identity'], { options: { expectRun: OTHER_RUN } }),
];

const WITH_EVERY_KEY: Forged[] = [
  signed('events numbered from one', { event: (line) => set(line, { seq: line.seq + 1 }) }, ['sequence']),
  signed('an event of another run', { event: (line) => set(line, line.seq === 6 ? { run: OTHER_RUN } : {}) }, [
    'identity',
  ]),
  signed(
    'an event of another deployment',
    { event: (line) => set(line, line.seq === 6 ? { origin: 'else.example' } : {}) },
    ['identity'],
  ),
  signed('a manifest of another run', { manifest: ({ predicate }) => set(predicate, { run: OTHER_RUN }) }, [
    'identity',
    'manifests',
  ]),
  signed(
    'a manifest of another deployment',
    { manifest: ({ predicate }) => set(predicate, { origin: 'else.example' }) },
    ['identity'],
  ),
  signed(
    'a manifest for another subject',
    { manifest: ({ subject }) => set(first(subject), { name: `attempt/${OTHER_RUN}` }) },
    ['manifests'],
  ),
  signed('a manifest with another spec', { manifest: ({ predicate }) => set(predicate, { spec: OTHER }) }, [
    'manifests',
  ]),
  signed('a manifest with another plan', { manifest: ({ predicate }) => set(predicate, { plan: OTHER }) }, [
    'manifests',
  ]),
  signed(
    'a manifest with another epoch',
    { manifest: ({ predicate }) => set(predicate, { epoch: predicate.epoch + 1 }) },
    ['manifests'],
  ),
  signed(
    'a manifest with another isolation',
    { manifest: ({ predicate }) => set(predicate, { isolation: 'in-process' }) },
    ['manifests'],
  ),
  signed(
    'a manifest with another source',
    { manifest: ({ predicate }) => set(predicate, { source: { kind: 'none' } }) },
    ['manifests'],
  ),
  signed(
    'a manifest without the locks',
    { manifest: ({ predicate }) => set(predicate, { locks: [{ name: 'x', mode: 'shared', fence: 1 }] }) },
    ['manifests'],
  ),
  signed(
    'a manifest that never was valid',
    { manifest: ({ predicate }) => set(predicate, { expiresAt: predicate.issuedAt }) },
    ['manifests'],
  ),
  signed(
    'an input with other bytes than were produced',
    { manifest: eachInput((input) => set(input, { sha256: OTHER })) },
    ['hand-off'],
  ),
  signed(
    'an input from an attempt that failed',
    { manifest: eachInput(({ from }) => set(from, { attempt: from.attempt + 2 })) },
    ['hand-off'],
  ),
  signed(
    'an input from an item that the plan does not name',
    { manifest: eachInput(({ from }) => set(from, { item: 'lint' })) },
    ['hand-off'],
  ),
  signed('another output than the plan selects', { manifest: eachInput(({ from }) => set(from, { output: 'log' })) }, [
    'hand-off',
  ]),
  signed('an input is withheld', { manifest: ({ predicate }) => set(predicate, { inputs: [] }) }, ['hand-off']),
  signed("another run's seal", { seal: sealOfAnotherRun }, ['identity', 'seal']),
  signed('a seal over another root', { seal: ({ predicate }) => set(predicate, { root: OTHER }) }, ['seal']),
  signed('a seal over fewer events', { seal: ({ predicate }) => set(predicate, { size: predicate.size - 1 }) }, [
    'seal',
  ]),
  signed('a seal with another state', { seal: ({ predicate }) => set(predicate, { state: 'done' }) }, ['seal']),
  signed('a seal with other counts', { seal: ({ predicate }) => set(predicate.counts, { failed: 0 }) }, ['seal']),
  signed('a seal with another plan', { seal: ({ predicate }) => set(predicate, { plan: OTHER }) }, ['seal']),
  signed('a seal with another submission', { seal: ({ predicate }) => set(predicate, { submission: OTHER }) }, [
    'seal',
  ]),
  signed(
    'a seal that opens at another time',
    { seal: ({ predicate }) => set(predicate, { openedAt: predicate.sealedAt }) },
    ['seal'],
  ),
  signed(
    'a seal with another subject',
    { seal: ({ subject }) => set(first(subject).digest, { sha256: OTHER.slice(7) }) },
    ['seal'],
  ),
  signed('a seal with another place in the log', { seal: ({ predicate }) => set(predicate, { openedIndex: 0 }) }, [
    'log-entries',
  ]),
  signed(
    'a seal with another run number',
    { seal: ({ predicate }) => set(predicate, { runSeq: predicate.runSeq + 1 }) },
    ['log-entries'],
  ),
  signed('the log opened with another first event', { opened: (entry) => set(entry, { event: OTHER }) }, [
    'log-entries',
  ]),
  signed('the log holds another seal', { sealed: (entry) => set(entry, { seal: OTHER }) }, ['log-entries']),
  signed('the log holds another size', { sealed: (entry) => set(entry, { size: entry.size + 1 }) }, ['log-entries']),
  signed('the log entry of another run', { opened: (entry) => set(entry, { run: OTHER_RUN }) }, ['identity']),
  signed('the log never took the entry', { log: (leaves) => leaves.splice(3, 1, leaf('never entered')) }, [
    'log-inclusion',
  ]),
  signed(
    'the two proofs lead to different checkpoints',
    { proof: (text, of) => (of === 'run.opened' ? text : `${text}${lastLine(text)}`) },
    ['log-inclusion'],
  ),
  signed('the proof carries extra bytes', { proof: (text) => text.replace('index', 'extra aGk=\nindex') }, [
    'log-inclusion',
  ]),
  signed('a proof with a hash too many', { proof: (text) => text.replace('\n\n', `\n${'A'.repeat(43)}=\n\n`) }, [
    'log-inclusion',
  ]),
  signed('the checkpoint of another log', { checkpoint: (body) => body.replace(ORIGIN, 'else.example') }, [
    'checkpoint-signature',
  ]),
  signed('a checkpoint of another size', { checkpoint: (body) => body.replace('\n5\n', '\n9\n') }, ['log-inclusion']),
];

const AGAINST_THE_RULES: Forged[] = [
  rule('an item that was not planned is added', (s) => find(s, 'item.ready').items.push('ghost')),
  rule('an item becomes ready before what it depends on', (s) => find(s, 'item.ready').items.push('check')),
  rule('an item is claimed that never was ready', (s) => find(s, 'item.ready').items.pop()),
  rule('an attempt number is left out', (s) => renumber(s, 'lint', 2), ['state-machine']),
  rule('an epoch does not rise', (s) => {
    for (const at of ['attempt.claimed', 'attempt.settled'] as const) {
      for (const event of s) {
        if (event.type !== at) continue;
        for (const data of event.type === 'attempt.claimed'
          ? event.data.claims
          : [event.data as { item: string; attempt: number; epoch: number }]) {
          if (data.item === 'build' && data.attempt === 2) data.epoch = 1;
        }
      }
    }
  }),
  rule('a fence does not rise', (s) => set(lockOf(s, 2), { fence: 2 })),
  rule('a lock is taken while it is held', (s) => {
    first(find(s, 'attempt.claimed').claims.filter(({ item }) => item === 'slow')).locks.push({
      ...lockOf(s, 0),
      fence: 2,
    });
    lockOf(s, 1).fence = 3;
    lockOf(s, 2).fence = 4;
  }),
  rule('a claim in another queue', (s) => set(find(s, 'attempt.claimed'), { queue: 'fast' })),
  rule('an attempt is settled twice', (s) =>
    s.splice(indexOf(s, 'attempt.settled', 'lint') + 1, 0, s[indexOf(s, 'attempt.settled', 'lint')] as RunEvent),
  ),
  rule('an attempt is dispatched twice', (s) => s.splice(6, 0, s[5] as RunEvent)),
  rule('an attempt settles under an old epoch', (s) => set(find(s, 'attempt.settled', 2), { epoch: 1 })),
  rule('a success without a result', (s) => set(find(s, 'attempt.settled', 2), { result: null })),
  rule('a success with an exit code', (s) => set(find(s, 'attempt.settled', 2), { exit: 3 })),
  rule('a failure that counts as done', (s) => set(find(s, 'attempt.settled', 1), { next: 'done' })),
  rule('two outputs of one name', (s) =>
    find(s, 'attempt.settled', 2).outputs.push(first(find(s, 'attempt.settled', 2).outputs)),
  ),
  rule('a result of an attempt that never started', (s) => s.splice(indexOf(s, 'attempt.dispatched', 'lint'), 1)),
  rule('a skip without a cause', (s) => Reflect.deleteProperty(first(find(s, 'item.closed').items), 'cause')),
  rule('a skip because of an item that is not upstream', (s) =>
    set(first(find(s, 'item.closed').items), { cause: 'slow' }),
  ),
  rule('a skip because of an item that is done', (s) => {
    const [closed] = s.splice(indexOf(s, 'item.closed'), 1);
    s.splice(indexOf(s, 'run.completed'), 0, closed as RunEvent);
    first(find(s, 'item.closed').items).cause = 'check';
  }),
  rule('a cancel that nobody asked for', (s) => s.splice(indexOf(s, 'control.accepted'), 1)),
  rule('a stop that nobody asked for', (s) => s.splice(-1, 0, { type: 'run.stopping', data: { reason: 'cancelled' } })),
  rule('a stop at a deadline that was never set', (s) =>
    s.splice(-1, 0, { type: 'run.stopping', data: { reason: 'deadline_exceeded' } }),
  ),
  rule('the run completes while an item is open', (s) => s.splice(indexOf(s, 'attempt.settled', 'table'), 1)),
  rule('something happens after the end', (s) => s.push({ type: 'item.ready', data: { items: ['build'] } })),
  rule('the run is completed as done', (s) => set(find(s, 'run.completed'), { state: 'done' })),
  rule('a retry is not counted', (s) => set(find(s, 'run.completed').counts, { retries: 0 })),
  rule('an unsandboxed attempt is not counted', (s) => set(find(s, 'run.completed').counts, { unsandboxed: 0 })),
  rule('an item is left out of the plan', (s) => find(s, 'run.planned', 1).items.pop(), [
    'plan',
    'state-machine',
    'manifests',
    'hand-off',
  ]),
  rule('a dependency is taken out of the plan', (s) => set(first(find(s, 'run.planned', 1).items), { deps: [] }), [
    'plan',
  ]),
  rule('the plan has another digest', (s) => set(find(s, 'run.opened'), { plan: OTHER }), ['plan']),
  rule('the opening promises other edges', (s) => set(find(s, 'run.opened'), { edges: 5 }), ['plan']),
  rule(
    'the plan has an item that depends on itself',
    (s) => {
      const slow = find(s, 'run.planned', 1).items[1];
      if (slow !== undefined) slow.deps = ['slow'];
      find(s, 'run.opened').plan = planDigest(
        PLAN.map((entry) => (entry.id === 'slow' ? { ...entry, deps: ['slow'] } : entry)),
      );
      find(s, 'run.opened').edges = 5;
    },
    ['plan', 'state-machine'],
  ),
];

export const FORGERIES: readonly Forged[] = [
  ...WITHOUT_A_KEY,
  ...WITH_A_STRANGERS_KEY,
  ...WITH_EVERY_KEY,
  ...AGAINST_THE_RULES,
];

function first<T>(list: readonly T[]): T {
  const [one] = list;
  if (one === undefined) throw new RangeError('nothing to edit');
  return one;
}

function withEnd(lines: readonly string[]): string[] {
  return [...lines.slice(0, -1), JSON.stringify({ end: { lines: lines.length - 1 } })];
}

function lastLine(text: string): string {
  return `${text.trimEnd().split('\n').at(-1)}\n`;
}

function nameTrusted({ signatures }: { signatures: { keyid: string }[] }): void {
  first(signatures).keyid = ATTEST.keyid;
}

function nameStranger({ signatures }: { signatures: { keyid: string }[] }): void {
  first(signatures).keyid = STRANGER.keyid;
}

function flipEnd(tail: string): string {
  return (tail.startsWith('A') ? 'B' : 'A') + tail.slice(1);
}

function keysUntil(use: 'attest' | 'log', to: number): TrustFile {
  const file = trustFile();
  for (const key of file.keys) if (key.use === use) key.to = to;
  return file;
}

function sealOfAnotherRun({ subject, predicate }: { subject: { name: string }[]; predicate: { run: string } }): void {
  first(subject).name = `run/${OTHER_RUN}`;
  predicate.run = OTHER_RUN;
}

/** The lock in the n-th claim that takes it. */
function lockOf(story: readonly RunEvent[], n: number): { name: string; mode: 'shared' | 'exclusive'; fence: number } {
  const claims = story.flatMap((event) => (event.type === 'attempt.claimed' ? event.data.claims : []));
  return first(claims.flatMap(({ locks }) => locks).slice(n));
}

function renumber(story: readonly RunEvent[], item: string, attempt: number): void {
  const { id } = claim(item, attempt);
  for (const event of story) {
    const parts = event.type === 'attempt.claimed' ? event.data.claims : [event.data as { item?: string }];
    for (const part of parts)
      if (part.item === item && 'attempt' in part) Object.assign(part, { attempt, id, epoch: attempt });
  }
}
