/** Forgeries by those who do not hold the deployment's keys. */
import type { TrustFile } from '../../packages/verify/src/keys/trust.ts';
import { type Forged, first, forged, OTHER, OTHER_RUN, set } from './forged.ts';
import { ATTEST, LOG_STRANGER, listedFor, STRANGER, trustFile } from './honest-bundle.ts';
import type { Envelope, Signer } from './naive-evidence.ts';
import { RUN } from './story.ts';

/** Forged without any key: edits of a finished file. */
export const WITHOUT_A_KEY: Forged[] = [
  edited('an exit code is edited in the text', '"exit":1,', '"exit":2,', [
    'seal SEAL_ROOT',
    'log-entries LOG_ENTRY_MISMATCH',
  ]),
  edited('a failure is turned into another reason', 'exit_nonzero', 'exit_nonzer0', [
    'seal SEAL_ROOT',
    'log-entries LOG_ENTRY_MISMATCH',
  ]),
  edited('a count is edited in the text', '"retries":1', '"retries":0', [
    'state-machine TRANSITION_IMPOSSIBLE',
    'seal SEAL_ROOT',
    'log-entries LOG_ENTRY_MISMATCH',
  ]),
  edited('the run is relabelled in the header', /"run":"[0-9a-f]{32}"/, `"run":"${OTHER_RUN}"`, [
    'identity RUN_MISMATCH',
  ]),
  edited('the run is relabelled everywhere', new RegExp(RUN, 'g'), OTHER_RUN, [
    'identity RUN_MISMATCH',
    'state-machine TRANSITION_IMPOSSIBLE',
    'provenance ATTESTATION_MISMATCH',
    'seal SEAL_ROOT',
    'log-entries LOG_ENTRY_MISMATCH',
    'log-inclusion LOG_INCLUSION',
  ]),
  edited(
    'an extra key in an event',
    '"type":"item.ready"',
    '"trust":"me","type":"item.ready"',
    ['well-formed SHAPE'],
    3,
  ),
  edited(
    'an extra key in the end record',
    /\{"end":\{"lines":\d+\}\}/,
    '{"end":{"lines":36},"ok":true}',
    ['well-formed SHAPE'],
    3,
  ),
  edited('the end counts other lines', /\{"end":\{"lines":\d+\}\}/, '{"end":{"lines":37}}', [
    'container CONTAINER_COUNT',
  ]),
  edited(
    'the signature of a manifest is stripped',
    /"signatures":\[[^\]]+\]/,
    '"signatures":[]',
    ['well-formed ENVELOPE'],
    3,
  ),
  edited(
    'a manifest is signed twice',
    /"signatures":\[([^\]]+)\]/,
    '"signatures":[$1,$1]',
    ['well-formed ENVELOPE'],
    3,
  ),
  edited('a signature without its padding', /=+"\}\]\}\n/, '"}]}\n', ['well-formed BASE64'], 3),
  edited('the log root is edited', /"root":"sha256:[0-9a-f]{64}","run"/, `"root":"${OTHER}","run"`, [
    'log-entries LOG_ENTRY_MISMATCH',
    'log-inclusion LOG_INCLUSION',
  ]),
  edited('the proof leads to another index', 'index 3', 'index 2', ['log-inclusion LOG_INCLUSION']),
  forged('the last line is cut off', { lines: (lines) => lines.slice(0, -1) }, ['well-formed CONTAINER'], { exit: 3 }),
  forged(
    'a line follows the end',
    { lines: (lines) => [...lines, '{"end":{"lines":37}}'] },
    ['well-formed CONTAINER'],
    {
      exit: 3,
    },
  ),
  forged('an empty line follows the end', { lines: (lines) => [...lines, ''] }, ['well-formed CONTAINER'], { exit: 3 }),
  forged('an empty file', { lines: () => [] }, ['well-formed CONTAINER'], { exit: 3 }),
  forged('something that is no bundle', { lines: () => ['hello'] }, ['well-formed JSON_SYNTAX'], { exit: 3 }),
  forged(
    'a line nested 10,000 deep',
    { lines: () => [`${'['.repeat(10_000)}${']'.repeat(10_000)}`] },
    ['well-formed JSON_LIMIT'],
    { exit: 3 },
  ),
  forged('a manifest is dropped', { lines: without('"payload"') }, [
    'manifests MANIFEST_MISSING',
    'test-results ATTESTATION_MISMATCH',
  ]),
  forged('the seal is dropped', { lines: without('"dsse"') }, [
    'container CONTAINER_ORDER',
    'seal SEAL_MISSING',
    'log-entries SEAL_MISSING',
    'seal-signature SEAL_MISSING',
  ]),
  forged('the log entry of the opening is dropped', { lines: without('"record":"log"') }, [
    'container CONTAINER_ORDER',
    'log-entries LOG_ENTRY_MISSING',
    'log-inclusion LOG_ENTRY_MISSING',
    'checkpoint-signature LOG_ENTRY_MISSING',
  ]),
  forged('the seal stands before the events', { lines: sealFirst }, ['container CONTAINER_ORDER']),
];

