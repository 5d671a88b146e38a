/**
 * What an attempt could leave in the process that served it, beside what the program itself keeps: looked at before the first attempt
 * and after each, so that no other is served by a process that is not as it was.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';

/** Descriptors of connections and children are closed in the turns after the last word. */
const MOST_TURNS = 20;

/** The sets may become smaller, and all else may not change. */
interface Stock {
  plain: Record<'directory' | 'environment' | 'mask', string>;
  sets: Record<'children' | 'descriptors', ReadonlySet<string>>;
}

type Part = keyof Stock['plain'] | keyof Stock['sets'];

/** What is different now; null when nothing is. */
export type Stocktaking = () => Promise<Part | null>;

/** Null where there is no /proc to look into: nobody could tell. */
export function takeStock(): Stocktaking | null {
  const before = stockOf();
  if (before === null) return null;
  return async () => {
    for (let turns = 1; ; turns += 1) {
      const difference = differenceOf(before, stockOf());
      if (difference === null || turns === MOST_TURNS) return difference;
      await turn();
    }
  };
}

function differenceOf(before: Stock, now: Stock | null): Part | null {
  if (now === null) return 'descriptors';
  const plain = (['directory', 'environment', 'mask'] as const).find((part) => before.plain[part] !== now.plain[part]);
  const isWithin = (part: keyof Stock['sets']): boolean =>
    [...now.sets[part]].every((one) => before.sets[part].has(one));
  const grown = (['children', 'descriptors'] as const).find((part) => !isWithin(part));
  return plain ?? grown ?? null;
}

function stockOf(): Stock | null {
  try {
    return {
      plain: {
        directory: process.cwd(),
        environment: JSON.stringify(process.env),
        // Asking Node for it would set it, for a moment.
        mask: /^Umask:\s*(\d+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '',
      },
      sets: { children: new Set(children()), descriptors: openDescriptors() },
    };
  } catch {
    return null;
  }
}

/** Each thread has those that it made. */
function children(): string[] {
  const threads = readdirSync('/proc/self/task');
  return threads
    .flatMap((thread) => readFileSync(`/proc/self/task/${thread}/children`, 'latin1').split(' '))
    .filter(Boolean);
}

/** What each leads to: a number alone could have changed its meaning. */
function openDescriptors(): Set<string> {
  const found = new Set<string>();
  for (const descriptor of readdirSync('/proc/self/fd')) {
    try {
      found.add(`${descriptor} ${readlinkSync(`/proc/self/fd/${descriptor}`)}`);
    } catch {
      // That of the listing itself, closed by now.
    }
  }
  return found;
}
