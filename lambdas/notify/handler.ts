import { createHttpCallbacks } from '#adapters/http/callbacks.ts';
import { lambdaFunction } from '#lambdas/shared/function.ts';
import { flowOf, openCallbackKeys } from '#lambdas/shared/ports.ts';
import { callbackEndpoints } from '#lambdas/shared/settings.ts';
import { type NotifyDuties, notifyMessages } from './notify-messages.ts';

export const handler = lambdaFunction(
  'notify',
  async (told) => {
    const urls = new Map([...callbackEndpoints()].map(([name, { url }]) => [name, url]));
    const flow = flowOf(told, {});
    const open: NotifyDuties['open'] = (endpoints) => createHttpCallbacks(endpoints, flow.clock);
    return { flow, urls, readKey: openCallbackKeys(), open };
  },
  notifyMessages,
);
