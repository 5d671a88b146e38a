/**
 * What an attempt could leave in the process that served it, beside what the program itself keeps: looked at before the first attempt
 * and after each, so that no other is served by a process that is not as it was.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { type DeviceNodes, stateOfNodes } from './device-nodes.ts';

/** Descriptors of connections and children are closed in the turns after the last word. */
const MOST_TURNS = 20;

/** The sets may become smaller, and all else may not change. */
interface Stock {
  plain: Record<'devices' | 'directory' | 'environment' | 'mask', string>;
  sets: Record<'children' | 'descriptors', ReadonlySet<string>>;
}

type Part = keyof Stock['plain'] | keyof Stock['sets'];

/** What is different now; null when nothing is. */
export type Stocktaking = () => Promise<Part | null>;

/** Null where there is no /proc to look into, or blocks can change what is not of this process alone: nobody could tell. */
export function takeStock(nodes: DeviceNodes): Stocktaking | null {
  const before = nodes.lack === null ? stockOf(nodes) : null;
  if (before === null) return null;
  return async () => {
    for (let turns = 1; ; turns += 1) {
      const difference = differenceFrom(before, nodes);
      if (difference === null || turns === MOST_TURNS) return difference;
      await turn();
    }
  };
}

/** Descriptors are what may need another turn: as long as one is open, nothing else is asked. */
function differenceFrom({ plain, sets }: Stock, nodes: DeviceNodes): Part | null {
  try {
    const isWithin = (part: keyof Stock['sets']): boolean => [...SETS[part]()].every((one) => sets[part].has(one));
    const grown = (['descriptors', 'children'] as const).find((part) => !isWithin(part));
    return grown ?? PLAIN.find((part) => plain[part] !== LOOK[part](nodes)) ?? null;
  } catch {
    return 'descriptors';
  }
}

function stockOf(nodes: DeviceNodes): Stock | null {
  try {
    const [devices, directory] = [LOOK.devices(nodes), LOOK.directory(nodes)];
    return {
      plain: { devices, directory, environment: LOOK.environment(nodes), mask: LOOK.mask(nodes) },
      sets: { children: SETS.children(), descriptors: SETS.descriptors() },
    };
  } catch {
    return null;
  }
}

const PLAIN = ['devices', 'directory', 'environment', 'mask'] as const;
const LOOK: Record<keyof Stock['plain'], (nodes: DeviceNodes) => string> = {
  devices: stateOfNodes,
  directory: () => process.cwd(),
  environment: () => JSON.stringify(process.env),
  // Asking Node for it would set it, for a moment.
  mask: () => /^Umask:\s*(\d+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '',
};
const SETS: Record<keyof Stock['sets'], () => Set<string>> = { children, descriptors };

/** Of this thread, for each has those that it made: V8's and libuv's, which are the others of a worker, make none. */
function children(): Set<string> {
  const told = readFileSync('/proc/thread-self/children', 'latin1');
  return new Set(told.split(' ').filter(Boolean));
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
