import { existsSync, type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Yields at once, then whenever something in the directory changes, and every `pollMs` in any case: a watch may be lost,
 * refused by the file system, or stand on a parent because the directory is not there yet. Ends when the signal aborts.
 */
export async function* fileHints(directory: string, pollMs: number, signal: AbortSignal): AsyncGenerator<void> {
  let watcher: FSWatcher | undefined;
  let watched = '';
  let wake = (): void => {};
  let hinted = false;
  const hint = (): void => {
    hinted = true;
    wake();
  };
  signal.addEventListener('abort', hint, { once: true });
  try {
    while (!signal.aborted) {
      const present = nearestPresent(directory);
      if (present !== watched) {
        watcher?.close();
        watcher = tryWatch(present, hint);
        watched = present;
      }
      hinted = false;
      yield;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pollMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (hinted || signal.aborted) wake();
      });
    }
  } finally {
    signal.removeEventListener('abort', hint);
    watcher?.close();
  }
}

function nearestPresent(directory: string): string {
  let present = directory;
  while (!existsSync(present) && dirname(present) !== present) present = dirname(present);
  return present;
}

/** Without a watch, the poll is all there is: slower, not wrong. */
function tryWatch(directory: string, hint: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(directory, { persistent: false }, hint);
    watcher.on('error', hint);
    return watcher;
  } catch {
    return undefined;
  }
}
