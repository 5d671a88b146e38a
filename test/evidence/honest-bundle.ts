/** Makes a bundle of a story as the engine would, or as a forger would who can edit any stage of it, keys in hand. */

import type { TrustFile } from '../../packages/verify/src/keys/trust.ts';
import type { RunOpenedEntry, RunSealedEntry } from '../../packages/verify/src/log/log-entry.ts';
import type { EventData, EventLine, PlannedItem, RunEvent } from '../../packages/verify/src/record/events.ts';
import type { ProvenanceStatement } from '../../packages/verify/src/record/provenance.ts';
import type {
  DispatchPredicate,
  DispatchStatement,
  ManifestInput,
  RunSealStatement,
} from '../../packages/verify/src/record/statement.ts';
import { type Attestation, type AttestedEnd, attestationsOf, provenanceOfOld } from './honest-attestations.ts';
import {
  digest,
  dsse,
  type Envelope,
  inclusionPath,
  jcs,
  leaf,
  newSigner,
  type Signer,
  signedNote,
  treeRoot,
  vkey,
} from './naive-evidence.ts';
import { honestStory, ORIGIN, PLAN, RUN } from './story.ts';

export const ATTEST: Signer = newSigner('p256');
export const LOG: Signer = newSigner('ed25519');
export const STRANGER: Signer = newSigner('p256');
export const LOG_STRANGER: Signer = newSigner('ed25519');
const RUN_SEQ = 7;

export function trustFile(attest: Signer = ATTEST, log: Signer = LOG, origin: string = ORIGIN): TrustFile {
  const base = { from: 0 };
  return {
    format: 'waybill-keys/v1',
    origin,
    keys: [
      { use: 'attest', alg: 'ecdsa-p256-sha256', keyid: attest.keyid, spki: attest.spki.toString('base64'), ...base },
      {
        use: 'log',
        alg: 'ed25519',
        keyid: log.keyid,
        spki: log.spki.toString('base64'),
        vkey: vkey(origin, log),
        ...base,
      },
    ],
  };
}

/** The trust file with the keys of one use listed once for each range of log indexes. */
export function listedFor(use: 'attest' | 'log', ranges: readonly { from: number; to?: number }[]): TrustFile {
  const file = trustFile();
  const keys = file.keys.flatMap((key) => (key.use === use ? ranges.map((range) => ({ ...key, ...range })) : [key]));
  return { ...file, keys };
}

/** Edits in place at one stage; everything after it is made honestly from what the edit left. */
export interface Forgery {
  story?(story: RunEvent[]): void;
  /** Items whose entries stand in no event, or were dispatched in another way than these say. */
  dispatchedAs?: readonly PlannedItem[];
  event?(line: EventLine): void;
  /** The leaf bytes of an event, once it is written. */
  eventText?(text: string, line: EventLine): string;
  manifest?(statement: DispatchStatement): void;
  manifestEnvelope?(envelope: Envelope): void;
  /** The statements about the end of an attempt; what is left here is named by the event and written behind it. */
  attestations?(statements: Attestation[], end: AttestedEnd): unknown;
  attestationEnvelope?(envelope: Envelope): void;
  /** What is signed about the attempt whose result is used again; null leaves it out. */
  reused?(statement: ProvenanceStatement, data: EventData['item.reused']): ProvenanceStatement | null;
  reusedEnvelope?(envelope: Envelope): void;
  seal?(statement: RunSealStatement): void;
  sealEnvelope?(envelope: Envelope): void;
  opened?(entry: RunOpenedEntry): void;
  sealed?(entry: RunSealedEntry): void;
  /** The leaves of the whole log; the run's are 1 and 3. */
  log?(leaves: Buffer[]): void;
  checkpoint?(text: string): string;
  note?(note: string): string;
  proof?(text: string, of: 'run.opened' | 'run.sealed'): string;
  /** All lines, the end record included. */
  lines?(lines: string[]): string[];
  attest?: Signer;
  attester?: Signer;
  sealer?: Signer;
  logger?: Signer;
  origin?: string;
  run?: string;
}

