/** cost: what a run has cost, or all of them, and what is left of the caps. */
import { type Cost, costOfRun, type RunStatus, readCost } from '@waybill/client';
import { agentPrice } from '../agent-price.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { accessRun } from '../run-access.ts';
import { safeCell } from '../safe-text.ts';
import type { VerbCall } from '../verb.ts';
import { costLines } from '../view/cost-lines.ts';
import { type Line, toned } from '../view/styled.ts';

/** An item of which is not known what it used, and why. */
interface Unread {
  item: string;
  problem: string;
}

function unreadOf(run: RunStatus | null): Unread[] {
  return (run?.items ?? []).flatMap(({ id: item, usageProblem: problem }) =>
    problem === undefined ? [] : [{ item, problem }],
  );
}

function unreadLine({ item, problem }: Unread): Line {
  return [toned('warn', 'unread '), ` usage of ${safeCell(item)}: ${safeCell(problem, 300)}`];
}

const NOTHING: Cost = { microUsd: 0, parts: [], models: [], caps: [] };

export async function cost(call: VerbCall): Promise<ExitCode> {
  const transport = await call.target.open();
  const named = call.optionalArg(0);
  // What is left of the caps is of the deployment, and of one whose caps cannot be read nobody knows it.
  if (named === undefined && call.target.kind === 'embedded') await agentPrice(call.home);
  const run = named === undefined ? null : (await accessRun(transport, named)).run;
  const found = run === null ? ((await readCost(transport)) ?? NOTHING) : costOfRun(run);
  const unread = unreadOf(run);
  call.terminal.emit({ ...(run === null ? {} : { run: run.run }), ...found, ...(unread.length > 0 ? { unread } : {}) });
  call.terminal.say([...costLines(found, run, Date.now()), ...unread.map(unreadLine)]);
  return EXIT.ok;
}
