/** Public test vectors, which are not part of this repository: tests that need them say so and are skipped without them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = process.env.WAYBILL_VECTORS ?? join(import.meta.dirname, '..', '..', '..', 'shared', 'vectors');

/** For the `skip` option of a test: false, or why. */
export const skip: false | string = existsSync(FOLDER) ? false : `the public test vectors are absent (${FOLDER})`;

export function readVector(...path: string[]): Buffer {
  return readFileSync(join(FOLDER, ...path));
}

export function readJson<T>(...path: string[]): T {
  return JSON.parse(readVector(...path).toString()) as T;
}

/** Files below a folder of vectors, as paths that readVector takes. */
export function listVectors(folder: string, suffix = '.json'): string[] {
  return readdirSync(join(FOLDER, folder), { recursive: true })
    .map(String)
    .filter((path) => path.endsWith(suffix))
    .map((path) => join(folder, path))
    .sort();
}
