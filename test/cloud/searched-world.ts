/**
 * Wherever a deployment of the bed has some text: what its programs send and are answered, staged objects among it, and what it keeps: objects,
 * rows, logs. Not what the emulator hands on by itself, such as an event to a function.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import {
  GetObjectCommand,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  S3Client,
} from '@aws-sdk/client-s3';
import { textOfBody } from '#adapters/aws/row-body.ts';
import { BUCKETS } from '../../lib/deployment-names.ts';
import type { WholeCall } from './beds/recorder.ts';
import type { World } from './deployed-world.ts';
import { asRoot } from './scenario.ts';

type Place = [name: string, bytes: Uint8Array];

/**
 * Names of the places that hold one of these, and how many places of each kind had something in them: whatever is called while
 * `during` goes on, and what is kept when it is over.
 * @param forms asked for when `during` is over, and what was called is kept until then
 */
export async function searched(
  world: World,
  forms: () => readonly Buffer[],
  during: () => Promise<void>,
): Promise<{ found: string[]; looked: Record<string, number> }> {
  const looked: Record<string, number> = {};
  const found: string[] = [];
  const called: Place[] = [];
  const unwatch = world.bed.watch((call) => void called.push(...placesIn(world, call)));
  await during().finally(unwatch);
  const sought = forms();
  const look = ([name, bytes]: Place): void => {
    const kind = name.split(':')[0] ?? '';
    if (bytes.byteLength > 0) looked[kind] = (looked[kind] ?? 0) + 1;
    const whole = Buffer.concat([Buffer.from(`${name}\n`), bytes]);
    if (sought.some((form) => whole.includes(form))) found.push(name);
  };
  called.forEach(look);
  for await (const place of placesOf(world)) look(place);
  return { found, looked };
}

/** What was sent and what came back. Staged objects are taken away, so that they are seen here alone. */
function placesIn(world: World, { method, url, headers, body, answer }: WholeCall): Place[] {
  const target = headers['x-amz-target'] ?? '';
  const asked = `${method} ${decodeURIComponent(url)} ${target}`;
  const isStaged = url.startsWith(`/${world.deployed.names.bucket('staging')}/`);
  const kind = target.startsWith('AmazonSQS') ? 'message' : isStaged ? 'staged' : 'call';
  const sent: Place[] = [
    [`${kind}: ${asked}`, body],
    [`headers: ${asked}`, Buffer.from(JSON.stringify(headers))],
  ];
  // What they answer is what is kept: who may ask is said in the policies.
  return /\.(GetSecretValue|GetParameter)$/.test(target) ? sent : [...sent, [`answer: ${asked}`, answer]];
}

async function* placesOf(world: World): AsyncGenerator<Place> {
  yield* objects(world);
  yield* rows(world);
  const logs = globSync(['function-logs.jsonl', 'ministack.log', 'tasks/*/*.log'], { cwd: world.bed.directory });
  for (const file of logs) {
    const bytes = readFileSync(join(world.bed.directory, file));
    yield [`log: ${file}`, bytes];
  }
}

/** Every version that is still there, a page after the other. */
async function* objects(world: World): AsyncGenerator<Place> {
  const s3 = new S3Client({ ...asRoot(world), forcePathStyle: true });
  for (const which of BUCKETS) {
    const Bucket = world.deployed.names.bucket(which);
    let next: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } | null = {};
    while (next !== null) {
      const page: ListObjectVersionsCommandOutput = await s3.send(new ListObjectVersionsCommand({ Bucket, ...next }));
      for (const { Key, VersionId } of page.Versions ?? []) {
        const version = VersionId === undefined || VersionId === 'null' ? {} : { VersionId };
        const object = await s3.send(new GetObjectCommand({ Bucket, Key, ...version })).catch(() => null);
        // It may have been taken away since it was listed.
        const bytes = (await object?.Body?.transformToByteArray()) ?? new Uint8Array(0);
        yield [`object: ${which}/${Key}`, bytes];
      }
      const { IsTruncated, NextKeyMarker: KeyMarker, NextVersionIdMarker: VersionIdMarker } = page;
      next = IsTruncated === true ? { KeyMarker, VersionIdMarker } : null;
    }
  }
}

/** As they are, and as they read. */
async function* rows(world: World): AsyncGenerator<Place> {
  const client = new DynamoDBClient(asRoot(world));
  for await (const { Items = [] } of paginateScan({ client }, { TableName: world.deployed.names.table })) {
    for (const item of Items) {
      const name = `row: ${item.pk?.S} ${item.sk?.S}`;
      yield [name, Buffer.from(`${JSON.stringify(item)}\n${textOfBody(item.body) ?? ''}`)];
    }
  }
}
