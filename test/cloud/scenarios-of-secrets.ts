/** Blocks that are given secrets of the account: what becomes of them, and of attempts that are given none. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFileSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CloudFormationClient, CreateStackCommand, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { canonicalize } from '@waybill/verify';
import { stagedKey } from '#adapters/aws/staging-names.ts';
import { toldOf } from '#lambdas/shared/platform-events.ts';
import { createAttemptKey } from '../../worker-image/src/sealed-box.ts';
import { until } from '../support/processes.ts';
import { formsOf, SHOW, TIMES_SHOWN, withoutRedactor } from '../support/shown-secrets.ts';
import type { World } from './deployed-world.ts';
import { KEPT } from './kept-secrets.ts';
import { accepted, asRoot, assertVerified, isEmpty, item, living, type Scenarios } from './scenario.ts';
import { searched } from './searched-world.ts';

const node = (script: string): string[] => ['node', '-e', script];
const TOKEN = { TOKEN: 'token' };
const CAPTURE = { block: 'capture', what: 'outputs' };
const OUT = 'process.env.WAYBILL_OUTPUTS';
const leaving = (value: string): string[] => node(`require('fs').writeFileSync(${OUT} + '/a', ${value})`);
const HASH = `require('crypto').createHash('sha256').update(process.env.TOKEN).digest('hex')`;

const ITEMS: Record<string, object[]> = {
  shows: [{ block: 'script', run: node(SHOW), secrets: TOKEN }],
  knows: [{ block: 'script', run: leaving(HASH), secrets: TOKEN }, CAPTURE],
  reads: [
    {
      block: 'script',
      run: 'sha256sum < "$KEY" > "$WAYBILL_OUTPUTS/a"; cat "$KEY"; stat -c %a "$KEY"',
      secrets: { KEY: { file: 'key' } },
    },
    { block: 'script', run: '[ -z "$KEY$TOKEN" ] && ! ls /waybill/.waybill/secrets' },
    CAPTURE,
  ],
  leaves: [
    { block: 'script', run: leaving('Buffer.from(process.env.TOKEN).toString("base64")'), secrets: TOKEN },
    CAPTURE,
  ],
  names: [
    {
      block: 'script',
      run: node(`require('fs').writeFileSync(${OUT} + '/' + Buffer.from(process.env.TOKEN).toString('hex'), '')`),
      secrets: TOKEN,
    },
    CAPTURE,
  ],
  closed: [{ block: 'script', run: 'true', secrets: { A: 'closed', ...TOKEN } }],
  deleted: [{ block: 'script', run: 'true', secrets: { A: 'deleted' } }],
};

const specOf = (items: Record<string, object[]>): object => ({
  apiVersion: 'waybill/v1',
  kind: 'Run',
  metadata: { name: 'secrets' },
  spec: { items: Object.entries(items).map(([id, pipeline]) => ({ id, retry: { maxAttempts: 1 }, pipeline })) },
});
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const FORMS = Object.values(KEPT).flatMap(formsOf);

/** In the policy of the role: as an operator would, who no longer wants it to be given. */
async function closeTo(world: World, arn: string): Promise<void> {
  const formation = new CloudFormationClient(asRoot(world));
  const Statement = [{ Effect: 'Deny', Action: 'secretsmanager:GetSecretValue', Resource: arn }];
  const Properties = {
    PolicyName: 'closed',
    Roles: [world.deployed.names.role('release')],
    PolicyDocument: { Version: '2012-10-17', Statement },
  };
  const TemplateBody = JSON.stringify({ Resources: { Closed: { Type: 'AWS::IAM::Policy', Properties } } });
  await formation.send(
    new CreateStackCommand({ StackName: 'closed', TemplateBody, Capabilities: ['CAPABILITY_NAMED_IAM'] }),
  );
  await until(async () => {
    const { Stacks } = await formation.send(new DescribeStacksCommand({ StackName: 'closed' }));
    assert.ok(!/FAILED|ROLLBACK/.test(Stacks?.[0]?.StackStatus ?? ''), Stacks?.[0]?.StackStatusReason);
    return Stacks?.[0]?.StackStatus === 'CREATE_COMPLETE';
  });
}

async function textOf(world: World, submissionId: string, of: string, name: string): Promise<string> {
  const status = await world.status(submissionId);
  assert.ok(status);
  const output = item(status, of)
    .attempts.at(-1)
    ?.outputs.find((one) => one.name === name);
  assert.ok(output, `${of} has no ${name}`);
  const parts = await Array.fromAsync(await world.transport.openArtifact(output.sha256));
  return Buffer.concat(parts).toString();
}

/** Of what is searched, how many places have at least something in them. Logs are those of functions and of the emulator: tasks write none. */
const FEWEST = { object: 6, row: 6, message: 1, staged: 6, call: 6, headers: 6, answer: 6, log: 2 };

