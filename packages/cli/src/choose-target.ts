/** Which target the options and the environment choose. */
import { DeployedTarget } from './deployed-target.ts';
import { DEFAULT_DEPLOYMENT } from './deployment-file.ts';
import { EmbeddedTarget } from './embedded-target.ts';
import { usageError } from './error-report.ts';
import type { StateDirectory } from './state-directory.ts';
import type { Target } from './target.ts';

export interface TargetWords {
  target?: string | undefined;
  deployment?: string | undefined;
}

/** Throws TerminalError USAGE for a target that there is none of, or options that contradict each other. */
export function chooseTarget(words: TargetWords, env: NodeJS.ProcessEnv, home: StateDirectory): Target {
  const target = words.target ?? env.WAYBILL_TARGET ?? 'embedded';
  if (target === 'aws') return new DeployedTarget(words.deployment ?? env.WAYBILL_DEPLOYMENT ?? DEFAULT_DEPLOYMENT);
  if (target !== 'embedded') throw usageError('--target', `there is no target ${target}`, 'Use embedded or aws.');
  if (words.deployment === undefined) return new EmbeddedTarget(home, env);
  throw usageError('--deployment', 'the target is an engine on this machine', 'Add --target aws, or leave it out.');
}

/** An option that is taken before the verb and after it. */
export function given(before: unknown, after: unknown, name: string): string | undefined {
  const texts = [before, after].filter((value) => typeof value === 'string');
  if (texts.length === 2) throw usageError(`--${name}`, 'it was given before the verb and after it', 'Give it once.');
  return texts[0];
}
