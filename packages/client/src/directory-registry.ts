import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { tooLarge } from './artifact-refusals.ts';
import { checkRegistryKey, type RegistryObjects } from './registry-entry.ts';
import { writeOnce } from './write-once.ts';

/** The registry of a state directory: `registry/` in it. */
export class DirectoryRegistry implements RegistryObjects {
  readonly #root: string;
  readonly #guarded: <T>(act: () => Promise<T>) => Promise<T>;

  /** @param guarded says of what a file system throws what it means to somebody who uses the directory */
  constructor(stateDirectory: string, guarded: <T>(act: () => Promise<T>) => Promise<T>) {
    this.#root = join(stateDirectory, 'registry');
    this.#guarded = guarded;
  }

  putOnce(key: string, bytes: Uint8Array): Promise<boolean> {
    const path = join(this.#root, checkRegistryKey(key));
    return this.#guarded(() => writeOnce(path, join(this.#root, '.staging'), (file) => file.writeFile(bytes)));
  }

  get(key: string, maxBytes: number): Promise<Uint8Array | null> {
    const path = join(this.#root, checkRegistryKey(key));
    return this.#guarded(async () => {
      const found = await stat(path).catch(absent(null));
      if (found === null) return null;
      if (found.size > maxBytes) throw tooLarge(key, found.size, maxBytes);
      return readFile(path);
    });
  }

  sizeOf(key: string): Promise<number | null> {
    const path = join(this.#root, checkRegistryKey(key));
    return this.#guarded(async () => (await stat(path).catch(absent(null)))?.size ?? null);
  }

  list(prefix: string): Promise<string[]> {
    return this.#guarded(async () => {
      const [kind = '', name = ''] = prefix.split('/');
      const names = name === '' ? await this.#names(kind) : [name];
      const keys = names.map(async (one) =>
        (await this.#names(join(kind, one))).map((file) => `${kind}/${one}/${file}`),
      );
      return (await Promise.all(keys)).flat().sort();
    });
  }

  #names(folder: string): Promise<string[]> {
    return readdir(join(this.#root, folder)).catch(absent<string[]>([]));
  }
}

function absent<T>(instead: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return instead;
    throw error;
  };
}
