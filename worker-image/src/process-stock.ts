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
      const difference = differenceFrom(before);
      if (difference === null || turns === MOST_TURNS) return difference;
      await turn();
    }
  };
}

/** Descriptors are what may need another turn: as long as one is open, nothing else is asked. */
function differenceFrom({ plain, sets }: Stock): Part | null {
  try {
    const isWithin = (part: keyof Stock['sets']): boolean => [...SETS[part]()].every((one) => sets[part].has(one));
    const grown = (['descriptors', 'children'] as const).find((part) => !isWithin(part));
    return grown ?? PLAIN.find((part) => plain[part] !== LOOK[part]()) ?? null;
  } catch {
    return 'descriptors';
  }
}

function stockOf(): Stock | null {
  try {
    return {
      plain: { directory: LOOK.directory(), environment: LOOK.environment(), mask: LOOK.mask() },
      sets: { children: SETS.children(), descriptors: SETS.descriptors() },
    };
  } catch {
    return null;
  }
}

const PLAIN = ['directory', 'environment', 'mask'] as const;
const LOOK: Record<keyof Stock['plain'], () => string> = {
  directory: () => process.cwd(),
  environment: () => JSON.stringify(process.env),
  // Asking Node for it would set it, for a moment.
  mask: () => /^Umask:\s*(\d+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '',
};
const SETS: Record<keyof Stock['sets'], () => Set<string>> = { children, descriptors };

/** Each thread has those that it made. */
function children(): Set<string> {
  const threads = readdirSync('/proc/self/task');
  const told = threads.flatMap((thread) => readFileSync(`/proc/self/task/${thread}/children`, 'latin1').split(' '));
  return new Set(told.filter(Boolean));
}

/** What each leads to: a number alone could have changed its meaning. */
function descriptors(): Set<string> {
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
