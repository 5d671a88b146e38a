/**
 * Scheduler on a group of EventBridge Scheduler: one recurring schedule for each of ours, which calls the function that fills
 * slots. What it is given to hand on is a reference; what is to run, and which slots are due, stands in the rows.
 *
 * The service has our rule for daylight saving: a time that does not exist is skipped, one that comes twice counts once. It
 * calls within a minute, and again for a day when the function does not take it.
 */
import {
  CreateScheduleCommand,
  type CreateScheduleCommandInput,
  DeleteScheduleCommand,
  type SchedulerClient,
  UpdateScheduleCommand,
} from '@aws-sdk/client-scheduler';
import type { CronFields } from '@waybill/client/compile';
import { sha256Hex } from '@waybill/verify';
import type { ScheduleRef, Scheduler, SlotAlarm } from '#ports/scheduler.ts';
import { awsFailure, nameOf } from './aws-failure.ts';

export interface SchedulerSettings {
  client: SchedulerClient;
  group: string;
  /** ARN of the role in which it calls. */
  role: string;
  /** ARN of the function that it calls. */
  target: string;
}

/** The service writes the time of the slot in its place. */
const SCHEDULED_TIME = '<aws.scheduler.scheduled-time>';
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

export function createGroupScheduler({ client, group, role, target }: SchedulerSettings): Scheduler {
  const failed =
    (ref: ScheduleRef) =>
    (error: unknown): never => {
      throw awsFailure(`schedule ${ref.name}`, error);
    };

  return {
    async set(alarm) {
      const { principal, name } = alarm;
      const wanted: CreateScheduleCommandInput = {
        GroupName: group,
        Name: scheduleName(alarm),
        ScheduleExpression: cronOf(alarm.fields),
        ScheduleExpressionTimezone: alarm.timeZone,
        FlexibleTimeWindow: { Mode: 'OFF' },
        Target: {
          Arn: target,
          RoleArn: role,
          Input: JSON.stringify({ scheduledTime: SCHEDULED_TIME, schedule: { principal, name } }),
        },
      };
      try {
        await client.send(new CreateScheduleCommand(wanted));
      } catch (error) {
        if (nameOf(error) !== 'ConflictException') failed(alarm)(error);
        await client.send(new UpdateScheduleCommand(wanted)).catch(failed(alarm));
      }
    },
    async remove(ref) {
      try {
        await client.send(new DeleteScheduleCommand({ GroupName: group, Name: scheduleName(ref) }));
      } catch (error) {
        if (nameOf(error) !== 'ResourceNotFoundException') failed(ref)(error);
      }
    },
    /** Nothing to hear here: the service calls the function. */
    onDue() {},
  };
}

/** Names of the service are shorter than ours, and know no principals. */
function scheduleName({ principal, name }: ScheduleRef): string {
  return `s-${sha256Hex(`${principal}\0${name}`).slice(0, 40)}`;
}

/** Six fields, of which one of the two for days is a question mark; at most 256 characters, which the widest of ours fits. */
function cronOf({ minutes, hours, monthDays, months, weekdays }: SlotAlarm['fields']): string {
  const days = monthDays === null ? (weekdays === null ? '*' : '?') : listOf(monthDays, 31);
  const week = weekdays === null ? '?' : weekdays.map((day) => WEEKDAYS[day]).join(',');
  return `cron(${listOf(minutes, 60)} ${listOf(hours, 24)} ${days} ${listOf(months, 12)} ${week} *)`;
}

function listOf(values: CronFields['minutes'], all: number): string {
  if (values.length === all) return '*';
  const ranges: [from: number, to: number][] = [];
  for (const value of values) {
    const last = ranges.at(-1);
    if (last?.[1] === value - 1) last[1] = value;
    else ranges.push([value, value]);
  }
  return ranges.map(([from, to]) => (from === to ? from : `${from}-${to}`)).join(',');
}