export function buildBundle(forgery: Forgery = {}): Buffer {
  return Buffer.from(
    bundleLines(forgery)
      .map((line) => `${line}\n`)
      .join(''),
  );
}

export function bundleLines(forgery: Forgery = {}): string[] {
  const { origin = ORIGIN, run = RUN } = forgery;
  const story = honestStory();
  forgery.story?.(story);
  const writer = new EventWriter(forgery, story);
  for (const event of story) writer.write(event);
  const seal = writer.seal();
  const lines = [
    jcs({ format: 'waybill-audit/v1', origin, run }),
    ...writer.lines,
    jcs({ record: 'seal', dsse: seal }),
    ...logRecords(forgery, writer, seal),
  ];
  lines.push(jcs({ end: { lines: lines.length } }));
  return forgery.lines?.(lines) ?? lines;
}

class EventWriter {
  readonly lines: string[] = [];
  readonly leaves: Buffer[] = [];
  readonly #forgery: Forgery;
  readonly #origin: string;
  readonly #run: string;
  readonly #opened: EventData['run.opened'];
  readonly #completed: EventData['run.completed'];
  readonly #story: readonly RunEvent[];
  readonly #plan: readonly PlannedItem[];
  readonly #manifests = new Map<string, DispatchStatement>();
  readonly #done = new Map<string, Pick<EventData['attempt.settled'], 'attempt' | 'outputs'>>();
  readonly #provenances = new Map<string, ProvenanceStatement>();
  readonly #said = new Map<string, ManifestInput[]>();
  /** The newest checkpoint of each item. */
  readonly #kept = new Map<string, ManifestInput>();

  constructor(forgery: Forgery, story: readonly RunEvent[]) {
    this.#forgery = forgery;
    this.#story = story;
    const planned = story.flatMap((event) =>
      event.type === 'run.planned' || event.type === 'run.extended' ? event.data.items : [],
    );
    // What a story leaves out of its plan was dispatched as it was planned.
    this.#plan = [...(forgery.dispatchedAs ?? []), ...planned, ...PLAN];
    this.#origin = forgery.origin ?? ORIGIN;
    this.#run = forgery.run ?? RUN;
    this.#opened = dataOf(story, 'run.opened');
    this.#completed = dataOf(story, 'run.completed');
  }

  write(event: RunEvent): void {
    if (event.type === 'attempt.dispatched') this.#dispatch(event.data);
    else if (event.type === 'attempt.settled') this.#settle(event.data);
    else if (event.type === 'item.reused') this.#reuse(event.data);
    else {
      if (event.type === 'control.accepted' && event.data.answer !== undefined)
        this.#say(event.data.item ?? '', 'answer', event.data.answer);
      this.#append(event);
    }
  }

