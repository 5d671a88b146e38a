/**
 * The statements by which keys come and go. Each is a signed note inside the log entry that it is about; its text is the
 * entry itself without the note and the time, so that nothing can be said about a key but what was signed.
 */
import { canonicalize } from '../json/jcs.ts';
import type { KeyAddedEntry, KeyRetiredEntry, KeyRevokedEntry, LogEntry } from '../log/log-entry.ts';

export type KeyEntry = KeyAddedEntry | KeyRetiredEntry | KeyRevokedEntry;
type Unsigned<Entry> = Entry extends KeyEntry ? Omit<Entry, 'note' | 'at'> : never;
/** What a statement says, before it is signed and dated. */
export type KeyStatement = Unsigned<KeyEntry>;

export function isKeyEntry(entry: LogEntry): entry is KeyEntry {
  return entry.type === 'key.added' || entry.type === 'key.retired' || entry.type === 'key.revoked';
}

/** The first line keeps it apart from every checkpoint of the log, which begins with the origin alone. */
export function keyStatementHeader(origin: string): string {
  return `${origin}/keys\n`;
}

/** The text of the note. */
export function keyStatementText(statement: KeyStatement): string {
  return `${keyStatementHeader(statement.origin)}${canonicalize(statement)}\n`;
}

/** The statement that an entry has to carry the signatures of. */
export function statementOf(entry: KeyEntry): KeyStatement {
  const { note: _note, at: _at, ...statement } = entry;
  return statement;
}
