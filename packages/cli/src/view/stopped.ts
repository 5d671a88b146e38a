/** What is said of a run that nobody works on, and how it goes on. */
import type { RunStatus } from '@waybill/client/documents';
import { safeCell } from '../safe-text.ts';
import type { Hints } from './run-summary.ts';
import { type Line, toned } from './styled.ts';

export function stoppedLines(run: Pick<RunStatus, 'run'>, { command }: Hints): Line[] {
  return [
    [toned('warn', 'stopped '), 'no engine is running on this state directory: this is how the last one left it'],
    [toned('quiet', 'go on   '), command(`watch ${safeCell(run.run).slice(0, 12)}`)],
  ];
}