  /** A question, or the answer to the last one: later attempts of the item are given both. */
  #say(item: string, output: 'question' | 'answer', sha256: `sha256:${string}`, attempt?: number): void {
    const before = this.#said.get(item) ?? [];
    const number = Math.floor(before.length / 2) + 1;
    const from = { item, attempt: attempt ?? before.at(-1)?.from.attempt ?? 1, output };
    this.#said.set(item, [...before, { key: `${output}-${number}.txt`, sha256, sizeBytes: 6, from }]);
  }

  #keptOf(item: string): ManifestInput[] {
    const kept = this.#kept.get(item);
    return kept === undefined ? [] : [kept];
  }

  #dispatch(data: EventData['attempt.dispatched']): void {
    const statement = this.#manifestOf(data);
    this.#forgery.manifest?.(statement);
    this.#manifests.set(data.id, statement);
    const envelope = dsse(statement, this.#forgery.attest ?? ATTEST);
    this.#append({ type: 'attempt.dispatched', data: { ...data, manifest: digest(jcs(statement)) } });
    this.#forgery.manifestEnvelope?.(envelope);
    this.lines.push(jcs(envelope));
  }

  #settle(data: EventData['attempt.settled']): void {
    if (data.next === 'done') this.#done.set(data.item, data);
    if (data.question !== undefined) this.#say(data.item, 'question', data.question, data.attempt);
    if (data.checkpoint !== undefined) {
      const from = { item: data.item, attempt: data.attempt, output: 'checkpoint' };
      this.#kept.set(data.item, { key: 'checkpoint.waybill', sha256: data.checkpoint, sizeBytes: 6, from });
    }
    const at = timeOf(this.leaves.length);
    const end: AttestedEnd = {
      origin: this.#origin,
      run: this.#run,
      at,
      data,
      manifest: this.#manifests.get(data.id),
      recipe: this.#plan.find(({ id }) => id === data.item)?.recipe,
    };
    const statements = attestationsOf(end);
    this.#forgery.attestations?.(statements, end);
    for (const statement of statements)
      if (statement.predicateType === 'https://slsa.dev/provenance/v1') this.#provenances.set(data.id, statement);
    const attestations = statements.map((statement) => digest(jcs(statement)));
    this.#append({ type: 'attempt.settled', data: { ...data, attestations } });
    for (const statement of statements) {
      const envelope = dsse(statement, this.#forgery.attester ?? this.#forgery.attest ?? ATTEST);
      this.#forgery.attestationEnvelope?.(envelope);
      this.lines.push(jcs(envelope));
    }
  }

  /** The provenance of an attempt of this run, or of one of another. */
  #reuse(data: EventData['item.reused']): void {
    this.#done.set(data.item, { attempt: 0, outputs: data.outputs });
    const honest = structuredClone(this.#provenances.get(data.from.id) ?? provenanceOfOld(data));
    const statement = this.#forgery.reused === undefined ? honest : this.#forgery.reused(honest, data);
    this.#append({ type: 'item.reused', data: { ...data, provenance: digest(jcs(statement ?? honest)) } });
    if (statement === null) return;
    const envelope = dsse(statement, this.#forgery.attester ?? this.#forgery.attest ?? ATTEST);
    this.#forgery.reusedEnvelope?.(envelope);
    this.lines.push(jcs(envelope));
  }

  seal(): Envelope {
    const root = treeRoot(this.leaves).toString('hex');
    const statement: RunSealStatement = {
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: `run/${this.#run}`, digest: { sha256: root } }],
      predicateType: 'https://waybill.dev/attestation/run-seal/v1',
      predicate: {
        origin: this.#origin,
        run: this.#run,
        runSeq: RUN_SEQ,
        size: this.leaves.length,
        root: `sha256:${root}`,
        plan: this.#opened.plan,
        submission: this.#opened.submission,
        state: this.#completed.state,
        counts: { ...this.#completed.counts },
        openedAt: timeOf(0),
        completedAt: timeOf(this.leaves.length - 1),
        sealedAt: timeOf(this.leaves.length),
        openedIndex: 1,
      },
    };
    this.#forgery.seal?.(statement);
    const envelope = dsse(statement, this.#forgery.sealer ?? this.#forgery.attest ?? ATTEST);
    this.#forgery.sealEnvelope?.(envelope);
    return envelope;
  }

  #append(event: RunEvent): void {
    const seq = this.leaves.length;
    const salt = digest(`salt ${seq}`).slice(7, 39);
    const line: EventLine = { v: 1, origin: this.#origin, run: this.#run, seq, at: timeOf(seq), salt, ...event };
    this.#forgery.event?.(line);
    const text = this.#forgery.eventText?.(jcs(line), line) ?? jcs(line);
    this.lines.push(text);
    this.leaves.push(leaf(text));
  }

  #manifestOf({ item, attempt, id, isolation }: EventData['attempt.dispatched']): DispatchStatement {
    const planned = this.#plan.find((entry) => entry.id === item);
    const spec = planned?.spec ?? digest('');
    const claims = this.#story.flatMap((event) => (event.type === 'attempt.claimed' ? event.data.claims : []));
    const claim = claims.find((one) => one.item === item && one.attempt === attempt);
    const predicate: DispatchPredicate = {
      origin: this.#origin,
      run: this.#run,
      item,
      attempt,
      attemptId: id,
      epoch: claim?.epoch ?? attempt,
      nonce: digest(`nonce ${id}`).slice(7, 39),
      issuedAt: timeOf(this.leaves.length),
      expiresAt: timeOf(this.leaves.length + 60),
      plan: this.#opened.plan,
      spec,
      job: digest(`job of ${id}`),
      source: this.#opened.source,
      inputs: [
        ...(planned?.needs ?? []).map((need) => this.#inputOf(need)),
        ...(this.#said.get(item) ?? []),
        ...this.#keptOf(item),
      ],
      ...(planned?.reads === undefined ? {} : { reads: planned.reads }),
      locks: claim?.locks ?? [],
      isolation,
      executable: digest('the worker'),
      timeoutMs: 60_000,
    };
    return {
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: `attempt/${id}`, digest: { sha256: spec.slice(7) } }],
      predicateType: 'https://waybill.dev/attestation/dispatch/v1',
      predicate,
    };
  }

  #inputOf({ key, from, select }: (typeof PLAN)[number]['needs'][number]): ManifestInput {
    const output = select === 'patch' ? 'patch' : `outputs/${select.output}`;
    const isLeft = (id: string): boolean => this.#done.get(id)?.outputs.some(({ name }) => name === output) ?? false;
    const item = from.find(isLeft) ?? (from[0] as string);
    const maker = this.#done.get(item);
    const made = maker?.outputs.find(({ name }) => name === output);
    const { sha256, sizeBytes } = made ?? { sha256: digest(''), sizeBytes: 0 };
    return { key, sha256, sizeBytes, from: { item, attempt: maker?.attempt ?? 1, output } };
  }
}

