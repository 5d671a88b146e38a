/** The evidence document as the sequencer will read it: what it would refuse at its first call is refused before it is deployed. */
import { evidenceMistakes } from '#composition/evidence.ts';
import type { WaybillProps } from './waybill-props.ts';

/** Nothing is asked of anybody, so neither is used. */
const IDLE = {
  clock: { nowMs: () => 0, after: () => () => undefined },
  chance: { hex: () => '', fraction: () => 0 },
};

export function evidenceProblems({ evidence }: Pick<WaybillProps, 'evidence'>): string[] {
  if (evidence === undefined) return [];
  const readFile = (path: string): Uint8Array => {
    throw new TypeError(`a function has no file ${path}`);
  };
  return evidenceMistakes(evidence, { ...IDLE, readFile }).map(({ path, problem }) => {
    const where = path.replace(/^evidence\.json\.?/, '');
    const instead = where.endsWith('.file') ? ': a function has no files; write out what is in it' : '';
    return `${['evidence', where].filter(Boolean).join('.')}: ${problem}${instead}`;
  });
}
