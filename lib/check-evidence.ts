/** The evidence document as the sequencer will read it: what it would refuse at its first call is refused before it is deployed. */
import { openEvidence } from '#composition/evidence.ts';
import type { WaybillProps } from './waybill-props.ts';

/** Nothing is asked of anybody, so neither is used. */
const IDLE = {
  clock: { nowMs: () => 0, after: () => () => undefined },
  chance: { hex: () => '', fraction: () => 0 },
};

export function evidenceProblems({ evidence }: Pick<WaybillProps, 'evidence'>): string[] {
  if (evidence === undefined) return [];
  const files: string[] = [];
  const readFile = (path: string): Uint8Array => {
    files.push(path);
    throw new TypeError(`a function has no file ${path}`);
  };
  try {
    openEvidence(evidence, { ...IDLE, readFile });
    return [];
  } catch (error) {
    const [file] = files;
    if (file !== undefined) {
      return [`evidence: names the file ${file}, which a function does not have; write out what is in it`];
    }
    const { path, problem } = error as { path?: string; problem?: string };
    if (path === undefined || problem === undefined) throw error;
    return [`evidence: ${path.replace(/^evidence\.json ?/, '')} ${problem}`];
  }
}
