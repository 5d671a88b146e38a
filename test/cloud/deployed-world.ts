/** A whole deployment in the wiring bed, with somebody who submits runs to it and reads what they may. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CloudFormationClient, CreateStackCommand } from '@aws-sdk/client-cloudformation';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import {
  AssumeRoleCommand,
  type AssumeRoleCommandOutput,
  GetCallerIdentityCommand,
  STSClient,
} from '@aws-sdk/client-sts';
import { type Receipt, type RunStatus, submitRun } from '@waybill/client';
import { S3Transport } from '@waybill/client/aws';
import { parseDeployment } from '@waybill/client/deployment';
import type { Heard } from '../support/callback-server.ts';
import { makeRepository } from '../support/git-repository.ts';
import { until } from '../support/processes.ts';
import { type Ministack, start } from './beds/ministack.ts';
import { type Deployed, deploy } from './deploy.ts';
import { keepSecrets, type SecretArns } from './kept-secrets.ts';
import { type ToldOutside, toldOutside } from './told-outside.ts';
import { type WorkerPrograms, workerProcesses } from './worker-processes.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const CLI_TIMEOUT_MS = 180_000;
const RECEIPT_TIMEOUT_MS = 180_000;
const SEAL_TIMEOUT_MS = 240_000;
const STACKS = ['ledger', 'state', 'runtime'].map((stack) => `waybill-${stack}`);

/** One line of invocations.jsonl. */
export interface Invocation {
  function: string;
  startedMs: number;
  /** Of an invocation. */
  elapsedMs?: number;
  /** Processor time of the function's process meanwhile; null where the bed does not know it. */
  cpuMs?: number | null;
  memoryMiB?: number;
  records?: number;
  failed?: boolean;
  logBytes?: number;
  /** Of a new process instead. */
  initMs?: number;
}

export interface World {
  bed: Ministack;
  deployed: Deployed;
  programs: WorkerPrograms;
  secrets: SecretArns;
  /** What was told of runs, outside. */
  heard: readonly Heard[];
  /** Of the submitter. */
  transport: S3Transport;
  /** Where a spec's source is `./repo`. */
  directory: string;
  /** Submits a spec and resolves with the answer to it. */
  submit(spec: object, submissionId: string): Promise<Receipt>;
  status(submissionId: string): Promise<RunStatus | null>;
  /** Polls until the status is as wanted; an error with the last one after four minutes. */
  reached(submissionId: string, what: string, holds: (status: RunStatus) => boolean): Promise<RunStatus>;
  sealed(submissionId: string): Promise<RunStatus>;
  /** What the clock does each minute, now. */
  reconcile(): Promise<void>;
  /** The command line with the submitter's credentials. */
  waybill(...args: string[]): Promise<{ exit: number | null; said: string }>;
  invocations(): Invocation[];
  close(outcome: { keepLogs: boolean }): Promise<void>;
}