async function shownNowhere(world: World): Promise<void> {
  await closeTo(world, world.secrets.closed);
  const { found, looked } = await searched(
    world,
    () => FORMS,
    () => runsToItsEnd(world),
  );
  assert.deepEqual(found, []);
  for (const [kind, fewest] of Object.entries(FEWEST))
    assert.ok((looked[kind] ?? 0) >= fewest, `too few of ${kind}: ${JSON.stringify(looked)}`);
  assert.equal(await deadLetters(world), 0, 'nothing was given up on');
}

async function runsToItsEnd(world: World): Promise<void> {
  await accepted(world, specOf(ITEMS), 'secrets');
  const status = await world.sealed('secrets');
  const ends = Object.keys(ITEMS).map((id) => [id, item(status, id).attempts.at(-1)?.reason]);
  assert.deepEqual(Object.fromEntries(ends), {
    shows: 'exit_nonzero',
    knows: 'ok',
    reads: 'ok',
    leaves: 'secret_in_output',
    names: 'secret_in_output',
    closed: 'secret_unavailable',
    deleted: 'secret_unavailable',
  });
  await assertVerified(world, status);
  assert.equal(await textOf(world, 'secrets', 'knows', 'outputs/a'), sha256(KEPT.token), 'its newest value');
  assert.equal((await textOf(world, 'secrets', 'reads', 'outputs/a')).slice(0, 64), sha256(KEPT.key));
  assert.match(await textOf(world, 'secrets', 'reads', 'log'), /\[secret key\]\n400\n/);
  const shown = await textOf(world, 'secrets', 'shows', 'log');
  assert.equal(shown.match(/shown: .{0,3}\[secret token\]/g)?.length, TIMES_SHOWN);
  assert.match(await textOf(world, 'secrets', 'closed', 'log'), /secret closed may not be read here/);
  assert.match(await textOf(world, 'secrets', 'deleted', 'log'), /secret deleted is not there/);
}

async function deadLetters(world: World): Promise<number> {
  const client = new SQSClient(asRoot(world));
  const { QueueUrl } = await client.send(
    new GetQueueUrlCommand({ QueueName: world.deployed.names.deadLetters('release') }),
  );
  const name = 'ApproximateNumberOfMessages';
  const { Attributes } = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [name] }));
  return Number(Attributes?.[name]);
}

/** As S3 does, and once more; until the function has taken them and nothing waits. */
async function toldTwice(world: World, attemptId: string): Promise<void> {
  const { names } = world.deployed;
  const client = new SQSClient(asRoot(world));
  const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: names.queue('release') }));
  const taken = (): number =>
    world
      .invocations()
      .filter((one) => one.function === names.functionName('release') && one.failed === false)
      .reduce((sum, { records = 0 }) => sum + records, 0);
  const before = taken();
  const MessageBody = JSON.stringify(toldOf(stagedKey(attemptId, 'key'), undefined));
  for (let n = 0; n < 2; n += 1) await client.send(new SendMessageCommand({ QueueUrl, MessageBody }));
  await until(async () => (await isEmpty(world, 'release')) && taken() >= before + 2);
}

/** A key is staged as no worker stages it, with the rights of the account's root. */
async function stageKey(world: World, attemptId: string): Promise<void> {
  const Body = canonicalize({ v: 1, attemptId, key: createAttemptKey().key });
  const Bucket = world.deployed.names.bucket('staging');
  const s3 = new S3Client({ ...asRoot(world), forcePathStyle: true });
  await s3.send(new PutObjectCommand({ Bucket, Key: stagedKey(attemptId, 'key'), Body }));
}

async function isAnswered(world: World, attemptId: string): Promise<boolean> {
  const Bucket = world.deployed.names.bucket('staging');
  const s3 = new S3Client({ ...asRoot(world), forcePathStyle: true });
  return s3.send(new HeadObjectCommand({ Bucket, Key: stagedKey(attemptId, 'sealed') })).then(
    () => true,
    () => false,
  );
}