/** Signed by keys that the auditor does not trust, or not for this. */
export const WITH_ANOTHER_KEY: Forged[] = [
  forged('everything signed by a stranger', { attest: STRANGER, logger: LOG_STRANGER }, [
    'manifest-signatures SIGNATURE_UNTRUSTED',
    'attestation-signatures SIGNATURE_UNTRUSTED',
    'seal-signature SIGNATURE_UNTRUSTED',
    'checkpoint-signature CHECKPOINT_UNTRUSTED',
  ]),
  forged('manifests signed by a stranger', { attest: STRANGER, attester: ATTEST, sealer: ATTEST }, [
    'manifest-signatures SIGNATURE_UNTRUSTED',
  ]),
  forged(
    'a stranger who names the trusted key',
    { attest: STRANGER, attester: ATTEST, sealer: ATTEST, manifestEnvelope: name(ATTEST) },
    ['manifest-signatures SIGNATURE_UNTRUSTED'],
  ),
  forged('a right signature under another key id', { manifestEnvelope: name(STRANGER) }, [
    'manifest-signatures SIGNATURE_UNTRUSTED',
  ]),
  forged('attestations signed by a stranger', { attester: STRANGER }, ['attestation-signatures SIGNATURE_UNTRUSTED']),
  forged(
    'attestations by a stranger who names the trusted key',
    { attester: STRANGER, attestationEnvelope: name(ATTEST) },
    ['attestation-signatures SIGNATURE_UNTRUSTED'],
  ),
  forged('a right attestation under another key id', { attestationEnvelope: name(STRANGER) }, [
    'attestation-signatures SIGNATURE_UNTRUSTED',
  ]),
  forged('the seal signed by a stranger', { sealer: STRANGER }, ['seal-signature SIGNATURE_UNTRUSTED']),
  forged('the seal names another key id', { sealEnvelope: name(STRANGER) }, ['seal-signature SIGNATURE_UNTRUSTED']),
  forged('the checkpoint signed by a stranger', { logger: LOG_STRANGER }, [
    'checkpoint-signature CHECKPOINT_UNTRUSTED',
  ]),
  forged('the signature of the checkpoint edited', { note: spoilNote }, ['checkpoint-signature CHECKPOINT_SIGNATURE']),
  forged('keys of another deployment', {}, ['identity ORIGIN_UNTRUSTED', 'checkpoint-signature ORIGIN_UNTRUSTED'], {
    trust: trustFile(ATTEST, undefined, 'else.example'),
  }),
  forged(
    'the attest key was retired before the run',
    {},
    ['manifest-signatures KEY_RANGE', 'attestation-signatures KEY_RANGE', 'seal-signature KEY_RANGE'],
    {
      trust: keysUntil('attest', 1),
    },
  ),
  forged('the attest key was retired during the run', {}, ['seal-signature KEY_RANGE'], {
    trust: keysUntil('attest', 3),
  }),
  forged('the log key was retired before the checkpoint', {}, ['checkpoint-signature KEY_RANGE'], {
    trust: keysUntil('log', 4),
  }),
  forged(
    'the attest key is listed for two ranges, neither of them of the run',
    {},
    ['manifest-signatures KEY_RANGE', 'attestation-signatures KEY_RANGE', 'seal-signature KEY_RANGE'],
    {
      trust: listedFor('attest', [{ from: 0, to: 1 }, { from: 4 }]),
    },
  ),
  forged(
    'the log key is listed for two ranges, neither of them of the checkpoint',
    {},
    ['checkpoint-signature KEY_RANGE'],
    {
      trust: listedFor('log', [{ from: 0, to: 4 }, { from: 5 }]),
    },
  ),
  forged('another run was asked for', {}, ['identity RUN_UNEXPECTED'], { options: { expectRun: OTHER_RUN } }),
];

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

/** Drops the first line that holds the text, and counts again. */
function without(text: string): (lines: string[]) => string[] {
  return (lines) => {
    const rest = lines.toSpliced(
      lines.findIndex((line) => line.includes(text)),
      1,
    );
    return [...rest.slice(0, -1), JSON.stringify({ end: { lines: rest.length - 1 } })];
  };
}

function sealFirst(lines: string[]): string[] {
  const at = lines.findIndex((line) => line.includes('"dsse"'));
  return lines.toSpliced(at, 1).toSpliced(1, 0, lines[at] as string);
}

function name({ keyid }: Signer): (envelope: Envelope) => void {
  return ({ signatures }) => set(first(signatures), { keyid });
}

/** Spoils the last signature byte of a note. */
function spoilNote(note: string): string {
  return note.replace(/.{5}=\n$|.{6}==\n$/, (tail) => (tail.startsWith('A') ? 'B' : 'A') + tail.slice(1));
}

function keysUntil(use: 'attest' | 'log', to: number): TrustFile {
  const file = trustFile();
  for (const key of file.keys) if (key.use === use) key.to = to;
  return file;
}
