/**
 * Closes what this process was born with beyond stdin, stdout and stderr. Node marks its own descriptors close-on-exec;
 * one without that mark came from whoever started us, and would be handed to every block.
 */
import { closeSync, readdirSync, readFileSync } from 'node:fs';

const CLOSE_ON_EXEC = 0o2000000;

/** Does nothing on hosts without /proc; there is no sandbox there either. */
export function closeInheritedDescriptors(): void {
  for (const descriptor of openDescriptors()) {
    if (descriptor <= 2) continue;
    try {
      const info = readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1');
      const flags = Number.parseInt(/^flags:\s+([0-7]+)/m.exec(info)?.[1] ?? '', 8);
      if ((flags & CLOSE_ON_EXEC) === 0) closeSync(descriptor);
    } catch {
      // The descriptor of the listing itself, closed by now.
    }
  }
}

function openDescriptors(): number[] {
  try {
    return readdirSync('/proc/self/fd').map(Number);
  } catch {
    return [];
  }
}
