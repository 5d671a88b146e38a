/** `evidence.json` of a state directory; files that it names are read from there too. */
import { lstatSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Evidence, NO_EVIDENCE, openEvidence } from '#composition/evidence.ts';
import { EVIDENCE_FIX } from '#composition/evidence-fields.ts';
import { written } from '#embedded/written.ts';
import type { Chance, Clock } from '#ports/clock.ts';

/** What the file says; without one nobody is asked. Throws TerminalError USAGE with the paths of all that is wrong. */
export function readEvidenceFile(directory: string, ports: { clock: Clock; chance: Chance }): Evidence {
  const file = join(directory, 'evidence.json');
  if (lstatSync(file, { throwIfNoEntry: false }) === undefined) return NO_EVIDENCE;
  return openEvidence(written(directory, 'evidence.json', EVIDENCE_FIX), {
    ...ports,
    readFile: (path) => readFileSync(resolve(directory, path)),
  });
}
