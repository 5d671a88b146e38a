import { existsSync, realpathSync } from 'node:fs';
import { delimiter, isAbsolute, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const NAME = 'waybill';
const PROGRAM = fileURLToPath(new URL('../bin/waybill.js', import.meta.url));
const INSTALLED = fileURLToPath(new URL(`../../../node_modules/.bin/${NAME}`, import.meta.url));

/**
 * How the reader of a hint has to type this program: by its name where their `PATH` leads to it, else by a path. Never in a
 * way that would look for it in a registry: whoever owns its name there is a stranger.
 */
export function programWord(env: NodeJS.ProcessEnv, cwd: string = process.cwd()): string {
  const found = foldersOf(env)
    .map((folder) => join(folder, NAME))
    .find((path) => existsSync(path));
  if (found !== undefined && leadsHere(found)) return NAME;
  const path = existsSync(INSTALLED) && leadsHere(INSTALLED) ? INSTALLED : PROGRAM;
  const near = relative(cwd, path);
  return near.startsWith('..') || isAbsolute(near) ? path : near;
}

/** Those of the reader's shell: npm puts folders in front for its scripts, and they are gone with the script. */
function foldersOf({ PATH = '', npm_execpath: npm }: NodeJS.ProcessEnv): string[] {
  const folders = PATH.split(delimiter).filter((folder) => isAbsolute(folder));
  return npm === undefined ? folders : folders.filter((folder) => !/node_modules[\\/]\.bin$/.test(folder));
}

function leadsHere(path: string): boolean {
  return realpathSync(path) === realpathSync(PROGRAM);
}
