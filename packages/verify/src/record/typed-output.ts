/** The shapes of what an item declares that it leaves, and of why an attempt did not. */
import { digest, ordinal, outputName } from '../json/scalars.ts';
import { closed, oneOf, type Shape, text } from '../json/shape.ts';
import type { InvalidOutput, PlannedOutput, PlannedShape } from './events.ts';

/** Names of a pack and of a shape in it. */
export const SHAPE_NAME: RegExp = /^[a-z0-9][a-z0-9._-]{0,62}\/[a-z0-9][a-z0-9._-]{0,62}$/;
const shapeName = text(SHAPE_NAME, 'a pack and a shape');

export const plannedShape: Shape<PlannedShape> = closed<PlannedShape>({ name: shapeName, pack: digest, shape: digest });

export const plannedOutput: Shape<PlannedOutput> = closed<PlannedOutput>({
  name: outputName,
  kind: oneOf('csv', 'json', 'jsonl', 'patch', 'text'),
  schema: { optional: digest },
});

export const invalidOutput: Shape<InvalidOutput> = closed<InvalidOutput>({
  output: outputName,
  problem: oneOf('missing', 'too_large', 'not_json', 'schema'),
  rule: { optional: text(/^(?:\/[^/]{0,128}){1,32}$/u, 'a JSON pointer') },
  line: { optional: ordinal },
});

/** Names, of those that an attempt left, that a declared one stands for. */
export function declaredOutputs(name: string, kind: PlannedOutput['kind'], left: readonly string[]): string[] {
  if (kind === 'patch') return left.filter((one) => one === 'patch');
  const path = `outputs/${name}`;
  return left.filter((one) => (name.endsWith('/') ? one.startsWith(path) : one === path));
}
