/** What blocks do to the files of their workspace, for cases of capture. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files below `at`, with the directories that they need: path to content. */
export function put(at: string, files: Record<string, string | Uint8Array>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(at, path, '..'), { recursive: true });
    writeFileSync(join(at, path), content);
  }
}

export function filled(files: Record<string, string | Uint8Array>): (at: string) => void {
  return (at) => put(at, files);
}

/** @param name in Latin-1: bytes that are no UTF-8 */
export function putBytes(at: string, name: string, content: string): void {
  writeFileSync(Buffer.concat([Buffer.from(`${at}/`), Buffer.from(name, 'latin1')]), content);
}

export function remove(at: string, ...names: string[]): void {
  for (const name of names) rmSync(join(at, name), { recursive: true });
}

export function write(at: string, path: string, text: string): void {
  put(at, { [path]: text });
}

export function changeFile(at: string): void {
  write(at, 'file', 'two\n');
}

/** A block that changes the file and then does this to its repository. */
export function hiding(hide: (at: string) => void): (at: string) => void {
  return (at) => {
    changeFile(at);
    hide(at);
  };
}
