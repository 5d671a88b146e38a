/** What must be true when everything has come to rest. */
import { digestOf, type TrustFile, verifyBundle } from '@waybill/verify';
import type { LockRow, QueueRow, QueuesRow } from '#core/queue-rows.ts';
import type { LogHeadRow, RunTreeRow } from '#core/record-rows.ts';
import { keys, type RunRow } from '#core/rows.ts';
import type { SchedulesRow } from '#core/schedule-rows.ts';
import { auditLog } from '../../packages/verify/src/audit/log-audit.ts';
import type { CallbackInvariants } from './callback-desk.ts';
import type { Deed } from './deed.ts';
import type { Buckets } from './object-stores.ts';
import type { RowTable } from './row-table.ts';
import type { SlotInvariants } from './slot-invariants.ts';
import { mustHold } from './violation.ts';

export interface Remains {
  slots: SlotInvariants;
  callbacks: CallbackInvariants;
  table: RowTable;
  buckets: Buckets;
  trust: TrustFile;
  deeds: readonly Pick<Deed, 'key' | 'document'>[];
  nowMs: number;
}

/** Null when nothing is left to do; else what is. For a deployment in which nothing goes wrong any more. */
export function unfinished({ table, buckets }: Pick<Remains, 'table' | 'buckets'>): string | null {
  const first = (pk: string): string | null => {
    const [row] = table.query(pk, { prefix: '', limit: 1 });
    return row === undefined ? null : `${pk} ${row.sk}`;
  };
  if (buckets.arrived.size > 0) return `inbox ${[...buckets.arrived.keys()][0]}`;
  const [schedule] = table.body<SchedulesRow>(keys.schedules())?.schedules ?? [];
  if (schedule !== undefined) return `schedule ${schedule.name}`;
  // That a queue is looked at again when a day begins hurts nobody, whether something waits for it by then or not.
  const timers = table.query('timers', { prefix: '', limit: 100 }).find(({ sk }) => !/^\d{13}\/queue\//.test(sk));
  // Of a run that was aborted by force something may still end.
  for (const { body } of table.query('queues', { prefix: '', limit: 1 }))
    for (const name of (body as unknown as QueuesRow).names)
      if (table.body<QueueRow>(keys.queue(name))?.holders.length) return `holders of queue ${name}`;
  // The last of what went wrong may have met the sequencer, which comes back each minute.
  const head = table.body<LogHeadRow>(keys.logHead());
  const isPublished = head === null || head.published.size === head.tree.size;
  return (
    first('runs') ??
    first('todo') ??
    first('callbacks') ??
    (timers && `timers ${timers.sk}`) ??
    (isPublished ? null : 'entries of the log')
  );
}

export async function checkRemains(remains: Remains): Promise<{ verified: number }> {
  everybodyWasAnswered(remains);
  remains.slots.everySlotIsARun(remains.buckets);
  nothingIsHeld(remains);
  remains.callbacks.everyEndIsKnown();
  const runs = remains.table.partitions().filter((pk) => pk.startsWith('run/'));
  let verified = 0;
  for (const pk of runs) if (await runIsWhole(remains, pk.slice('run/'.length))) verified += 1;
  await logIsWhole(remains, runs.length);
  return { verified };
}

function everybodyWasAnswered({ buckets, deeds }: Remains): void {
  for (const { key, document } of deeds) {
    const [, principal = '', file = ''] = key.split('/');
    const name = `${principal}/${file.replace(/\.json$/, '')}/${digestOf(JSON.stringify(document))}`;
    mustHold(buckets.receipts.has(name), 'I1', `nobody answered ${key}`);
  }
}

function nothingIsHeld({ table }: Remains): void {
  for (const pk of table.partitions()) {
    if (pk.startsWith('queue/')) {
      const queue = table.body<QueueRow>({ pk, sk: 'queue' });
      mustHold(queue?.holders.length === 0, 'I7', `${pk} is held by ${queue?.holders}`);
      mustHold(table.query(pk, { prefix: 'ready/', limit: 1 }).length === 0, 'I9', `${pk} has ready items`);
    }
    if (pk.startsWith('lock/')) {
      const lock = table.body<LockRow>({ pk, sk: 'lock' });
      mustHold(lock?.holders.length === 0 && !lock.head, 'I7', `${pk} is held or awaited: ${JSON.stringify(lock)}`);
      mustHold(table.query(pk, { prefix: 'wait/', limit: 1 }).length === 0, 'I9', `${pk} has waiters`);
    }
  }
}

/** True: it was sealed, and its bundle verifies. */
async function runIsWhole({ table, buckets, trust }: Remains, run: string): Promise<boolean> {
  const row = table.body<RunRow>(keys.run(run));
  mustHold(row !== null && row.state !== 'admitting', 'I1', `run ${run} was admitted and never opened`);
  const isForced = row.abortedIndex !== undefined;
  if (!isForced) {
    mustHold(
      table.query(`run/${run}`, { prefix: 'event/', limit: 1 }).length === 0,
      'I6',
      `run ${run} has events left`,
    );
    mustHold(table.query(`run/${run}`, { prefix: 'wake/', limit: 1 }).length === 0, 'I9', `run ${run} has wakes left`);
    mustHold(!table.body<RunTreeRow>(keys.tree(run))?.batch, 'I9', `run ${run} has a batch under way`);
    mustHold(row.bundle !== undefined, 'I8', `run ${run} is ${row.state} and was not sealed`);
  }
  if (row.bundle === undefined) return false;
  const bytes = buckets.ledger.get(row.bundle.key);
  mustHold(bytes !== undefined, 'I8', `the bundle of run ${run} is not in the ledger`);
  mustHold(digestOf(bytes) === row.bundle.sha256, 'I8', `the bundle of run ${run} is another one`);
  const report = await verifyBundle([bytes], { trust, expectRun: run });
  const failed = report.checks.filter(({ status }) => status === 'fail');
  mustHold(report.exitCode === 0, 'I9', `run ${run} does not verify: ${JSON.stringify(failed)}`);
  return true;
}

async function logIsWhole({ table, buckets, trust, nowMs }: Remains, runs: number): Promise<void> {
  const head = table.body<LogHeadRow>(keys.logHead());
  mustHold(head !== null && head.open === 0, 'I8', `the log has ${head?.open} open runs`);
  mustHold(head.published.size === head.tree.size, 'I9', 'entries of the log are not published');
  mustHold(head.runSeq === runs, 'I6', `the log has ${head.runSeq} runs, the table ${runs}`);
  const { ledger } = buckets;
  const source = {
    read: async (name: string) => ledger.get(name) ?? null,
    open: async (name: string) => {
      const bytes = ledger.get(name);
      return bytes === undefined ? null : chunked(bytes);
    },
    list: async (folder: string) => {
      const below = [...ledger.keys()].filter((name) => name.startsWith(`${folder}/`));
      return [...new Set(below.map((name) => name.slice(folder.length + 1).split('/')[0] ?? ''))].sort();
    },
  };
  const report = await auditLog(source, { trust, nowMs });
  mustHold(report.exitCode === 0, 'I9', `the log does not verify: ${JSON.stringify(report.findings).slice(0, 600)}`);
}

async function* chunked(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
