import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { test } from 'node:test';
import { formatCheckpoint } from './checkpoint.ts';
import {
  cosignedMessage,
  formatCosignature,
  formatWitnessVkey,
  parseWitnessVkey,
  verifyCosignatures,
  type WitnessKey,
  witnessKeyHash,
} from './cosignature.ts';
import { leafHash } from './merkle.ts';
import { formatNote, formatVkey, type NoteSignature, parseNote, parseVkey, type SignedNote, vkeyOf } from './note.ts';
import { evaluateQuorum, parseTlogPolicy } from './tlog-policy.ts';

const ORIGIN = 'log.test';
const TEXT = formatCheckpoint({ origin: ORIGIN, size: 3, root: leafHash('root'), extensions: [] });

interface Signer {
  raw: Uint8Array;
  privateKey: KeyObject;
}

function makeSigner(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { privateKey, raw: Uint8Array.from(publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)) };
}

const LOG = makeSigner();
const LOG_VKEY = formatVkey(ORIGIN, LOG.raw);
const WITNESSES = Array.from({ length: 6 }, makeSigner);
const VKEYS = WITNESSES.map(({ raw }, n) => formatWitnessVkey(`witness.test/${n}`, raw));
/** `witness w0 …` to `witness w5 …`. */
const LINES = VKEYS.map((vkey, n) => `witness w${n} ${vkey}\n`).join('');

function logLine(text = TEXT): NoteSignature {
  return { name: ORIGIN, hash: parseVkey(LOG_VKEY).hash, signature: sign(null, Buffer.from(text), LOG.privateKey) };
}

function cosign(n: number, timeSeconds = 1_700_000_000 + n, text = TEXT): NoteSignature {
  const { privateKey } = WITNESSES[n] as Signer;
  const signature = sign(null, cosignedMessage(text, timeSeconds), privateKey);
  return formatCosignature(parseWitnessVkey(VKEYS[n] as string), { timeSeconds, signature });
}

function noteOf(...signatures: NoteSignature[]): SignedNote {
  return parseNote(formatNote(TEXT, [logLine(), ...signatures]));
}

async function judge(policy: string, ...signatures: NoteSignature[]) {
  const { met, k, n, seenByMs } = await evaluateQuorum(parseTlogPolicy(policy), noteOf(...signatures), ORIGIN);
  return { met, k, n, at: seenByMs === null ? null : (seenByMs - 999) / 1000 - 1_700_000_000 };
}

test('policy: the example of the specification is read, with blanks, tabs, comments and URLs', async () => {
  const text = [
    '# a comment',
    '',
    ` log\t${LOG_VKEY}  https://log.test/ `,
    ...VKEYS.map((vkey, n) => `\twitness ${n < 3 ? 'X' : 'Y'}${n} ${vkey}${n === 0 ? ' https://w.test' : ''}`),
    '  # another comment',
    'group X-witnesses 2 X0 X1 X2',
    'group Y-witnesses any Y3 Y4 Y5',
    'group X-and-Y all X-witnesses Y-witnesses',
    'quorum X-and-Y',
    '',
  ].join('\n');
  const policy = parseTlogPolicy(text);
  assert.deepEqual([policy.logs.length, policy.witnesses.length], [1, 6]);
  assert.deepEqual(
    [policy.logs[0]?.url, policy.witnesses[0]?.url, policy.witnesses[1]?.url],
    ['https://log.test/', 'https://w.test', undefined],
  );
  assert.deepEqual(await judge(text, cosign(0), cosign(1), cosign(4)), { met: true, k: 3, n: 6, at: 4 });
  assert.deepEqual(await judge(text, cosign(0), cosign(3), cosign(4)), { met: false, k: 3, n: 6, at: null });
  assert.deepEqual(await judge(text, cosign(0), cosign(1), cosign(2)), { met: false, k: 3, n: 6, at: null });
});

