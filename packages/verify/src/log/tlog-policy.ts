/**
 * Policy files (C2SP tlog-policy): which logs and which witnesses somebody trusts, and how many of the witnesses have
 * to have cosigned a checkpoint. Line by line: `log`, `witness`, `group`, `quorum`; a name is defined before it is used
 * and counts in one place only, so that what is read is a tree.
 */
import { fromBase64, toBase64 } from '../crypto/base64.ts';
import { EvidenceError } from '../evidence-error.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { parseWitnessVkey, verifyCosignatures, type WitnessKey } from './cosignature.ts';
import { type NoteKey, parseVkey, type SignedNote, verifyNote } from './note.ts';

const MAX_POLICY_CHARACTERS = 65_536;
/** Of logs, of witnesses, and of groups; the specification asks for at least 32. */
const MAX_DEFINITIONS = 64;
/** Every control character but tab and newline. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the purpose.
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/;

export interface PolicyLog {
  /** Its name is the origin of the log. */
  key: NoteKey;
  url?: string;
}

export interface PolicyWitness {
  /** Means something in this policy only. */
  name: string;
  key: WitnessKey;
  url?: string;
}

interface Group {
  name: string;
  /** How many of the members have to have witnessed. */
  threshold: number;
  members: (PolicyWitness | Group)[];
}

export interface TlogPolicy {
  logs: PolicyLog[];
  witnesses: PolicyWitness[];
  /** Null when no cosignature is asked for. */
  quorum: PolicyWitness | Group | null;
}

/** Reads a policy file, strictly. Throws EvidenceError `POLICY`, which names the line. */
export function parseTlogPolicy(text: string): TlogPolicy {
  requirePolicy(text.length <= MAX_POLICY_CHARACTERS, 'the policy is too long');
  requirePolicy(text.isWellFormed() && !CONTROL.test(text), 'the policy holds a control character');
  requirePolicy(text.endsWith('\n'), 'the last line of the policy does not end');
  const reader = new PolicyReader();
  for (const [index, line] of text.slice(0, -1).split('\n').entries()) {
    const words = line.split(/[ \t]+/).filter((word) => word !== '');
    if (words.length === 0 || words[0]?.startsWith('#')) continue;
    try {
      reader.read(words);
    } catch (error) {
      if (!(error instanceof EvidenceError)) throw error;
      throw new EvidenceError('POLICY', `line ${index + 1} of the policy: ${error.message}`);
    }
  }
  return reader.finish();
}

class PolicyReader {
  readonly #logs: PolicyLog[] = [];
  readonly #witnesses: PolicyWitness[] = [];
  readonly #named = new Map<string, PolicyWitness | Group>();
  readonly #members = new Set<string>();
  readonly #logMaterials = new Set<string>();
  readonly #witnessMaterials = new Set<string>();
  #groups = 0;
  #quorum: TlogPolicy['quorum'] | undefined;

  read([keyword, ...rest]: string[]): void {
    if (keyword === 'log') this.#log(rest);
    else if (keyword === 'witness') this.#witness(rest);
    else if (keyword === 'group') this.#group(rest);
    else if (keyword === 'quorum') this.#decide(rest);
    else requirePolicy(false, 'it begins with none of log, witness, group and quorum');
  }

