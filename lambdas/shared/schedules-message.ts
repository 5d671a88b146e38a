/** What the reconciler asks of submit, which alone makes alarms: that every schedule has its own, and what is due is filled. */
import * as z from 'zod/mini';

export const schedulesMessage = z.object({ resume: z.literal('schedules') });

export const RESUME_SCHEDULES: z.output<typeof schedulesMessage> = { resume: 'schedules' };
