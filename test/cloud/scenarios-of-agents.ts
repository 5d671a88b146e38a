/** Agents that ask a model, with a session that their attempt was given. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  GetFunctionConfigurationCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { submitRun } from '@waybill/client';
import { layMend, MEND_ENDS, MEND_MODEL, MEND_SCRIPT } from '../model-server/mend-story.ts';
import { ModelServer } from '../model-server/model-server.ts';
import { formsOf } from '../support/shown-secrets.ts';
import type { WholeCall } from './beds/recorder.ts';
import type { World } from './deployed-world.ts';
import { asRoot, assertVerified, type Scenarios } from './scenario.ts';
import { searched } from './searched-world.ts';
import { MODELS } from './worker-processes.ts';

/** As a submitter has it. */
const RECEIPT_TIMEOUT_MS = 180_000;

const unknownModel = {
  apiVersion: 'waybill/v1',
  kind: 'Run',
  metadata: { name: 'unknown' },
  spec: { items: [{ id: 'a', pipeline: [{ block: 'agent', adapter: 'bedrock', model: 'lost', prompt: 'Do it.' }] }] },
};

/** Sessions lead to the regional endpoint of Bedrock, which the bed has not. */
async function sessionsAt(world: World, url: string): Promise<void> {
  const lambda = new LambdaClient(asRoot(world));
  const FunctionName = world.deployed.names.functionName('release');
  const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const Variables = { ...Environment?.Variables, WAYBILL_MODEL_URL: url };
  await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }));
}

/** What a request for a session with a model is answered with, of which servers see no more than the token. */
function sessionSecretsIn(world: World, { body, answer }: WholeCall): string[] {
  const asked = new URLSearchParams(body.toString());
  if (asked.get('Action') !== 'AssumeRole' || asked.get('RoleArn') !== world.deployed.names.arn.role('models'))
    return [];
  return [...answer.toString().matchAll(/<(?:SecretAccessKey|SessionToken)>([^<]+)</g)].map(([, value = '']) => value);
}

async function mendABug(world: World): Promise<void> {
  const server = await ModelServer.open();
  try {
    server.script(...MEND_SCRIPT);
    await sessionsAt(world, server.url);
    // What the image says of the model leads nowhere: a session comes first.
    const settings = { bedrock: { url: 'http://127.0.0.1:9', models: [MEND_MODEL] } };
    writeFileSync(join(world.bed.directory, 'programs', MODELS), JSON.stringify(settings));
    const baseDir = join(world.bed.directory, 'mend');
    mkdirSync(baseDir);
    layMend(baseDir);
    const flow = readFileSync(join(baseDir, 'flow.yaml'));
    const options = { baseDir, submissionId: 'mend', timeoutMs: RECEIPT_TIMEOUT_MS };
    const tokens = (): string[] => server.asked.map(({ headers }) => String(headers['x-amz-security-token'] ?? ''));
    const secrets = new Set<string>();
    const unwatch = world.bed.watch((call) => {
      for (const secret of sessionSecretsIn(world, call)) secrets.add(secret);
    });
    const { found, looked } = await searched(
      world,
      () => [...secrets].flatMap(formsOf),
      async () => {
        const receipt = await submitRun(world.transport, flow, options);
        assert.deepEqual([receipt.status, receipt.reasons], ['accepted', []]);
        await world.sealed('mend');
      },
    ).finally(unwatch);
    const status = await world.sealed('mend');
    const happened = status.items.filter(({ state }) => state !== 'skipped');
    const ends = happened.map(({ id, state }) => `${id} ${state}`);
    assert.deepEqual([status.state, ends], ['done', MEND_ENDS], JSON.stringify(status));
    assert.equal(server.asked.length, MEND_SCRIPT.length);
    await assertVerified(world, status);
    for (const [n, { headers }] of server.asked.entries()) {
      assert.match(
        headers.authorization ?? '',
        /^AWS4-HMAC-SHA256 Credential=\w+\/\d{8}\/[a-z0-9-]+\/bedrock\/aws4_request, /,
      );
      assert.ok((tokens()[n] ?? '').length > 8, 'it is signed with a session');
    }
    const used = new Set(tokens());
    assert.ok(used.size > 1, 'each attempt has its own');
    assert.deepEqual(
      [...used].filter((token) => !secrets.has(token)),
      [],
      'it was looked for',
    );
    assert.equal(secrets.size, 2 * used.size, 'and so was the key of each');
    // The service that makes them tells who asks, which shows that the search finds what is there; nobody else has any.
    assert.deepEqual([...new Set(found.map((name) => name.trim()))], ['answer: POST /']);
    for (const kind of ['object', 'row', 'staged', 'call', 'headers', 'log'])
      assert.ok((looked[kind] ?? 0) > 0, `nothing of ${kind}: ${JSON.stringify(looked)}`);
    const models = await world.submit(unknownModel, 'unknown-model');
    assert.deepEqual(
      models.reasons.map(({ code, path }) => `${code} ${path}`),
      ['MODEL_UNAVAILABLE spec.items[0].pipeline[0].model'],
    );
  } finally {
    server.close();
  }
}

export const AGENTS: Scenarios = {
  'a model mends a bug by the same flow as on one machine: red, mended, green, reviewed, accepted': mendABug,
};
