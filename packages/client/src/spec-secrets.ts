/** Secrets that a block is given: names of what the deployment keeps, and never a value. */
import * as z from 'zod';
import { LIMITS } from './limits.ts';
import type { PlanItem } from './plan.ts';
import { closed, envName, find, name, record } from './spec-fields.ts';
import { says } from './spec-issue.ts';

export const blockSecrets = record(
  envName,
  z.union([name, closed({ file: name })], {
    error: says('it names no secret', 'Write the name of a secret, or `{ file: <name> }`.'),
  }),
  LIMITS.secretsPerBlock,
).describe('By variable: the name of a secret of the deployment; with `file`, the variable holds the path of a file.');

/** Of an item, with its blocks as they are written. */
interface Named {
  effect?: PlanItem['effect'] | 'read' | undefined;
  env?: Record<string, string> | undefined;
  pipeline?: readonly { block: string; secrets?: Record<string, unknown> | undefined }[] | undefined;
}

/** Whose result depends on a secret depends on more than what it is made of; and what would be set twice is set once in vain. */
export function judgeSecrets({ effect, env = {}, pipeline = [] }: Named, context: z.core.$RefinementCtx): void {
  for (const [index, { secrets = {} }] of pipeline.entries()) {
    const names = Object.keys(secrets);
    const at = ['pipeline', index, 'secrets'];
    if (effect === 'pure' && names.length > 0)
      find(context, 'SPEC_INVALID', 'an item with secrets is not pure', 'Remove `effect: pure`, or the secrets.', at);
    for (const each of names.filter((one) => Object.hasOwn(env, one)))
      find(context, 'SPEC_INVALID', `${each} is set by \`env\` too`, 'Remove one of both.', [...at, each]);
  }
}
