/** DynamoDB Local in memory: conditions, transactions, limits and streams as AWS's own emulator has them. */
import { spawn } from 'node:child_process';
import { bedFolder } from '../install.ts';
import { freePort, type StartedBed, untilAnswered } from './started-bed.ts';

export async function start(): Promise<StartedBed> {
  const folder = bedFolder('dynamodb-local');
  const port = await freePort();
  const child = spawn(
    'java',
    [
      // Two cores are shared by many beds: a small heap and the cheap compiler start in half the time.
      ...['-Xmx256m', '-XX:TieredStopAtLevel=1', '-Djava.library.path=./DynamoDBLocal_lib'],
      ...['-jar', 'DynamoDBLocal.jar', '-inMemory', '-port', String(port), '-disableTelemetry'],
    ],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  return untilAnswered('dynamodb-local', child, `http://127.0.0.1:${port}`);
}
