/** What the agents of a flow are refused for, beside what its tasks are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flowOf, flowRefusals } from '../test/flow-sample.ts';
import { summary } from '../test/run-sample.ts';

test('flows: a slip in the prompt of an agent is told beside whatever else is wrong', () => {
  const agents = { reader: { adapter: 'bedrock', model: 'm', prompt: 'Read {{txt a}}.' } };
  const idle = { ...agents, other: { adapter: 'bedrock', model: 'm', prompt: '{{' } };
  const read = { id: 'a', agent: 'reader' };
  assert.deepEqual(summary(flowRefusals(flowOf([read], { agents }))), ['SPEC_INVALID agents.reader.prompt']);
  assert.deepEqual(
    summary(
      flowRefusals(
        flowOf(
          [
            { ...read, timeout: 5 },
            { id: 'b', agent: 'gone' },
          ],
          { agents: idle },
        ),
      ),
    ),
    ['SPEC_INVALID tasks[0].timeout', 'SPEC_INVALID agents.reader.prompt', 'SPEC_UNKNOWN_REFERENCE tasks[1].agent'],
  );
});