function run(script: string, args: readonly string[], env: Record<string, string>, cwd: string) {
  const child = spawn(process.execPath, [script, ...args], {
    cwd,
    env: { PATH: [join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(delimiter), HOME: cwd, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: CLI_TIMEOUT_MS,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  return new Promise<{ exit: number | null; said: string }>((resolve) => {
    child.once('close', (exit) => resolve({ exit, said }));
  });
}

/** A role that holds nothing but the policy that the deployment makes for people who submit, and a session of it. */
async function submitter(bed: Ministack, { names }: Deployed) {
  const asRoot = { endpoint: bed.url, region: bed.region, credentials: bed.credentials };
  const trust = { Effect: 'Allow', Principal: { AWS: names.arn.root }, Action: 'sts:AssumeRole' };
  const Resources = {
    Submitter: {
      Type: 'AWS::IAM::Role',
      Properties: {
        RoleName: 'submitter',
        AssumeRolePolicyDocument: { Version: '2012-10-17', Statement: [trust] },
        ManagedPolicyArns: [`arn:aws:iam::${bed.account}:policy/${names.role('submitters')}`],
      },
    },
  };
  const stack = { StackName: 'people', TemplateBody: JSON.stringify({ Resources }) };
  await new CloudFormationClient(asRoot).send(
    new CreateStackCommand({ ...stack, Capabilities: ['CAPABILITY_NAMED_IAM'] }),
  );
  const sts = new STSClient(asRoot);
  const assume = new AssumeRoleCommand({
    RoleArn: `arn:aws:iam::${bed.account}:role/submitter`,
    RoleSessionName: 'ada',
  });
  let Credentials: AssumeRoleCommandOutput['Credentials'];
  await until(async () => {
    Credentials = await sts.send(assume).then(
      (given) => given.Credentials,
      () => undefined,
    );
    return Credentials !== undefined;
  });
  const credentials = {
    accessKeyId: Credentials?.AccessKeyId ?? '',
    secretAccessKey: Credentials?.SecretAccessKey ?? '',
    sessionToken: Credentials?.SessionToken ?? '',
  };
  const { UserId = '' } = await new STSClient({ ...asRoot, credentials }).send(new GetCallerIdentityCommand({}));
  return { credentials, principal: UserId };
}

/** @throws with what cdk or the emulator said when the deployment does not come to stand */
export async function openWorld(): Promise<World> {
  const outside = await toldOutside();
  const bed = await start({ NODE_EXTRA_CA_CERTS: outside.certificate });
  try {
    const world = await deployedWorld(bed, (secrets) => outside.namedWith(secrets));
    const close: World['close'] = (outcome) => world.close(outcome).finally(() => outside.close());
    return { ...world, heard: outside.heard, close };
  } catch (error) {
    await bed.stop({ keepLogs: true }).finally(() => outside.close());
    throw error;
  }
}

async function deployedWorld(bed: Ministack, namedWith: ToldOutside['namedWith']): Promise<Omit<World, 'heard'>> {
  const programs = await workerProcesses(join(bed.directory, 'programs'));
  bed.setContainers(programs.containers);
  const secrets = await keepSecrets(bed);
  const deployed = await deploy(bed, programs.worker, namedWith(secrets));
  const file = join(bed.directory, 'waybill-deployment.json');
  const cli = join(ROOT, 'packages', 'cli', 'bin', 'waybill.js');
  const pulled = await run(
    cli,
    ['deployment', 'pull', ...STACKS.flatMap((stack) => ['--stack', stack]), '--region', bed.region, '-o', file],
    bed.environment,
    bed.directory,
  );
  if (pulled.exit !== 0) throw new TypeError(`waybill deployment pull: ${pulled.said}`);
  const parsed = parseDeployment(readFileSync(file));
  if (!parsed.ok) throw new TypeError(JSON.stringify(parsed.refusals));
  const person = await submitter(bed, deployed);
  const place = { endpoint: bed.url, region: bed.region };
  const s3 = new S3Client({ ...place, credentials: person.credentials, forcePathStyle: true });
  const transport = new S3Transport(s3, parsed.deployment, person.principal, { pollMs: 100, maxPollMs: 1_000 });
  const directory = join(bed.directory, 'submitter');
  mkdirSync(directory);
  makeRepository(join(directory, 'repo'), () => writeFileSync(join(directory, 'repo', 'greeting.txt'), 'hello\n'));
  const lambda = new LambdaClient({ ...place, credentials: bed.credentials });
  const status = (submissionId: string) => transport.readStatus({ principal: person.principal, submissionId });
  const reached: World['reached'] = async (submissionId, what, holds) => {
    const deadline = performance.now() + SEAL_TIMEOUT_MS;
    for (;;) {
      const now = await status(submissionId);
      if (now !== null && holds(now)) return now;
      if (performance.now() > deadline)
        throw new TypeError(`${submissionId} never was ${what}: ${JSON.stringify(now)}`);
      await delay(150);
    }
  };
  const reconcile = async (): Promise<void> => {
    await lambda.send(new InvokeCommand({ FunctionName: deployed.names.functionName('reconcile'), Payload: '{}' }));
  };
  // The first minute of a deployment: the reconciler asks for the log to be begun, and nothing is accepted before.
  await reconcile();
  const ledger = new S3Client({ ...place, credentials: bed.credentials, forcePathStyle: true });
  const begun = new ListObjectsV2Command({ Bucket: deployed.names.bucket('ledger') });
  await until(async () => ((await ledger.send(begun)).KeyCount ?? 0) > 0);
  return {
    bed,
    deployed,
    programs,
    secrets,
    transport,
    directory,
    submit: (spec, submissionId) =>
      submitRun(transport, Buffer.from(JSON.stringify(spec)), {
        baseDir: directory,
        submissionId,
        timeoutMs: RECEIPT_TIMEOUT_MS,
      }),
    status,
    reached,
    sealed: (submissionId) => reached(submissionId, 'sealed', ({ sealedAt }) => sealedAt !== undefined),
    reconcile,
    waybill: (...args) =>
      run(
        cli,
        ['--target', 'aws', '--deployment', file, ...args],
        {
          ...bed.environment,
          AWS_ACCESS_KEY_ID: person.credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: person.credentials.secretAccessKey,
          AWS_SESSION_TOKEN: person.credentials.sessionToken,
        },
        directory,
      ),
    invocations: () =>
      readFileSync(join(bed.directory, 'invocations.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    close: (outcome) => bed.stop(outcome),
  };
}