test('policy: a quorum is a witness, a group or none, and a witness outside it has no vote', async () => {
  assert.deepEqual(await judge(`${LINES}quorum w2\n`, cosign(2)), { met: true, k: 1, n: 1, at: 2 });
  assert.deepEqual(await judge(`${LINES}quorum w2\n`, cosign(1)), { met: false, k: 0, n: 1, at: null });
  assert.deepEqual(await judge(`${LINES}group g any w0 w1\nquorum g\n`, cosign(5), cosign(1)), {
    met: true,
    k: 1,
    n: 2,
    at: 1,
  });
  assert.deepEqual(await judge('quorum none\n'), { met: true, k: 0, n: 0, at: null });
  assert.deepEqual(await judge(`${LINES}quorum none\n`, cosign(1)), { met: true, k: 0, n: 0, at: null });
});

test('policy: whoever signs twice has one vote, and its earliest time', async () => {
  const policy = `${LINES}group g 2 w0 w1 w2\nquorum g\n`;
  const twice = [cosign(0, 1_700_000_050), cosign(0, 1_700_000_010), cosign(0, 1_700_000_070)];
  assert.deepEqual(await judge(policy, ...twice), { met: false, k: 1, n: 3, at: null });
  assert.deepEqual(await judge(policy, ...twice, cosign(1, 1_700_000_005)), { met: true, k: 2, n: 3, at: 10 });
});

test('policy: the time is that of the last cosignature that was needed, not of the last one that came', async () => {
  const policy = `${LINES}group g 2 w0 w1 w2\nquorum g\n`;
  const at = (n: number, seconds: number) => cosign(n, 1_700_000_000 + seconds);
  assert.equal((await judge(policy, at(0, 30), at(1, 10), at(2, 20))).at, 20);
  const nested = `${LINES}group a 2 w0 w1 w2\ngroup b any w3 w4\ngroup g all a b\nquorum g\n`;
  assert.equal((await judge(nested, at(0, 30), at(1, 10), at(2, 20), at(3, 90), at(4, 25))).at, 25);
});

test('policy: a wrong line under a key that it names is refused, one under any other key is passed over', async () => {
  const other = makeSigner();
  const key = parseWitnessVkey(formatWitnessVkey('witness.test/0', other.raw));
  const foreign = formatCosignature(key, { timeSeconds: 1, signature: new Uint8Array(64) });
  const wrong = cosign(0, 7, `${TEXT}more\n`);
  for (const quorum of ['w0', 'w1', 'none']) {
    const policy = `${LINES}quorum ${quorum}\n`;
    await assert.rejects(judge(policy, cosign(1), wrong), { code: 'NOTE' }, quorum);
    assert.equal((await judge(policy, cosign(0), cosign(1), foreign)).met, true);
  }
});

test('policy: the log has to be one that it names, when it names any', async () => {
  const policy = `${LINES}quorum w0\n`;
  const other = makeSigner();
  const result = (log: string) => evaluateQuorum(parseTlogPolicy(`${log}${policy}`), noteOf(cosign(0)), ORIGIN);
  for (const [line, logListed] of [
    ['', true],
    [`log ${LOG_VKEY}\n`, true],
    [`log ${formatVkey(ORIGIN, other.raw)}\nlog ${LOG_VKEY}\n`, true],
    [`log ${formatVkey(ORIGIN, other.raw)}\n`, false],
    [`log ${formatVkey('other.test', LOG.raw)}\n`, false],
  ] as const) {
    const { met, k, seenByMs, logListed: listed } = await result(line);
    assert.deepEqual([met, listed, k, seenByMs !== null], [logListed, logListed, 1, logListed], line);
  }
  const strange = parseVkey(formatVkey('other.test', LOG.raw));
  const renamed = { ...logLine(), name: strange.name, hash: strange.hash };
  const signed = parseNote(formatNote(TEXT, [renamed, cosign(0)]));
  const policyOfOther = parseTlogPolicy(`log ${formatVkey('other.test', LOG.raw)}\n${policy}`);
  assert.equal((await evaluateQuorum(policyOfOther, signed, ORIGIN)).logListed, false, 'a key of another log signed');
  const forged = parseNote(formatNote(TEXT, [logLine('other\n'), cosign(0)]));
  await assert.rejects(evaluateQuorum(parseTlogPolicy(`log ${LOG_VKEY}\n${policy}`), forged, ORIGIN), { code: 'NOTE' });
  await assert.rejects(evaluateQuorum(parseTlogPolicy(policy), noteOf(cosign(0)), 'other.test'), {
    code: 'CHECKPOINT',
  });
});

