/** What scenarios in a deployment are made of: a run of small scripts, what its status says, what its evidence proves. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { GetQueueAttributesCommand, GetQueueUrlCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { ItemStatus, RunStatus } from '@waybill/client';
import type { World } from './deployed-world.ts';

/** Scenarios share one world. Those of a list run one after the other, in its order; each leaves nothing running. */
export type Scenarios = Readonly<Record<string, (world: World) => Promise<void>>>;

const VERIFIER = join(import.meta.dirname, '..', '..', 'packages', 'verify', 'bin', 'waybill-verify.js');

interface Item {
  id: string;
  script: string;
  what?: 'outputs' | 'patch';
  environment?: string;
  dependsOn?: string[];
  needs?: Record<string, { from: string; select: { output: string } }>;
  when?: object;
}

/** A run of items of one script each; with a source when one of them captures a patch. */
export function specOf(name: string, items: readonly Item[]): object {
  const hasSource = items.some(({ what }) => what === 'patch');
  return {
    apiVersion: 'waybill/v1',
    kind: 'Run',
    metadata: { name },
    spec: {
      ...(hasSource && { source: { git: { url: './repo' } } }),
      items: items.map(({ script, what = 'outputs', ...item }) => ({
        ...item,
        retry: { maxAttempts: 1 },
        pipeline: [
          { block: 'script', run: script },
          { block: 'capture', what },
        ],
      })),
    },
  };
}

export async function accepted(world: World, spec: object, submissionId: string): Promise<string> {
  const receipt = await world.submit(spec, submissionId);
  assert.deepEqual([receipt.status, receipt.reasons], ['accepted', []]);
  return receipt.run ?? '';
}

/** Exports the bundle as a submitter does, and lets the verifier judge it with keys that did not come with it. */
export async function assertVerified(world: World, status: RunStatus): Promise<void> {
  const bundle = join(world.directory, `${status.run}.jsonl`);
  const keys = join(world.directory, 'keys.json');
  for (const args of [
    ['keys', 'export', '-o', keys],
    ['audit', 'export', status.run, '-o', bundle],
  ]) {
    const { exit, said } = await world.waybill(...args);
    assert.equal(exit, 0, said);
  }
  const verdict = spawnSync(process.execPath, [VERIFIER, bundle, '--keys', keys, '--run', status.run], {
    encoding: 'utf8',
  });
  assert.equal(verdict.status, 0, `${verdict.stdout}${verdict.stderr}`);
}

/** What the manifests in a bundle say ran. */
export function executablesOf(bundle: string): string[] {
  const payloads = readFileSync(bundle, 'utf8').match(/(?<="payload":")[^"]+/g) ?? [];
  return payloads.flatMap((payload) => {
    const { predicate } = JSON.parse(Buffer.from(payload, 'base64').toString()) as {
      predicate?: { executable?: string };
    };
    return predicate?.executable === undefined ? [] : [predicate.executable];
  });
}

export function item(status: RunStatus, id: string): ItemStatus {
  const found = status.items.find((one) => one.id === id);
  assert.ok(found, `${id} is in no status`);
  return found;
}

export function states(status: RunStatus): Record<string, string> {
  return Object.fromEntries(status.items.map(({ id, state }) => [id, state]));
}

export function asRoot(world: World) {
  return { endpoint: world.bed.url, region: world.bed.region, credentials: world.bed.credentials };
}

/** Pids of the containers of that name which are alive; with `marker` of tasks in whose workspace such a file lies. */
export function living(world: World, container: string, marker?: string): number[] {
  const pids = globSync(`tasks/*/${container}.pid`, { cwd: world.bed.directory })
    .map((file) => join(world.bed.directory, file))
    .filter((file) => marker === undefined || existsSync(join(dirname(file), 'workspace', marker)))
    .map((file) => Number(readFileSync(file, 'utf8')));
  return pids.filter((pid) => {
    try {
      return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
    } catch {
      return false;
    }
  });
}

/** Nothing waits in a function's queue, and nothing of it is being worked off. */
export async function isEmpty(world: World, queue: 'notify' | 'release' | 'submit' | 'settle'): Promise<boolean> {
  const client = new SQSClient(asRoot(world));
  const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: world.deployed.names.queue(queue) }));
  const AttributeNames = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
  const { Attributes = {} } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...AttributeNames] }),
  );
  return AttributeNames.every((name) => Attributes[name] === '0');
}
