/**
 * Judges time stamps in a process that resolves packages as browsers do: a list of inputs on stdin, serialised by
 * node:v8; on stdout, for each, the check that refused it, or null.
 */
import { deserialize } from 'node:v8';
import { sha256, TimestampError, type TimestampInput, verifyTimestamp } from '@waybill/verify';
import * as web from '../../packages/verify/src/crypto.web.ts';

if (sha256 !== web.sha256) throw new TypeError('this process does not use the functions of browsers');
const chunks: Uint8Array[] = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const judged: (string | null)[] = [];
for (const input of deserialize(Buffer.concat(chunks)) as TimestampInput[]) {
  judged.push(
    await verifyTimestamp(input).then(
      () => null,
      (error: unknown) => (error instanceof TimestampError ? error.check : String(error)),
    ),
  );
}
process.stdout.write(JSON.stringify(judged));
