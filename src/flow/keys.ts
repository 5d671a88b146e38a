/**
 * The keys of a deployment, whose log says which are in force. A change is one transaction of entries, each with a
 * statement that is signed; then the signer adopts what the entries say, and the log is published. A process that dies
 * in between leaves entries that the next start adopts and publishes, or a pending key that no entry names, which is
 * destroyed.
 */
import { TerminalError } from '@waybill/client/errors';
import {
  canonicalize,
  formatNote,
  isKeyEntry,
  type KeyEntry,
  KeyHistory,
  type KeyStatement,
  keyStatementText,
  type NoteAlgorithm,
  requireLogEntry,
  type TrustedKey,
} from '@waybill/verify';
import { isoTime } from '#core/evidence.ts';
import type { LogHeadRow, LogKeysRow } from '#core/record-rows.ts';
import { keys } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { appendNotice, eachEntry } from '#flow/log.ts';
import { publishLog } from '#flow/publish.ts';
import { type Draft, decide, peek } from '#flow/transaction.ts';
import type { KeyUse } from '#ports/signer.ts';

/**
 * To be called before anything is entered in the log or signed, and after the ledger was checked. The log of a new
 * deployment begins with its keys; otherwise the signer is told what the log says.
 */
export async function adoptKeys(deps: FlowDeps): Promise<void> {
  if ((await peek<LogKeysRow>(deps, keys.logKeys())) === null) await appendGenesis(deps);
  await adopt(deps);
}

/** The keys as the log has them. */
export async function loggedKeys(deps: FlowDeps): Promise<TrustedKey[]> {
  return (await peek<LogKeysRow>(deps, keys.logKeys()))?.keys ?? [];
}

/**
 * A new key takes the place of the one in force, in one transaction; both sign for it.
 * @param alg which log key is replaced, where there are two
 */
export async function rotateKey(deps: FlowDeps, use: KeyUse, alg: NoteAlgorithm): Promise<TrustedKey> {
  const old = (await loggedKeys(deps)).find((key) => isInForce(key, use) && key.alg === alg);
  if (old === undefined) throw refused(`--alg ${alg}`, `no ${use} key of this algorithm is in force`);
  const made = await deps.signer.makeKey(use, alg);
  return change(deps, async (draft) => {
    await enter(deps, draft, [made.keyid, old.keyid], (from) => ({ ...frame(deps), type: 'key.added', ...made, from }));
    await enter(deps, draft, [made.keyid], (to) => {
      return { ...frame(deps), type: 'key.retired', use, keyid: old.keyid, to };
    });
    return made.keyid;
  });
}

/** A further log key, which signs every checkpoint from now on beside the others. */
export async function addLogKey(deps: FlowDeps, alg: NoteAlgorithm): Promise<TrustedKey> {
  const inForce = (await loggedKeys(deps)).filter((key) => isInForce(key, 'log'));
  const [old] = inForce;
  const isTaken = inForce.some((key) => key.alg === alg);
  if (isTaken || old === undefined) throw refused(`--alg ${alg}`, 'a log key of this algorithm is in force');
  const made = await deps.signer.makeKey('log', alg);
  return change(deps, async (draft) => {
    await enter(deps, draft, [made.keyid, old.keyid], (from) => ({ ...frame(deps), type: 'key.added', ...made, from }));
    return made.keyid;
  });
}

/** The key is not believed for anything at log index `from` or later, whatever is signed with it. */
export async function revokeKey(deps: FlowDeps, keyid: string, from: number, reason: string): Promise<TrustedKey> {
  const known = await loggedKeys(deps);
  const key = known.find((one) => one.keyid === keyid);
  if (key === undefined) throw refused(keyid, 'the log has no such key');
  const { use } = key;
  const size = (await peek<LogHeadRow>(deps, keys.logHead()))?.tree.size ?? 0;
  if (from < key.from || from > Math.min(size, key.to ?? size)) {
    throw refused('--from', `the key is in force from ${key.from} to ${Math.min(size, key.to ?? size)}`);
  }
  const isLast = !known.some((other) => other.keyid !== keyid && isInForce(other, use));
  if (isLast) throw refused(keyid, `no other ${use} key is in force`, `Run \`waybill keys rotate ${use}\` first.`);
  const judge = known.find((other) => other.keyid !== keyid && isInForce(other, 'log'));
  if (judge === undefined) throw refused(keyid, 'no other log key is in force', 'Run `waybill keys rotate log` first.');
  return change(deps, async (draft) => {
    const statement = { ...frame(deps), type: 'key.revoked' as const, use, keyid, to: from, reason };
    await enter(deps, draft, [judge.keyid], () => statement);
    return keyid;
  });
}

