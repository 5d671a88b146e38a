/** `evidence.json` of a state directory; files that it names are read from there too. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TerminalError } from '@waybill/client/errors';
import { type Evidence, NO_EVIDENCE, openEvidence } from '#composition/evidence.ts';
import { EVIDENCE_FIX } from '#composition/evidence-fields.ts';
import type { Chance, Clock } from '#ports/clock.ts';

/** What the file says; without one nobody is asked. Throws TerminalError USAGE with the paths of all that is wrong. */
export function readEvidenceFile(directory: string, ports: { clock: Clock; chance: Chance }): Evidence {
  const file = join(directory, 'evidence.json');
  if (!existsSync(file)) return NO_EVIDENCE;
  return openEvidence(parse(file), { ...ports, readFile: (path) => readFileSync(resolve(directory, path)) });
}

function parse(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const problem = `is no JSON (${(error as Error).message})`;
    throw new TerminalError({ code: 'USAGE', path: file, problem, fix: EVIDENCE_FIX });
  }
}
