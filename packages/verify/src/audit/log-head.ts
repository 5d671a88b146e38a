/** A signed checkpoint that has been read and not yet judged. */

import { decodeUtf8 } from '../json/jcs.ts';
import { type Checkpoint, parseCheckpoint } from '../log/checkpoint.ts';
import { parseNote, type SignedNote } from '../log/note.ts';

export interface LogHead {
  /** The note exactly as it was published. */
  text: string;
  note: SignedNote;
  checkpoint: Checkpoint;
}

/** Throws EvidenceError. */
export function readLogHead(bytes: Uint8Array | string): LogHead {
  const note = parseNote(bytes);
  const text = typeof bytes === 'string' ? bytes : decodeUtf8(bytes);
  return { text, note, checkpoint: parseCheckpoint(note.text) };
}
