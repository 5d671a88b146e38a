import type { ScheduleSpec } from '@waybill/client/compile';

/** For tests that care about when it is due and not about what runs then. */
export const HOURLY: ScheduleSpec = {
  apiVersion: 'waybill/v1',
  kind: 'Schedule',
  metadata: { name: 'hourly' },
  spec: {
    timeZone: 'UTC',
    cron: '0 * * * *',
    run: { items: [{ id: 'x', pipeline: [{ block: 'script', run: 'true' }] }] },
  },
};