function logRecords(forgery: Forgery, writer: EventWriter, seal: Envelope): string[] {
  const { origin = ORIGIN, run = RUN, logger = LOG } = forgery;
  const frame = { v: 1 as const, origin, at: timeOf(0), runSeq: RUN_SEQ, run };
  const opened: RunOpenedEntry = {
    ...frame,
    type: 'run.opened',
    event: `sha256:${(writer.leaves[0] as Buffer).toString('hex')}`,
  };
  const sealed: RunSealedEntry = {
    ...frame,
    type: 'run.sealed',
    at: timeOf(writer.leaves.length),
    size: writer.leaves.length,
    root: `sha256:${treeRoot(writer.leaves).toString('hex')}`,
    seal: digest(Buffer.from(seal.payload, 'base64')),
  };
  forgery.opened?.(opened);
  forgery.sealed?.(sealed);
  const leaves = ['other', jcs(opened), 'other', jcs(sealed), 'other'].map(leaf);
  forgery.log?.(leaves);
  const body = `${origin}\n${leaves.length}\n${treeRoot(leaves).toString('base64')}\n`;
  const honest = signedNote(forgery.checkpoint?.(body) ?? body, origin, logger);
  const note = forgery.note?.(honest) ?? honest;
  return ([opened, sealed] as const).map((entry, n) => {
    const index = n * 2 + 1;
    const path = inclusionPath(index, leaves).map((hash) => hash.toString('base64'));
    const text = ['c2sp.org/tlog-proof@v1', `index ${index}`, ...path, '', note].join('\n');
    return jcs({ record: 'log', entry, proof: forgery.proof?.(text, entry.type) ?? text });
  });
}

function dataOf<T extends RunEvent['type']>(story: readonly RunEvent[], type: T): EventData[T] {
  return (story.find((event) => event.type === type) as Extract<RunEvent, { type: T }>).data as EventData[T];
}

function timeOf(second: number): string {
  return new Date(Date.UTC(2026, 10, 21, 5, 0, second)).toISOString();
}
