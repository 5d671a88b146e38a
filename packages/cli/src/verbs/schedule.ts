/** schedule: what runs by the clock, put into force, looked at and steered. */
import { dirname, resolve } from 'node:path';
import { type ScheduleStatus, type SlotStatus, TerminalError, type Transport } from '@waybill/client';
import { addSchedule, steerSchedule } from '@waybill/client/operator';
import { refusalLines } from '../error-report.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { reportReceipt } from '../receipt-report.ts';
import { safeCell } from '../safe-text.ts';
import { placing, readSpecBytes, SCHEDULE_FIX } from '../spec-file.ts';
import type { VerbCall } from '../verb.ts';
import { counted } from '../view/measure.ts';
import { type Line, type Tone, toned } from '../view/styled.ts';
import { type Cell, tableLines } from '../view/table.ts';

const COLUMN = 12;

export async function scheduleAdd(call: VerbCall): Promise<ExitCode> {
  const path = resolve(call.arg(0));
  const bytes = await readSpecBytes(path, SCHEDULE_FIX);
  await call.target.ensure({});
  const transport = await call.target.open();
  const baseDir = dirname(path);
  const { name, ...receipt } = await call.target.answered((wait) =>
    placing(call.arg(0), bytes, () => addSchedule(transport, bytes, { baseDir, ...wait })),
  );
  const exit = reportReceipt(call, receipt, `schedule ${name}`);
  if (exit !== EXIT.ok) return exit;
  const added = (await schedulesOf(transport)).find((schedule) => schedule.name === name);
  if (added !== undefined) call.terminal.say([[toned('quiet', 'next'.padEnd(COLUMN)), nextText(added)]]);
  return exit;
}

export async function scheduleList(call: VerbCall): Promise<ExitCode> {
  const schedules = await schedulesOf(await call.target.open());
  for (const schedule of schedules) call.terminal.emit(schedule);
  const rows = schedules.map((schedule): Cell[] => [
    { text: safeCell(schedule.name, 40) },
    { text: safeCell(schedule.cron, 40) },
    { text: safeCell(schedule.timeZone, 32) },
    { text: nextText(schedule), ...(schedule.paused ? { tone: 'warn' as const } : {}) },
    lastCell(schedule.slots.at(-1)),
  ]);
  const none = [[toned('quiet', `${counted(0, 'schedule')} of yours in ${call.target.where}`)]];
  call.terminal.say(rows.length === 0 ? none : tableLines(['NAME', 'CRON', 'ZONE', 'NEXT', 'LAST'], rows));
  return EXIT.ok;
}

export async function scheduleShow(call: VerbCall): Promise<ExitCode> {
  const schedule = await scheduleNamed(await call.target.open(), call.arg(0));
  call.terminal.emit(schedule);
  call.terminal.say(showLines(schedule));
  return EXIT.ok;
}

export function schedulePause(call: VerbCall): Promise<ExitCode> {
  return steer(call, 'pause');
}

export function scheduleResume(call: VerbCall): Promise<ExitCode> {
  return steer(call, 'resume');
}

export function scheduleTrigger(call: VerbCall): Promise<ExitCode> {
  return steer(call, 'trigger');
}

export function scheduleRm(call: VerbCall): Promise<ExitCode> {
  return steer(call, 'rm');
}

async function steer(call: VerbCall, verb: 'pause' | 'resume' | 'trigger' | 'rm'): Promise<ExitCode> {
  const transport = await call.target.open();
  const { name } = await scheduleNamed(transport, call.arg(0));
  await call.target.ensure({});
  const asked = { schedule: name, do: verb };
  const receipt = await call.target.answered((wait) => steerSchedule(transport, asked, wait));
  const exit = reportReceipt(call, receipt, `${verb} schedule ${name}`);
  if (receipt.run !== undefined && exit === EXIT.ok) {
    call.terminal.say([[toned('quiet', 'next'.padEnd(COLUMN)), call.command(`watch ${receipt.run.slice(0, 12)}`)]]);
  }
  return exit;
}

async function schedulesOf(transport: Transport): Promise<ScheduleStatus[]> {
  return (await transport.readSchedules())?.schedules ?? [];
}

/** Throws TerminalError SCHEDULE_UNKNOWN. */
async function scheduleNamed(transport: Transport, name: string): Promise<ScheduleStatus> {
  const found = (await schedulesOf(transport)).find((schedule) => schedule.name === name);
  if (found !== undefined) return found;
  const problem = `there is no schedule ${JSON.stringify(name)} of yours here`;
  const fix = 'See `waybill schedule list`, or say where to look: --dir, or --target aws with --deployment.';
  throw new TerminalError({ code: 'SCHEDULE_UNKNOWN', path: 'schedule', problem, fix });
}

function nextText({ paused, next: [first] }: ScheduleStatus): string {
  return paused ? 'paused' : safeCell(first ?? 'never');
}

function lastCell(last: SlotStatus | undefined): Cell {
  return last === undefined ? { text: '' } : { text: `${safeCell(last.at)} ${answerOf(last)}`, tone: toneOf(last) };
}

function answerOf({ status }: SlotStatus): string {
  return safeCell(status ?? 'waiting');
}

function toneOf({ status }: SlotStatus): Tone {
  if (status === undefined) return 'warn';
  return status === 'accepted' || status === 'deduped' ? 'good' : 'bad';
}

function showLines(schedule: ScheduleStatus): Line[] {
  const { name, cron, timeZone, queue, missed, definition, addedAt, next, slots, passedOver } = schedule;
  const rule = typeof missed === 'string' ? missed : `the latest ${missed.all}`;
  const fact = (label: string, text: string): Line => [toned('quiet', label.padEnd(COLUMN)), safeCell(text, 120)];
  return [
    fact('schedule', `${name}: ${cron}, ${timeZone}`),
    fact('queue', queue),
    fact('missed', rule),
    fact('added', addedAt),
    fact('definition', definition),
    ...(schedule.paused
      ? [[toned('quiet', 'next'.padEnd(COLUMN)), toned('warn', 'paused')]]
      : next.map((at) => fact('next', at))),
    ...(passedOver === undefined ? [] : [fact('missed', `slots from ${passedOver.from} to ${passedOver.to}`)]),
    ...slots.flatMap((slot): Line[] => [
      [
        toned('quiet', slot.how.padEnd(COLUMN)),
        `${safeCell(slot.at)}  ${safeCell(slot.run).slice(0, 12)}  `,
        toned(toneOf(slot), answerOf(slot)),
      ],
      ...slot.reasons.flatMap(refusalLines),
    ]),
  ];
}
