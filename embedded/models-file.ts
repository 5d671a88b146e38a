/** `models.json` of a state directory, and the files of keys that it names. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { TerminalError } from '@waybill/client/errors';
import { Mistakes } from '#core/mistakes.ts';
import { MODELS_FIX, readModelSettings } from '#core/model-settings.ts';

/** Group and others. */
const NOT_FOR_OTHERS = 0o077;

/**
 * Workers read it again when a block asks for its model: what is wrong with it is better said when the engine starts.
 * Throws TerminalError USAGE with the paths of all that is wrong.
 */
export function checkModelsFile(directory: string, document: unknown): void {
  const settings = readModelSettings(document, 'models.json');
  const mistakes = new Mistakes();
  for (const [adapter, { keyFile }] of Object.entries(settings)) {
    const problem = keyFile === undefined ? null : problemOf(resolve(directory, keyFile));
    if (problem === null) continue;
    const path = `models.json.${adapter}.keyFile`;
    mistakes.reading(() => {
      throw new TerminalError({ code: 'USAGE', path, problem, fix: MODELS_FIX });
    });
  }
  mistakes.settle();
}

function problemOf(file: string): string | null {
  const found = statSync(file, { throwIfNoEntry: false });
  if (!found?.isFile()) return 'is no file';
  return (found.mode & NOT_FOR_OTHERS) === 0 ? null : 'may be read by others than its owner';
}
