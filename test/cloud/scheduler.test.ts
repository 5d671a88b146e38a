/**
 * The contract of the scheduler over EventBridge Scheduler's API. The emulator keeps the schedules; nobody can wait for days
 * of them, so a reader of their expressions that has nothing in common with ours says when the service would call.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CreateScheduleGroupCommand,
  DeleteScheduleGroupCommand,
  GetScheduleCommand,
  type GetScheduleCommandOutput,
  ListSchedulesCommand,
  SchedulerClient,
} from '@aws-sdk/client-scheduler';
import { readCron } from '@waybill/client/compile';
import { createGroupScheduler } from '#adapters/aws/scheduler.ts';
import type { ScheduleRef } from '#ports/scheduler.ts';
import { type SchedulerBed, schedulerSuite } from '../conformance/scheduler.suite.ts';
import { type Ministack, start } from './beds/ministack.ts';

const MINUTE_MS = 60_000;
const ARNS = {
  role: 'arn:aws:iam::000000000000:role/schedules',
  target: 'arn:aws:lambda:eu-central-1:000000000000:function:slot',
};
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

let bed: Ministack;
let client: SchedulerClient;
let groups = 0;

before(async () => {
  bed = await start();
  client = new SchedulerClient({ endpoint: bed.url, region: bed.region, credentials: bed.credentials });
});

after(async () => {
  client?.destroy();
  await bed?.stop();
});

function includes(field: string, value: number | string): boolean {
  if (field === '*' || field === '?') return true;
  return field.split(',').some((part) => {
    const [from = '', to = from] = part.split('-');
    return typeof value === 'string' ? part === value : Number(from) <= value && value <= Number(to);
  });
}

/** The minutes after one time and up to another at which the service calls, as its documentation says. */
function callsBetween(
  { ScheduleExpression = '', ScheduleExpressionTimezone }: GetScheduleCommandOutput,
  from: number,
  to: number,
) {
  assert.ok(ScheduleExpression.length <= 256, ScheduleExpression);
  const [minute = '', hour = '', day = '', month = '', week = '', year, ...more] = ScheduleExpression.replace(
    /^cron\((.*)\)$/,
    '$1',
  ).split(' ');
  assert.deepEqual([year, more, [day, week].filter((field) => field === '?').length], ['*', [], 1], ScheduleExpression);
  const clock = new Intl.DateTimeFormat('sv-SE', {
    timeZone: ScheduleExpressionTimezone ?? '',
    dateStyle: 'short',
    timeStyle: 'short',
  });
  const [shown, calls]: [Set<string>, number[]] = [new Set(), []];
  for (let ms = from - 180 * MINUTE_MS; ms <= to; ms += MINUTE_MS) {
    const text = clock.format(ms);
    const [y = 0, m = 0, d = 0, h = 0, min = 0] = text.split(/\D/).map(Number);
    const weekday = WEEKDAYS[new Date(Date.UTC(y, m - 1, d)).getUTCDay()] ?? '';
    const isNamed = includes(minute, min) && includes(hour, h) && includes(day, d) && includes(month, m);
    if (isNamed && includes(week, weekday) && !shown.has(text) && ms > from) calls.push(ms);
    shown.add(text);
  }
  return calls;
}

async function openGroup(): Promise<SchedulerBed & { group: string }> {
  groups += 1;
  const group = `group-${groups}`;
  await client.send(new CreateScheduleGroupCommand({ Name: group }));
  let nowMs = Date.parse('2026-03-28T12:00:00Z');
  return {
    group,
    scheduler: createGroupScheduler({ client, group, ...ARNS }),
    async passUntil(time) {
      const [fromMs, untilMs] = [nowMs, Date.parse(time)];
      nowMs = untilMs;
      const calls: { ref: ScheduleRef; at: string }[] = [];
      const { Schedules = [] } = await client.send(new ListSchedulesCommand({ GroupName: group }));
      for (const { Name } of Schedules) {
        const stored = await client.send(new GetScheduleCommand({ GroupName: group, Name }));
        const { schedule } = JSON.parse(stored.Target?.Input ?? '{}') as { schedule: ScheduleRef };
        for (const ms of callsBetween(stored, fromMs, untilMs))
          calls.push({ ref: schedule, at: new Date(ms).toISOString() });
      }
      return calls.sort((a, b) => (a.at < b.at ? -1 : 1));
    },
    async close() {
      await client.send(new DeleteScheduleGroupCommand({ Name: group }));
    },
  };
}

schedulerSuite('EventBridge Scheduler', openGroup);

test('scheduler: EventBridge Scheduler: a schedule calls the function for slots in the role made for it, at once and with its reference only', async () => {
  const { group, scheduler, close } = await openGroup();
  const read = readCron('0-1,3-4,6-7,9-10,12-13,15-16,18-19,21-22,24-25,27-28,30-31,33-34,36-37 1,3 1,3,5 1,3,5 *');
  assert.ok(read.ok);
  await scheduler.set({ principal: 'P', name: 'n'.repeat(63), fields: read.fields, timeZone: 'UTC' });
  const [{ Name = '' } = {}] = (await client.send(new ListSchedulesCommand({ GroupName: group }))).Schedules ?? [];
  assert.match(Name, /^s-[0-9a-f]{40}$/);
  const { Target, FlexibleTimeWindow } = await client.send(new GetScheduleCommand({ GroupName: group, Name }));
  assert.deepEqual([Target?.Arn, Target?.RoleArn, FlexibleTimeWindow?.Mode], [ARNS.target, ARNS.role, 'OFF']);
  assert.deepEqual(JSON.parse(Target?.Input ?? ''), {
    scheduledTime: '<aws.scheduler.scheduled-time>',
    schedule: { principal: 'P', name: 'n'.repeat(63) },
  });
  await close();
});
