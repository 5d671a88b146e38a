/** What has to be listening: the triggers of functions, the log of the network, the people whom alarms go to. */
import { DescribeFlowLogsCommand } from '@aws-sdk/client-ec2';
import { type EventSourceMappingConfiguration, ListEventSourceMappingsCommand } from '@aws-sdk/client-lambda';
import { GetTopicAttributesCommand } from '@aws-sdk/client-sns';
import { answer, bad, type Check, doubtful, type Found, good, unnamed } from './finding.ts';

const CHANGING = new Set(['Creating', 'Enabling', 'Updating']);

const triggers: Check = {
  name: 'triggers',
  run: async ({ lambda }, { functions }) => {
    if (functions === undefined || functions.length === 0) return [unnamed('functions')];
    const found: Found[] = [];
    for (const name of functions) {
      const command = new ListEventSourceMappingsCommand({ FunctionName: name });
      const { EventSourceMappings: mappings = [] } = await answer(name, lambda.send(command));
      if (mappings.length === 0) found.push(bad(`nothing triggers ${name}`));
      found.push(...mappings.map((mapping) => triggerOf(name, mapping)));
    }
    return found;
  },
};

function triggerOf(name: string, mapping: EventSourceMappingConfiguration): Found {
  const { EventSourceArn: source = '', State: state = 'unknown', LastProcessingResult: last = '' } = mapping;
  const trigger = `${source.includes('/stream/') ? 'the table' : source.split(':').at(-1)} to ${name}`;
  if (CHANGING.has(state)) return doubtful(`${trigger}: ${state}`, 'Ask again in a minute.');
  const enable = `Find out who turned it off, then: aws lambda update-event-source-mapping --enabled --uuid ${mapping.UUID}`;
  if (state !== 'Enabled') return bad(`${trigger} is ${state}: what comes there waits`, enable);
  if (!/^problem/i.test(last)) return good(`${trigger} is on`);
  return doubtful(`${trigger} is on, but: ${last}`, `Look at the log of ${name}, and at its role.`);
}

const network: Check = {
  name: 'network log',
  run: async ({ ec2 }, { network: vpc }) => {
    if (vpc === undefined) return [unnamed('network')];
    const command = new DescribeFlowLogsCommand({ Filter: [{ Name: 'resource-id', Values: [vpc] }] });
    const { FlowLogs: logs = [] } = await answer(vpc, ec2.send(command));
    const active = logs.find(({ FlowLogStatus: status }) => status === 'ACTIVE');
    if (active === undefined) {
      const fix = 'Deploy the runtime stack again; in a network of your own, make a flow log of the VPC.';
      return [bad(`nothing writes down who speaks with whom in ${vpc}`, fix)];
    }
    if (active.DeliverLogsStatus !== 'FAILED') return [good(`the traffic of ${vpc} is written down`)];
    const why = active.DeliverLogsErrorMessage ?? 'for no reason that it says';
    return [bad(`the traffic of ${vpc} cannot be written down: ${why}`, 'Look at the role of the flow log.')];
  },
};

const alarms: Check = {
  name: 'alarms',
  run: async ({ sns }, { alarmTopic }) => {
    if (alarmTopic === undefined) return [unnamed('alarmTopic')];
    const { Attributes: topic = {} } = await answer(
      alarmTopic,
      sns.send(new GetTopicAttributesCommand({ TopicArn: alarmTopic })),
    );
    const [confirmed, pending] = [Number(topic.SubscriptionsConfirmed ?? 0), Number(topic.SubscriptionsPending ?? 0)];
    const fix = 'Follow the link in the mail of AWS Notifications; deploy again to get another.';
    if (confirmed === 0) return [bad(`nobody hears of alarms: ${pending} addresses have not confirmed`, fix)];
    if (pending > 0) return [doubtful(`${pending} of ${confirmed + pending} addresses have not confirmed`, fix)];
    return [good(`alarms go to ${confirmed} confirmed addresses`)];
  },
};

export const WATCH_CHECKS: readonly Check[] = [triggers, network, alarms];
