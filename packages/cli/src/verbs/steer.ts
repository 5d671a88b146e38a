/** Verbs that ask the engine to change the course of a run or of one item, and say what it answered. */

import { dirname, resolve } from 'node:path';
import {
  abortRun,
  cancelRun,
  closeRun,
  extendRun,
  pauseRun,
  requeueItem,
  resumeRun,
  retryItem,
  skipItem,
} from '@waybill/client/operator';
import { usageError } from '../error-report.ts';
import type { ExitCode } from '../exit-codes.ts';
import { reportReceipt } from '../receipt-report.ts';
import { accessRun, itemOf } from '../run-access.ts';
import { EXTENSION_FIX, placing, readSpecBytes } from '../spec-file.ts';
import type { VerbCall } from '../verb.ts';

export async function cancel(call: VerbCall): Promise<ExitCode> {
  const transport = await call.target.open();
  const { run } = await accessRun(transport, call.arg(0));
  const id = call.optionalArg(1);
  const item = id === undefined ? undefined : itemOf(run, id).id;
  await call.target.ensure({});
  const target = { run: run.run, ...(item === undefined ? {} : { item }) };
  const receipt = await call.target.answered((wait) => cancelRun(transport, target, wait));
  return reportReceipt(call, receipt, `cancel ${item === undefined ? '' : `${item} of `}run ${run.run}`);
}

export async function abort(call: VerbCall): Promise<ExitCode> {
  const reason = call.text('reason');
  if (reason === undefined)
    throw usageError('--reason', 'is missing', 'Say why in one word, such as `segment_damaged`.');
  const transport = await call.target.open();
  const { run } = await accessRun(transport, call.arg(0));
  await call.target.ensure({});
  const target = { run: run.run, reason };
  const receipt = await call.target.answered((wait) => abortRun(transport, target, wait));
  return reportReceipt(call, receipt, `abort run ${run.run}`);
}

export async function extend(call: VerbCall): Promise<ExitCode> {
  const file = call.arg(1);
  const path = resolve(file);
  const written = await readSpecBytes(path, EXTENSION_FIX);
  const transport = await call.target.open();
  const { run } = await accessRun(transport, call.arg(0));
  await call.target.ensure({});
  const target = { run: run.run, written, baseDir: dirname(path) };
  const receipt = await call.target.answered((wait) =>
    placing(file, written, async () => extendRun(transport, target, wait)),
  );
  return reportReceipt(call, receipt, `extend run ${run.run}`);
}

export async function close(call: VerbCall): Promise<ExitCode> {
  return steer(call, 'close', closeRun);
}

export async function pause(call: VerbCall): Promise<ExitCode> {
  return steer(call, 'pause', pauseRun);
}

export async function resume(call: VerbCall): Promise<ExitCode> {
  return steer(call, 'resume', resumeRun);
}

async function steer(call: VerbCall, verb: string, ask: typeof pauseRun): Promise<ExitCode> {
  const transport = await call.target.open();
  const { run } = await accessRun(transport, call.arg(0));
  await call.target.ensure({});
  const receipt = await call.target.answered((wait) => ask(transport, run.run, wait));
  return reportReceipt(call, receipt, `${verb} run ${run.run}`);
}

export async function retry(call: VerbCall): Promise<ExitCode> {
  return steerItem(call, 'retry', retryItem);
}

export async function requeue(call: VerbCall): Promise<ExitCode> {
  return steerItem(call, 'requeue', requeueItem);
}

export async function skip(call: VerbCall): Promise<ExitCode> {
  return steerItem(call, 'skip', skipItem);
}

async function steerItem(call: VerbCall, verb: string, ask: typeof skipItem): Promise<ExitCode> {
  const transport = await call.target.open();
  const { run } = await accessRun(transport, call.arg(0));
  const item = itemOf(run, call.arg(1)).id;
  await call.target.ensure({});
  const target = { run: run.run, item };
  const receipt = await call.target.answered((wait) => ask(transport, target, wait));
  return reportReceipt(call, receipt, `${verb} ${item} of run ${run.run}`);
}
