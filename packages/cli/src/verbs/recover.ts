/** recover: makes the store again from the ledger, and says what came back and what did not. */
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { runOffline } from '../offline-program.ts';
import type { VerbCall } from '../verb.ts';
import { counted, firstOf, formatUsd } from '../view/measure.ts';
import { toned } from '../view/styled.ts';

interface Recovered {
  size: number;
  sealed: number;
  lost: string[];
  unwritten: string[];
  spentMicroUsd: number;
  uncounted: string[];
  reason: 'outdated' | 'damaged' | 'gone';
  kept: string | null;
}

const UNCOMPARED =
  'that store could not say what was published: compare the newest of ledger/checkpoints/ with one that somebody kept';

function uncountedText(runs: readonly string[]): string {
  const which = firstOf(runs.map((run) => run.slice(0, 12)));
  return `what ${counted(runs.length, 'run')} spent that no record has (${which}): compare with the bill, and set the caps lower by that`;
}

export async function recover(call: VerbCall): Promise<ExitCode> {
  const recovered = await runOffline<Recovered>(call.home, 'recover');
  const { size, sealed, lost, unwritten, spentMicroUsd, uncounted, reason, kept } = recovered;
  call.terminal.emit({ type: 'recovered', ...recovered });
  call.terminal.say([
    [toned('good', 'recovered'), `  ${size} entries of the log, ${sealed} sealed runs`],
    ...lost.map((run) => [toned('bad', 'lost     '), `  run ${run} was open; the log says that it was aborted`]),
    ...unwritten.map((run) => [toned('warn', 'unwritten'), `  run ${run} gets its bundle when the engine starts`]),
    ...(spentMicroUsd === 0
      ? []
      : [[toned('quiet', 'spent    '), `  ${formatUsd(spentMicroUsd)} count against the caps`]]),
    ...(uncounted.length === 0 ? [] : [[toned('warn', 'uncounted'), `  ${uncountedText(uncounted)}`]]),
    ...(kept === null ? [] : [[toned('quiet', 'kept     '), `  the ${reason} store, as ${kept}`]]),
    ...(reason === 'outdated' ? [] : [[toned('warn', 'compare  '), `  ${UNCOMPARED}`]]),
  ]);
  return EXIT.ok;
}