  finish(): TlogPolicy {
    if (this.#quorum === undefined) throw new EvidenceError('POLICY', 'the policy has no quorum line');
    const both = [...this.#logMaterials].some((material) => this.#witnessMaterials.has(material));
    requirePolicy(!both, 'a log and a witness have the same key: nobody witnesses themselves');
    return { logs: this.#logs, witnesses: this.#witnesses, quorum: this.#quorum };
  }

  #log([vkey = '', url, ...more]: string[]): void {
    requirePolicy(vkey !== '' && more.length === 0, 'a log is a verifier key and, if you like, a URL');
    requirePolicy(this.#logs.length < MAX_DEFINITIONS, `there are more than ${MAX_DEFINITIONS} logs`);
    const key = parseVkey(vkey);
    claim(this.#logMaterials, vkey, 'this log key stands in the policy twice');
    this.#logs.push(url === undefined ? { key } : { key, url });
  }

  #witness([name = '', vkey = '', url, ...more]: string[]): void {
    const isWhole = vkey !== '' && more.length === 0;
    requirePolicy(isWhole, 'a witness is a name, a verifier key and, if you like, a URL');
    requirePolicy(this.#witnesses.length < MAX_DEFINITIONS, `there are more than ${MAX_DEFINITIONS} witnesses`);
    const key = parseWitnessVkey(vkey);
    claim(this.#witnessMaterials, vkey, 'this witness key stands in the policy twice');
    const alike = this.#witnesses.some((other) => other.key.name === key.name && other.key.hash === key.hash);
    requirePolicy(!alike, 'two witness keys have the same name and hash');
    const witness = url === undefined ? { name, key } : { name, key, url };
    this.#define(name, witness);
    this.#witnesses.push(witness);
  }

  #group([name = '', threshold = '', ...names]: string[]): void {
    requirePolicy(names.length > 0, 'a group is a name, a threshold and at least one member');
    requirePolicy(this.#groups < MAX_DEFINITIONS, `there are more than ${MAX_DEFINITIONS} groups`);
    const k = thresholdOf(threshold, names.length);
    const members = names.map((member) => {
      const found = this.#named.get(member);
      if (found === undefined) throw new EvidenceError('POLICY', 'a member is not defined before its group');
      requirePolicy(!this.#members.has(member), 'a member counts in more than one place');
      this.#members.add(member);
      return found;
    });
    this.#groups++;
    this.#define(name, { name, threshold: k, members });
  }

  #decide([name = '', ...more]: string[]): void {
    requirePolicy(name !== '' && more.length === 0, 'a quorum is one name');
    requirePolicy(this.#quorum === undefined, 'there is a second quorum');
    const found = name === 'none' ? null : this.#named.get(name);
    if (found === undefined) throw new EvidenceError('POLICY', 'the quorum is not defined before it');
    this.#quorum = found;
  }

  #define(name: string, what: PolicyWitness | Group): void {
    requirePolicy(name !== 'none' && !this.#named.has(name), 'this name is taken');
    this.#named.set(name, what);
  }
}

/** Two verifier keys are the same when their public keys are, whatever they are called. */
function claim(taken: Set<string>, vkey: string, problem: string): void {
  const [, , ...base64] = vkey.split('+');
  const material = toBase64(fromBase64(base64.join('+')).subarray(1));
  requirePolicy(!taken.has(material), problem);
  taken.add(material);
}

function thresholdOf(text: string, members: number): number {
  if (text === 'any') return 1;
  if (text === 'all') return members;
  requirePolicy(/^[1-9][0-9]{0,3}$/.test(text), 'the threshold of a group is all, any or a plain decimal');
  requirePolicy(Number(text) <= members, 'the threshold is larger than the group');
  return Number(text);
}

/** What a policy makes of one checkpoint. */
export interface QuorumResult {
  /** Whether the policy holds. With `quorum none` it holds without a witness: see `n`. */
  met: boolean;
  /** Of the witnesses that the quorum counts, how many cosigned. */
  k: number;
  /** How many witnesses the quorum counts; 0 with `quorum none`, so that nothing was witnessed. */
  n: number;
  /** Those that cosigned, by their names in the policy and in its order, with the earliest time that each of them gave. */
  witnesses: { name: string; timeMs: number }[];
  /**
   * By the end of this millisecond enough witnesses for the quorum had seen the checkpoint; null if not, or if none is
   * asked for.
   */
  seenByMs: number | null;
  /** Whether the policy names no log at all, or one of the keys that it names for this origin signed. */
  logListed: boolean;
}

/**
 * Holds a signed checkpoint against a policy. A witness has one vote, whatever it signed twice. Lines of unknown keys
 * are passed over. Throws EvidenceError `NOTE` for a wrong signature under a key of the policy, `CHECKPOINT` for
 * another log's checkpoint.
 */
export async function evaluateQuorum(policy: TlogPolicy, note: SignedNote, logOrigin: string): Promise<QuorumResult> {
  const { origin } = parseCheckpoint(note.text);
  if (origin !== logOrigin) throw new EvidenceError('CHECKPOINT', 'the checkpoint is that of another log');
  const logKeys = policy.logs.map(({ key }) => key).filter(({ name }) => name === origin);
  const logListed = policy.logs.length === 0 || (await verifyNote(note, logKeys)).length > 0;
  const keys = policy.witnesses.map(({ key }) => key);
  const times = new Map<WitnessKey, number>();
  for (const { key, timeMs } of await verifyCosignatures(note, keys)) {
    times.set(key, Math.min(timeMs, times.get(key) ?? timeMs));
  }
  const counted = policy.quorum === null ? [] : witnessesOf(policy.quorum);
  const witnesses = policy.witnesses.flatMap((witness) => {
    const timeMs = counted.includes(witness) ? times.get(witness.key) : undefined;
    return timeMs === undefined ? [] : [{ name: witness.name, timeMs }];
  });
  const seenMs = policy.quorum === null ? Number.POSITIVE_INFINITY : timeOf(policy.quorum, times);
  const holds = policy.quorum === null || seenMs < Number.POSITIVE_INFINITY;
  return {
    met: logListed && holds,
    k: witnesses.length,
    n: counted.length,
    witnesses,
    // A witness writes whole seconds, cut off.
    seenByMs: logListed && seenMs < Number.POSITIVE_INFINITY ? seenMs + 999 : null,
    logListed,
  };
}

/** When the last of the witnesses that were needed had seen it: for a group, the time of the k-th of its members. */
function timeOf(node: PolicyWitness | Group, times: ReadonlyMap<WitnessKey, number>): number {
  if ('key' in node) return times.get(node.key) ?? Number.POSITIVE_INFINITY;
  const each = node.members.map((member) => timeOf(member, times)).sort((a, b) => a - b);
  return each[node.threshold - 1] as number;
}

function witnessesOf(node: PolicyWitness | Group): PolicyWitness[] {
  return 'key' in node ? [node] : node.members.flatMap(witnessesOf);
}

function requirePolicy(holds: boolean, problem: string): asserts holds {
  if (!holds) throw new EvidenceError('POLICY', problem);
}