test('policy: log keys may be P-256, witness keys may not, and neither may be of the other kind', () => {
  const spki = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' });
  const p256 = vkeyOf(ORIGIN, Uint8Array.from(spki));
  assert.equal(parseTlogPolicy(`log ${p256}\nquorum none\n`).logs[0]?.key.alg, 'ecdsa-p256-sha256');
  for (const line of [`witness w ${p256}`, `witness w ${LOG_VKEY}`, `log ${VKEYS[0]}`]) {
    assert.throws(() => parseTlogPolicy(`${line}\nquorum none\n`), { code: 'POLICY' }, line);
  }
});

/** Two keys, found by trying, whose four-byte hashes are the same under one name. */
function twinKeys(name: string): [Uint8Array, Uint8Array] {
  const seen = new Map<number, Uint8Array>();
  for (let n = 0; ; n++) {
    const raw = new Uint8Array(32);
    new DataView(raw.buffer).setUint32(0, n);
    const hash = witnessKeyHash(name, raw);
    const twin = seen.get(hash);
    if (twin !== undefined) return [twin, raw];
    seen.set(hash, raw);
  }
}

test('policy: two keys that a note cannot tell apart are refused, by the policy and by whoever verifies', async () => {
  const vkeys = twinKeys('w.test').map((raw) => formatWitnessVkey('w.test', raw));
  const text = vkeys.map((vkey, n) => `witness w${n} ${vkey}\n`).join('');
  assert.throws(() => parseTlogPolicy(`${text}quorum none\n`), { code: 'POLICY' });
  const keys = vkeys.map(parseWitnessVkey);
  const { name, hash } = keys[0] as WitnessKey;
  const note = noteOf({ name, hash, signature: cosign(0).signature });
  await assert.rejects(verifyCosignatures(note, keys), /two witness keys have the same name and hash/);
});

const witness = (n: number, name = `w${n}`) => `witness ${name} ${VKEYS[n]}\n`;
const many = (count: number, line: (n: number) => string) => Array.from({ length: count }, (_, n) => line(n)).join('');
const freshWitness = (n: number) => `witness n${n} ${formatWitnessVkey(`n${n}.test`, makeSigner().raw)}\n`;

test('policy: limits hold at their edge', () => {
  assert.equal(parseTlogPolicy(`${many(64, freshWitness)}quorum n63\n`).witnesses.length, 64);
  assert.throws(() => parseTlogPolicy(`${many(65, freshWitness)}quorum n63\n`), { code: 'POLICY' });
  const freshLog = (n: number) => `log ${formatVkey(`n${n}.test`, makeSigner().raw)}\n`;
  assert.equal(parseTlogPolicy(`${many(64, freshLog)}quorum none\n`).logs.length, 64);
  assert.throws(() => parseTlogPolicy(`${many(65, freshLog)}quorum none\n`), { code: 'POLICY' });
  const chain = (n: number) => `group g${n} any ${n === 0 ? 'w0' : `g${n - 1}`}\n`;
  assert.ok(parseTlogPolicy(`${witness(0)}${many(64, chain)}quorum g63\n`));
  assert.throws(() => parseTlogPolicy(`${witness(0)}${many(65, chain)}quorum g64\n`), { code: 'POLICY' });
  const padding = (length: number) => `quorum none\n#${'x'.repeat(length - 14)}\n`;
  assert.ok(parseTlogPolicy(padding(65_536)));
  assert.throws(() => parseTlogPolicy(padding(65_537)), { code: 'POLICY' });
});

