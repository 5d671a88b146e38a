import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One place that tells the life of a run, and how it disagrees with the stage words; null when it agrees. */
export interface StagePlace {
  place: string;
  disagreement: string | null;
}

/** Every use case is a file named by its stage; files that serve several stages may stand beside them. */
function flowFolder(root: string, stages: readonly string[]): StagePlace {
  const place = 'src/flow';
  const files = existsSync(join(root, place)) ? readdirSync(join(root, place)) : [];
  const missing = stages.filter((stage) => !files.includes(`${stage}.ts`));
  return { place, disagreement: missing.length === 0 ? null : `no file for ${missing.join(', ')}` };
}

/** The second-level headings of the story are the stages, all of them, in order and nothing else. */
function story(root: string, stages: readonly string[]): StagePlace {
  const place = 'docs/life-of-a-run.md';
  if (!existsSync(join(root, place))) return { place, disagreement: 'the file does not exist' };
  const text = readFileSync(join(root, place), 'utf8');
  const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, heading = '']) => heading.trim());
  const agrees = headings.join('\n') === stages.join('\n');
  return { place, disagreement: agrees ? null : `headings are ${headings.join(', ')}` };
}

/** Stages that happen elsewhere: in the client's hands, in a task of its own, and with whoever wants to know. */
const WITHOUT_FUNCTION: readonly string[] = ['inbox', 'worker', 'verify'];
/** Functions that serve the deployment and not one stage. */
const BESIDE_STAGES: readonly string[] = ['doctor', 'notify', 'reconcile', 'release', 'shared', 'slot'];

/** Every other stage is a function in a folder of its name. */
function lambdasFolder(root: string, stages: readonly string[]): StagePlace {
  const place = 'lambdas';
  const found = existsSync(join(root, place)) ? readdirSync(join(root, place), { withFileTypes: true }) : [];
  const folders = found.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const expected = [...stages.filter((stage) => !WITHOUT_FUNCTION.includes(stage)), ...BESIDE_STAGES];
  const agrees = folders.sort().join(' ') === expected.sort().join(' ');
  return { place, disagreement: agrees ? null : `folders are ${folders.join(', ')}` };
}

/** Where the order of the stages is told again. The words themselves stand once, in src/core/stages.ts. */
export function stagePlaces(root: string, stages: readonly string[]): StagePlace[] {
  return [flowFolder(root, stages), lambdasFolder(root, stages), story(root, stages)];
}
