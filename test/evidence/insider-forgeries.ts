import type { DispatchStatement, ManifestInput, RunSealStatement } from '../../packages/verify/src/record/statement.ts';
import { type Forged, first, forged, OTHER, OTHER_RUN, set } from './forged.ts';
import { leaf } from './naive-evidence.ts';
import { ORIGIN } from './story.ts';

const BEFORE = '2026-11-21T04:59:59.999Z';

/** Forgeries by someone who holds every key: only that the parts disagree gives them away. */
export const WITH_EVERY_KEY: Forged[] = [
  forged('events numbered from one', { event: (line) => set(line, { seq: line.seq + 1 }) }, ['sequence SEQUENCE_GAP']),
  forged('an event of another run', { event: (line) => set(line, line.seq === 6 ? { run: OTHER_RUN } : {}) }, [
    'identity RUN_MISMATCH',
  ]),
  forged(
    'an event of another deployment',
    { event: (line) => set(line, line.seq === 6 ? { origin: 'else.example' } : {}) },
    ['identity ORIGIN_MISMATCH'],
  ),
  forged('a manifest of another run', { manifest: ({ predicate }) => set(predicate, { run: OTHER_RUN }) }, [
    'identity RUN_MISMATCH',
    'manifests MANIFEST_MISMATCH',
  ]),
  forged(
    'a manifest of another deployment',
    { manifest: ({ predicate }) => set(predicate, { origin: 'else.example' }) },
    ['identity ORIGIN_MISMATCH'],
  ),
  forged(
    'a manifest for another subject',
    { manifest: ({ subject }) => set(first(subject), { name: `attempt/${OTHER_RUN}` }) },
    ['manifests MANIFEST_MISMATCH'],
  ),
  forged('a manifest with another spec', { manifest: ({ predicate }) => set(predicate, { spec: OTHER }) }, [
    'manifests MANIFEST_MISMATCH',
  ]),
  forged('a manifest with another plan', { manifest: ({ predicate }) => set(predicate, { plan: OTHER }) }, [
    'manifests MANIFEST_MISMATCH',
  ]),
  forged(
    'a manifest with another epoch',
    { manifest: ({ predicate }) => set(predicate, { epoch: predicate.epoch + 1 }) },
    ['manifests MANIFEST_MISMATCH'],
  ),
  forged(
    'a manifest with another isolation',
    { manifest: ({ predicate }) => set(predicate, { isolation: 'in-process' }) },
    ['manifests MANIFEST_MISMATCH'],
  ),
  forged(
    'a manifest with another source',
    { manifest: ({ predicate }) => set(predicate, { source: { kind: 'none' } }) },
    ['manifests MANIFEST_MISMATCH'],
  ),
  forged(
    'a manifest without the locks',
    { manifest: ({ predicate }) => set(predicate, { locks: [{ name: 'x', mode: 'shared', fence: 1 }] }) },
    ['manifests MANIFEST_MISMATCH'],
  ),
  forged(
    'a manifest that never was valid',
    { manifest: ({ predicate }) => set(predicate, { expiresAt: predicate.issuedAt }) },
    ['manifests MANIFEST_MISMATCH'],
  ),
  forged(
    'a manifest issued after its dispatch',
    { manifest: ({ predicate }) => set(predicate, { issuedAt: '2026-11-21T05:00:59.000Z' }) },
    ['manifests MANIFEST_MISMATCH'],
  ),
  forged(
    'a manifest that had expired at its dispatch',
    {
      manifest: ({ predicate }) =>
        set(predicate, { issuedAt: '2026-11-21T04:00:00.000Z', expiresAt: '2026-11-21T05:00:00.000Z' }),
    },
    ['manifests MANIFEST_MISMATCH'],
  ),
  forged(
    'a sandboxed attempt that ran in-process',
    { manifest: ({ predicate }) => set(predicate, { executable: 'in-process' }) },
    ['manifests MANIFEST_MISMATCH'],
  ),
  forged(
    'an in-process attempt with a worker',
    {
      story: (story) =>
        story.forEach(({ type, data }) => {
          if (type === 'attempt.dispatched' && data.isolation !== 'none') set(data, { isolation: 'in-process' });
        }),
    },
    ['manifests MANIFEST_MISMATCH'],
  ),
  forged(
    'an input with other bytes than were produced',
    { manifest: eachInput((input) => set(input, { sha256: OTHER })) },
    ['hand-off INPUT_MISMATCH'],
  ),
  forged(
    'an input from an attempt that failed',
    { manifest: eachInput(({ from }) => set(from, { attempt: from.attempt + 2 })) },
    ['hand-off INPUT_MISMATCH'],
  ),
  forged(
    'an input from an item that the plan does not name',
    { manifest: eachInput(({ from }) => set(from, { item: 'lint' })) },
    ['hand-off INPUT_MISMATCH'],
  ),
  forged('another output than the plan selects', { manifest: eachInput(({ from }) => set(from, { output: 'log' })) }, [
    'hand-off INPUT_MISMATCH',
  ]),
  forged('an input is withheld', { manifest: ({ predicate }) => set(predicate, { inputs: [] }) }, [
    'hand-off INPUT_MISMATCH',
  ]),
  forged("another run's seal", { seal: sealOfAnotherRun }, ['identity RUN_MISMATCH', 'seal SEAL_ROOT']),
  forged('a seal over another root', { seal: ({ predicate }) => set(predicate, { root: OTHER }) }, ['seal SEAL_ROOT']),
  forged('a seal over fewer events', { seal: ({ predicate }) => set(predicate, { size: predicate.size - 1 }) }, [
    'seal SEAL_ROOT',
  ]),
  forged('a seal with another state', { seal: ({ predicate }) => set(predicate, { state: 'done' }) }, [
    'seal SEAL_MISMATCH',
  ]),
  forged('a seal with other counts', { seal: ({ predicate }) => set(predicate.counts, { failed: 0 }) }, [
    'seal SEAL_MISMATCH',
  ]),
  forged('a seal with another plan', { seal: ({ predicate }) => set(predicate, { plan: OTHER }) }, [
    'seal SEAL_MISMATCH',
  ]),
  forged('a seal with another submission', { seal: ({ predicate }) => set(predicate, { submission: OTHER }) }, [
    'seal SEAL_MISMATCH',
  ]),
  forged(
    'a seal that opens at another time',
    { seal: ({ predicate }) => set(predicate, { openedAt: predicate.sealedAt }) },
    ['seal SEAL_MISMATCH'],
  ),
  forged(
    'a run that was completed before it was opened',
    {
      event: (line) => set(line, line.type === 'run.completed' ? { at: BEFORE } : {}),
      seal: ({ predicate }) => set(predicate, { completedAt: BEFORE }),
    },
    ['seal SEAL_MISMATCH'],
  ),
  forged(
    'a seal with another subject',
    { seal: ({ subject }) => set(first(subject).digest, { sha256: OTHER.slice(7) }) },
    ['seal SEAL_MISMATCH'],
  ),
  forged('a seal with another place in the log', { seal: ({ predicate }) => set(predicate, { openedIndex: 0 }) }, [
    'log-entries LOG_ENTRY_MISMATCH',
  ]),
  forged(
    'a seal with another run number',
    { seal: ({ predicate }) => set(predicate, { runSeq: predicate.runSeq + 1 }) },
    ['log-entries LOG_ENTRY_MISMATCH'],
  ),
  forged('the log opened with another first event', { opened: (entry) => set(entry, { event: OTHER }) }, [
    'log-entries LOG_ENTRY_MISMATCH',
  ]),
  forged('the log was opened at another time', { opened: (entry) => set(entry, { at: BEFORE }) }, [
    'log-entries LOG_ENTRY_MISMATCH',
  ]),
  forged('the log was sealed at another time', { sealed: (entry) => set(entry, { at: BEFORE }) }, [
    'log-entries LOG_ENTRY_MISMATCH',
  ]),
  forged('the log holds another seal', { sealed: (entry) => set(entry, { seal: OTHER }) }, [
    'log-entries LOG_ENTRY_MISMATCH',
  ]),
  forged('the log holds another size', { sealed: (entry) => set(entry, { size: entry.size + 1 }) }, [
    'log-entries LOG_ENTRY_MISMATCH',
  ]),
  forged('the log entry of another run', { opened: (entry) => set(entry, { run: OTHER_RUN }) }, [
    'identity RUN_MISMATCH',
  ]),
  forged('the log never took the entry', { log: (leaves) => leaves.splice(3, 1, leaf('never entered')) }, [
    'log-inclusion LOG_INCLUSION',
  ]),
  forged(
    'the two proofs lead to different checkpoints',
    { proof: (text, of) => (of === 'run.opened' ? text : `${text}${lastLine(text)}`) },
    ['log-inclusion LOG_CHECKPOINTS'],
  ),
  forged('the proof carries extra bytes', { proof: (text) => text.replace('index', 'extra aGk=\nindex') }, [
    'log-inclusion LOG_INCLUSION',
  ]),
  forged('a proof with a hash too many', { proof: (text) => text.replace('\n\n', `\n${'A'.repeat(43)}=\n\n`) }, [
    'log-inclusion LOG_INCLUSION',
  ]),
  forged('the checkpoint of another log', { checkpoint: (body) => body.replace(ORIGIN, 'else.example') }, [
    'checkpoint-signature ORIGIN_UNTRUSTED',
  ]),
  forged('a checkpoint of another size', { checkpoint: (body) => body.replace('\n5\n', '\n9\n') }, [
    'log-inclusion LOG_INCLUSION',
  ]),
];

function eachInput(edit: (input: ManifestInput) => void): (statement: DispatchStatement) => void {
  return ({ predicate }) => predicate.inputs.forEach(edit);
}

function sealOfAnotherRun({ subject, predicate }: RunSealStatement): void {
  set(first(subject), { name: `run/${OTHER_RUN}`, digest: { sha256: OTHER.slice(7) } });
  set(predicate, { run: OTHER_RUN, root: OTHER });
}

function lastLine(text: string): string {
  return `${text.trimEnd().split('\n').at(-1)}\n`;
}