async function appendGenesis(deps: FlowDeps): Promise<void> {
  await decide(deps, async (draft) => {
    const [row, head] = await draft.read<LogKeysRow | LogHeadRow>([keys.logKeys(), keys.logHead()]);
    if (row) return;
    if (head) draft.put(keys.logKeys(), { keys: (await readHistory(deps)).keys } satisfies LogKeysRow);
    else await enterFirstKeys(deps, draft);
  });
}

/** Each signs for itself: nobody was there before. */
async function enterFirstKeys(deps: FlowDeps, draft: Draft): Promise<void> {
  for (const { use, alg, keyid, spki } of deps.signer.trust.keys) {
    await enter(deps, draft, [keyid], (from) => ({ ...frame(deps), type: 'key.added', use, alg, keyid, spki, from }));
  }
}

/** What the log says, read from its beginning: for a store that was made again from the ledger. */
async function readHistory(deps: FlowDeps): Promise<KeyHistory> {
  const history = new KeyHistory(deps.origin);
  let isGenesis = true;
  for await (const { index, line } of eachEntry(deps)) {
    isGenesis &&= !line.includes('"type":"run.');
    if (!line.includes('"type":"key.')) continue;
    const entry = requireLogEntry(JSON.parse(line));
    if (isKeyEntry(entry)) await history.add(index, entry, isGenesis);
  }
  return history;
}

async function change(deps: FlowDeps, entries: (draft: Draft) => Promise<string>): Promise<TrustedKey> {
  const keyid = await decide(deps, entries);
  await adopt(deps);
  await publishLog(deps);
  const key = (await loggedKeys(deps)).find((one) => one.keyid === keyid);
  if (key === undefined) throw refused(keyid, 'the log has no such key');
  return key;
}

async function adopt(deps: FlowDeps): Promise<void> {
  const logged = await loggedKeys(deps);
  // A key must not be in force for the signer while the entry that says so could still be lost.
  if (canonicalize(logged) !== canonicalize(deps.signer.trust.keys)) await deps.store.durable();
  await deps.signer.adopt(logged);
}

/** Appends the entry with its statement, and takes it into the keys row by the verifier's own rules. */
async function enter(
  deps: FlowDeps,
  draft: Draft,
  signers: readonly string[],
  statement: (index: number) => KeyStatement,
): Promise<void> {
  const row = await draft.readOne<LogKeysRow>(keys.logKeys());
  const history = KeyHistory.from(deps.origin, row?.keys ?? []);
  await appendNotice(draft, async (index) => {
    const said = statement(index);
    const text = keyStatementText(said);
    const note = formatNote(text, await deps.signer.signStatement(text, signers));
    const entry = { ...said, at: isoTime(deps.clock.nowMs()), note } as KeyEntry;
    await history.add(index, entry, row === null || row.keys.length < 2);
    return entry;
  });
  draft.put(keys.logKeys(), { keys: history.keys } satisfies LogKeysRow);
}

function frame({ origin }: FlowDeps): { v: 1; origin: string } {
  return { v: 1, origin };
}

function isInForce(key: TrustedKey, use: KeyUse): boolean {
  return key.use === use && key.to === undefined;
}

function refused(path: string, problem: string, fix = '`waybill keys list` shows the keys.'): TerminalError {
  return new TerminalError({ code: 'USAGE', path, problem, fix });
}