/** Every rule of the format, broken once. */
const BROKEN: Readonly<Record<string, string>> = {
  'no quorum': LINES,
  'two quorums': `${LINES}quorum w0\nquorum w0\n`,
  'a quorum of two names': `${LINES}quorum w0 w1\n`,
  'a quorum without a name': `${LINES}quorum\n`,
  'a quorum that is not defined': `${LINES}quorum w6\n`,
  'a quorum before its definition': `quorum w0\n${LINES}`,
  'no newline at the end': `${LINES}quorum w0`,
  nothing: '',
  'an unknown keyword': `${LINES}quorum w0\nmirror a\n`,
  'a keyword in capitals': `${LINES}QUORUM w0\n`,
  'a carriage return': `${LINES}quorum w0\r\n`,
  'a form feed': `${LINES}quorum\fw0\n`,
  'a lone surrogate': `${LINES}quorum w0\n# \ud800\n`,
  'a no-break space for a blank': `${LINES}quorum\u00a0w0\n`,
  'a log without a key': 'log\nquorum none\n',
  'a log with too much': `log ${LOG_VKEY} u v\nquorum none\n`,
  'a log twice': `log ${LOG_VKEY}\nlog ${LOG_VKEY}\nquorum none\n`,
  'a log key under two names': `log ${LOG_VKEY}\nlog ${formatVkey('b.test', LOG.raw)}\nquorum none\n`,
  'a log key that is none': 'log a+00000000+AAAA\nquorum none\n',
  'a witness without a key': 'witness w\nquorum none\n',
  'a witness with too much': `witness w ${VKEYS[0]} u v\nquorum none\n`,
  'a witness name twice': `${witness(0)}${witness(1, 'w0')}quorum none\n`,
  'a witness key twice': `${witness(0)}${witness(0, 'w1')}quorum none\n`,
  'a witness key under another key name': `${witness(0)}witness w1 ${formatWitnessVkey('b.test', (WITNESSES[0] as Signer).raw)}\nquorum none\n`,
  'a witness called none': `${witness(0, 'none')}quorum none\n`,
  'a log that witnesses itself': `log ${LOG_VKEY}\nwitness w ${formatWitnessVkey('w.test', LOG.raw)}\nquorum w\n`,
  'a group without members': `${LINES}group g any\nquorum g\n`,
  'a group without a threshold': `${LINES}group g w0 w1\nquorum g\n`,
  'a threshold of zero': `${LINES}group g 0 w0 w1\nquorum g\n`,
  'a threshold above the group': `${LINES}group g 3 w0 w1\nquorum g\n`,
  'a threshold with a leading zero': `${LINES}group g 01 w0 w1\nquorum g\n`,
  'a threshold with a sign': `${LINES}group g +1 w0 w1\nquorum g\n`,
  'a member twice in a group': `${LINES}group g 2 w0 w0\nquorum g\n`,
  'a member in two groups': `${LINES}group a any w0 w1\ngroup b any w0 w2\ngroup g all a b\nquorum g\n`,
  'a group in two groups': `${LINES}group a any w0\ngroup b any a\ngroup g any a\nquorum g\n`,
  'a group in itself': `${LINES}group g any w0 g\nquorum g\n`,
  'a member that comes later': `group g any w0\n${LINES}quorum g\n`,
  'none as a member': `${LINES}group g any w0 none\nquorum g\n`,
  'a group called none': `${LINES}group none any w0\nquorum none\n`,
  'a group with the name of a witness': `${LINES}group w1 any w0\nquorum w1\n`,
  'two groups of one name': `${LINES}group g any w0\ngroup g any w1\nquorum g\n`,
};

for (const [what, text] of Object.entries(BROKEN)) {
  test(`policy: ${what} is refused`, () => {
    assert.throws(() => parseTlogPolicy(text), { name: 'EvidenceError', code: 'POLICY' });
  });
}

test('policy: what the refused policies are made of is accepted once it is mended', () => {
  for (const text of [
    `${LINES}quorum w0\n`,
    `${LINES}group a any w0 w1\ngroup b any w3 w2\ngroup g all a b\nquorum g\n`,
    `log ${LOG_VKEY} u\nquorum none\n`,
    `${LINES}group all all w0 w1\ngroup any any all\nquorum any\n`,
    `${LINES}quorum w0\nlog ${LOG_VKEY}\n`,
    `witness \u00e9\u2028 ${VKEYS[0]}\nquorum \u00e9\u2028\n`,
  ]) {
    assert.ok(parseTlogPolicy(text), text);
  }
});

test('policy: a refusal names the line', () => {
  assert.throws(() => parseTlogPolicy(`${LINES}group g 9 w0\nquorum g\n`), /line 7 of the policy: the threshold/);
});
