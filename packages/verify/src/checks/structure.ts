/** Checks that the file is whole and is about one run of one deployment. */

import { mustFind, mustHold } from '../contradiction.ts';
import type { BundleLine } from '../record/bundle-line.ts';
import { RunMachine } from '../replay/run-machine.ts';
import type { Check, CheckContext } from './check.ts';

/**
 * Header, events with the statements that they name, seal, the two log records, perhaps a time stamp, end: no step back,
 * every one-off exactly once.
 */
const ORDER: readonly string[] = ['header', 'event', 'seal', 'log:run.opened', 'log:run.sealed', 'time', 'end'];

function stationOf(line: BundleLine): string {
  if (line.kind === 'log') return `log:${line.record.entry.type}`;
  return isAttached(line) ? 'event' : line.kind;
}

function isAttached({ kind }: BundleLine): boolean {
  return kind === 'manifest' || kind === 'provenance' || kind === 'test-result';
}

/** The kinds of statement that may follow the event, in this order. */
function attachable(line: BundleLine): BundleLine['kind'][] {
  if (line.kind !== 'event') return [];
  if (line.event.type === 'attempt.dispatched') return ['manifest'];
  if (line.event.type === 'item.reused') return ['provenance'];
  return line.event.type === 'attempt.settled' ? ['provenance', 'test-result'] : [];
}

export const container: Check = {
  id: 'container',
  code: 'CONTAINER_ORDER',
  claim: 'The file is complete: header, events with their statements, seal, log entries and end, in this order.',
  start() {
    let station = -1;
    let lines = 0;
    let next: BundleLine['kind'][] = [];
    return {
      line(line) {
        const reached = ORDER.indexOf(stationOf(line));
        const isAgain = reached === station && ORDER[reached] === 'event';
        const isStep = reached === station + 1 || (reached === station + 2 && ORDER[station + 1] === 'time');
        mustHold(isStep || isAgain, `line ${lines + 1} (${stationOf(line)}) does not belong there`);
        if (isAttached(line)) {
          const at = next.indexOf(line.kind);
          mustHold(at >= 0, `line ${lines + 1} is a ${line.kind} that no event names`, 'CONTAINER_STRAY');
          next = next.slice(at + 1);
        } else next = attachable(line);
        if (line.kind === 'end')
          mustHold(
            line.lines === lines,
            `the end counts ${line.lines} lines, the file has ${lines}`,
            'CONTAINER_COUNT',
          );
        station = reached;
        lines++;
      },
      finish() {
        mustHold(ORDER[station] === 'end', 'the file has no end record');
      },
    };
  },
};

export const identity: Check = {
  id: 'identity',
  code: 'RUN_MISMATCH',
  claim: 'Every line is about the same run of the same deployment.',
  start({ facts, trust, expectRun }: CheckContext) {
    const same = (part: { origin: string; run: string }, what: string): void => {
      const header = mustFind(facts.header, 'the file has no header');
      mustHold(part.run === header.run, `${what} is about run ${part.run}`);
      mustHold(part.origin === header.origin, `${what} comes from ${part.origin}`, 'ORIGIN_MISMATCH');
    };
    return {
      line(line) {
        if (line.kind === 'header') {
          const { run, origin } = line.header;
          mustHold((expectRun ?? run) === run, `the file is about run ${run}, not ${expectRun}`, 'RUN_UNEXPECTED');
          mustHold(
            (trust?.origin ?? origin) === origin,
            `the file comes from ${origin}, the keys are for ${trust?.origin}`,
            'ORIGIN_UNTRUSTED',
          );
        }
        if (line.kind === 'event') same(line.event, `event ${line.event.seq}`);
        if (line.kind === 'manifest') same(line.manifest.statement.predicate, 'a manifest');
        if (line.kind === 'seal') same(line.seal.statement.predicate, 'the seal');
        if (line.kind === 'log') same(line.record.entry, `the log entry ${line.record.entry.type}`);
      },
    };
  },
};

export const sequence: Check = {
  id: 'sequence',
  code: 'SEQUENCE_GAP',
  claim: 'The events are numbered without a gap.',
  start() {
    let next = 0;
    return {
      event({ seq }) {
        mustHold(seq === next, `event ${seq} stands where event ${next} belongs`);
        next++;
      },
    };
  },
};

export const plan: Check = {
  id: 'plan',
  code: 'PLAN_MISMATCH',
  claim: 'The planned items are those that were accepted: they hash to the sealed plan.',
  start({ facts }: CheckContext) {
    return {
      finish() {
        mustHold(facts.planProblem === undefined, facts.planProblem ?? '');
        facts.plan.close(mustFind(facts.opened, 'the run is never opened').data);
      },
    };
  },
};

export const stateMachine: Check = {
  id: 'state-machine',
  code: 'TRANSITION_IMPOSSIBLE',
  claim:
    'Every step followed from the ones before: dependencies, attempts, epochs, locks, retries, cancels and counts.',
  start({ facts }: CheckContext) {
    let machine: RunMachine | undefined;
    return {
      event(event) {
        machine ??= new RunMachine(event.run, facts.plan);
        machine.apply(event, event.at);
      },
      finish() {
        mustFind(machine, 'the file holds no events').finish();
      },
    };
  },
};
