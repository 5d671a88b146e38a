/** Deploys the three stacks into the wiring bed, with the command line that a customer uses. */
import { spawn } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { cpSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { GetPublicKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { PutObjectLockConfigurationCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateStateMachineAliasCommand, PublishStateMachineVersionCommand, SFNClient } from '@aws-sdk/client-sfn';
import { sha256Hex, type TrustFile } from '@waybill/verify';
import { type DeploymentNames, deploymentNames, LIVE_ALIAS } from '../../lib/deployment-names.ts';
import type { WaybillProps } from '../../lib/waybill-props.ts';
import { MEND_MODEL } from '../model-server/mend-story.ts';
import { stripAssembly, type Template, templatesOf } from './bed-assembly.ts';
import type { Ministack } from './beds/ministack.ts';
import { STRIPPED_TYPES } from './stripped-types.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const CLI_TIMEOUT_MS = 240_000;
const NAME = 'waybill';
const ORIGIN = 'bed.example/waybill';

export interface Deployed {
  names: DeploymentNames;
  origin: string;
  /** As synthesized, before anything was taken out for the bed; by file name. */
  templates: ReadonlyMap<string, Template>;
  /** Of the attest keys, oldest first: DER, base64. */
  attestKeys: readonly string[];
}

/**
 * @param cwd where the command line looks for an app
 * @returns what it wrote; throws with that text when it fails
 */
function cdk(bed: Ministack, args: readonly string[], cwd: string = ROOT): Promise<string> {
  const child = spawn(process.execPath, [join(ROOT, 'node_modules', 'aws-cdk', 'bin', 'cdk'), ...args], {
    cwd,
    env: {
      PATH: [join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
      HOME: bed.directory,
      TMPDIR: join(bed.directory, 'tmp'),
      CI: 'true',
      CDK_DISABLE_VERSION_CHECK: '1',
      ...bed.environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: CLI_TIMEOUT_MS,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('close', (exit) => {
      if (exit === 0) resolve(said);
      else reject(new TypeError(`cdk ${args.join(' ')} (exit ${exit}):\n${said}`));
    });
  });
}

async function attestKeys(bed: Ministack): Promise<string[]> {
  const kms = new KMSClient({ endpoint: bed.url, region: bed.region, credentials: bed.credentials });
  const { PublicKey } = await kms.send(new GetPublicKeyCommand({ KeyId: `alias/${NAME}/attest-1` }));
  const key = createPublicKey({ key: Buffer.from(PublicKey ?? []), format: 'der', type: 'spki' });
  return [key.export({ format: 'der', type: 'spki' }).toString('base64')];
}

function pinned(attest: readonly string[]): TrustFile {
  const keys = attest.map((spki) => {
    const keyid = sha256Hex(Buffer.from(spki, 'base64'));
    return { use: 'attest' as const, alg: 'ecdsa-p256-sha256' as const, keyid, spki, from: 1 };
  });
  return { format: 'waybill-keys/v1', origin: ORIGIN, keys };
}

/** The emulator forgets that a bucket is made with Object Lock, and refuses every locked object then. */
async function lockLedger(bed: Ministack, names: DeploymentNames): Promise<void> {
  const s3 = new S3Client({
    endpoint: bed.url,
    region: bed.region,
    credentials: bed.credentials,
    forcePathStyle: true,
  });
  const ObjectLockConfiguration = { ObjectLockEnabled: 'Enabled' } as const;
  await s3.send(new PutObjectLockConfigurationCommand({ Bucket: names.bucket('ledger'), ObjectLockConfiguration }));
}

async function publishMachine(bed: Ministack, names: DeploymentNames, environment: string): Promise<void> {
  const machines = new SFNClient({ endpoint: bed.url, region: bed.region, credentials: bed.credentials });
  const stateMachineArn = names.arn.machine(environment);
  const { stateMachineVersionArn } = await machines.send(new PublishStateMachineVersionCommand({ stateMachineArn }));
  const routingConfiguration = [{ stateMachineVersionArn, weight: 100 }];
  await machines.send(new CreateStateMachineAliasCommand({ name: LIVE_ALIAS, routingConfiguration }));
}

/** Digests of the images of the two environments, whose containers do the same. */
export const DEFAULT_IMAGE = `sha256:${'3'.repeat(64)}`;
export const OTHER_IMAGE = `sha256:${'4'.repeat(64)}`;

/**
 * Bootstraps, deploys the ledger, pins its keys, deploys the rest: the order of docs/deploy.md.
 *
 * @param workerDigest of the bundle that containers of the bed run
 * @param named secrets of blocks by their ARNs, and whom runs may name to be told of their end
 * @param strip types that are taken out of the templates
 */
export async function deploy(
  bed: Ministack,
  workerDigest: string,
  named: Pick<WaybillProps, 'secrets' | 'callbacks'>,
  strip: ReadonlySet<string> = new Set(Object.keys(STRIPPED_TYPES)),
): Promise<Deployed> {
  const { account, region } = bed;
  const config = join(bed.directory, 'deployment.json');
  const registry = `${account}.dkr.ecr.${region}.amazonaws.com`;
  const settings = {
    env: { account, region },
    name: NAME,
    availabilityZones: [`${region}a`, `${region}b`],
    origin: ORIGIN,
    mode: 'test',
    retention: { mode: 'GOVERNANCE', days: 1 },
    wrapperImage: `${registry}/wrapper@sha256:${'1'.repeat(64)}`,
    workerDigest,
    environments: {
      default: { image: `${registry}/blocks@${DEFAULT_IMAGE}` },
      other: { image: `${registry}/other@${OTHER_IMAGE}` },
    },
    queues: { default: { concurrency: 40 } },
    ...named,
    models: { [MEND_MODEL]: [`arn:aws:bedrock:${region}:${account}:inference-profile/${MEND_MODEL}`] },
    s3PrefixListId: 'pl-6da54004',
    alarmEmail: 'operator@example.com',
    monthlyBudgetUsd: 50,
  };
  const synthesize = async (assembly: string, more: object, ...args: readonly string[]): Promise<void> => {
    writeFileSync(config, JSON.stringify({ ...settings, ...more }));
    await cdk(bed, ['synth', '--quiet', '-c', `config=${config}`, '--output', assembly, ...args]);
  };
  const ship = (assembly: string, stacks: readonly string[]): Promise<string> =>
    cdk(bed, ['deploy', '--app', assembly, '--require-approval', 'never', ...stacks]);

  const draft = join(bed.directory, 'draft.out');
  await Promise.all([
    synthesize(draft, {}, 'Waybill/Ledger'),
    cdk(bed, ['bootstrap', `aws://${account}/${region}`], bed.directory),
  ]);
  stripAssembly(draft, strip);
  await ship(draft, ['--exclusively', 'Waybill/Ledger']);
  const keys = await attestKeys(bed);
  const assembly = join(bed.directory, 'cdk.out');
  // The functions were built with the draft.
  await synthesize(assembly, { pinnedKeys: pinned(keys) }, '--build', 'true');
  const templates = templatesOf(assembly);
  const stripped = join(bed.directory, 'stripped.out');
  cpSync(assembly, stripped, { recursive: true });
  stripAssembly(stripped, strip);
  await ship(stripped, ['--all']);
  const names = deploymentNames({ name: NAME, account, region });
  await lockLedger(bed, names);
  for (const environment of Object.keys(settings.environments)) await publishMachine(bed, names, environment);
  return { names, origin: ORIGIN, templates, attestKeys: keys };
}