async function askedAgain(world: World): Promise<void> {
  const script = '[ -n "$TOKEN" ] && touch begun-asked && while [ ! -e go ]; do sleep 0.2; done';
  await accepted(world, specOf({ a: [{ block: 'script', run: script, secrets: TOKEN }] }), 'asked');
  const own = (): number[] => living(world, 'wrapper', 'begun-asked');
  const running = await world.reached('asked', 'running', () => own().length === 1);
  const attempt = item(running, 'a').attempts.at(-1)?.id ?? '';
  // It has taken its own key and its answer away.
  await toldTwice(world, attempt);
  assert.equal(await isAnswered(world, attempt), false);
  await stageKey(world, attempt);
  await toldTwice(world, attempt);
  assert.equal(await isAnswered(world, attempt), false, 'another key gets nothing');
  letGo(world);
  const status = await world.sealed('asked');
  assert.deepEqual(
    [status.state, item(status, 'a').attempts.map(({ reason }) => reason)],
    ['done', ['ok']],
    JSON.stringify(status),
  );
  await assertVerified(world, status);
  const bundle = readFileSync(join(world.directory, `${status.run}.jsonl`), 'utf8');
  assert.equal(bundle.match(/"secrets\.released"/g)?.length, 1);
  await stageKey(world, attempt);
  await toldTwice(world, attempt);
  assert.equal(await isAnswered(world, attempt), false, 'an attempt that is over gets nothing');
  assert.equal(await deadLetters(world), 0);
}

/** The block waits for a file in its workspace. */
function letGo(world: World): void {
  for (const begun of globSync('tasks/*/workspace/begun-asked', { cwd: world.bed.directory }))
    writeFileSync(join(world.bed.directory, dirname(begun), 'go'), '');
}

async function unknownName(world: World): Promise<void> {
  const block = { block: 'script', run: 'true', secrets: { A: 'token', B: 'nobody-keeps-it' } };
  const { status, reasons } = await world.submit(specOf({ a: [block] }), 'unknown-secret');
  assert.deepEqual(
    [status, reasons.map(({ code, path }) => `${code} ${path}`)],
    ['invalid', ['SECRET_UNAVAILABLE spec.items[0].pipeline[0].secrets.B']],
  );
}

/** The same worker without what keeps secrets out: only so does the search say something. */
async function notKeptOut(world: World): Promise<void> {
  const programs = join(world.bed.directory, 'programs');
  const bundled = readFileSync(join(programs, 'worker.mjs'), 'utf8');
  // It is pinned, so it says of itself that it is the other one.
  const open = withoutRedactor(bundled).replaceAll('import.meta.filename', '"/opt/waybill/worker.mjs"');
  writeFileSync(join(programs, 'worker-without.mjs'), open);
  const { containers } = world.programs;
  const command = containers.wrapper.command.map((part) => part.replace(/worker\.mjs$/, 'worker-without.mjs'));
  world.bed.setContainers({ ...containers, wrapper: { ...containers.wrapper, command } });
  const { found } = await searched(
    world,
    () => FORMS,
    async () => {
      await plant(world, KEPT.token);
      const { shows = [], leaves = [], names = [] } = ITEMS;
      await accepted(world, specOf({ shows, leaves, names }), 'shown');
      const status = await world.sealed('shown');
      assert.deepEqual(
        ['shows', 'leaves', 'names'].map((id) => item(status, id).attempts.at(-1)?.reason),
        ['exit_nonzero', 'ok', 'ok'],
      );
    },
  ).finally(() => world.bed.setContainers(containers));
  for (const place of SHOWN)
    assert.ok(
      found.some((name) => place.test(name)),
      `nothing in ${place}: ${found.join('\n')}`,
    );
}

/** Where it is found then: kept, on its way, and where a worker does not write by itself, planted. */
const SHOWN = [
  /^object: artifacts\//,
  /^object: ledger\//,
  /^row: /,
  /^staged: PUT .*\/result\.json/,
  /^staged: PUT .*\/planted/,
  /^answer: GET .*\/planted/,
  /^message: .*SendMessage/,
  /^log: function-logs/,
  /^log: tasks\/planted\//,
];

/** In a message of a queue of its own, in logs, and in a staged object of more than a megabyte that is taken away at once. */
async function plant(world: World, text: string): Promise<void> {
  const sqs = new SQSClient(asRoot(world));
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'planted' }));
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify({ text }) }));
  const s3 = new S3Client({ ...asRoot(world), forcePathStyle: true });
  const object = { Bucket: world.deployed.names.bucket('staging'), Key: 'planted' };
  await s3.send(new PutObjectCommand({ ...object, Body: `${' '.repeat(1 << 20)}${text}` }));
  await (await s3.send(new GetObjectCommand(object))).Body?.transformToByteArray();
  await s3.send(new DeleteObjectCommand(object));
  const { directory } = world.bed;
  appendFileSync(join(directory, 'function-logs.jsonl'), `${JSON.stringify({ text })}\n`);
  mkdirSync(join(directory, 'tasks', 'planted'));
  writeFileSync(join(directory, 'tasks', 'planted', 'wrapper.log'), text);
}

export const SECRETS: Scenarios = {
  'a secret that a block shows is nowhere, and one that is not to be had ends its attempt alone': shownNowhere,
  'secrets are given once, to one key, of an attempt that is at work': askedAgain,
  'a run that names a secret that is not kept is refused': unknownName,
  'a secret would be found if nothing kept it out': notKeptOut,
};
