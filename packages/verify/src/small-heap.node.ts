import { setFlagsFromString } from 'node:v8';

/**
 * Lets the collector of this process run more often, so that memory stays near what is in use: bundles may be large,
 * and an auditor's machine small. Costs some of the time. For a program of its own, not for a library.
 */
export function keepHeapSmall(): void {
  for (const flag of ['--semi-space-growth-factor=1', '--max-semi-space-size=16', '--heap-growing-percent=50']) {
    setFlagsFromString(flag);
  }
}
