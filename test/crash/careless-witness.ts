/**
 * A witness that keeps its newest checkpoint in memory, answers at once and stores later: what a witness must not be. The
 * tests that kill witnesses, and that run two on one state, are shown to notice it.
 * Usage: node careless-witness.ts <state directory> <log key>...
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { type LogHead, openState, type WitnessState } from '../../packages/witness/src/state.ts';
import { createWitness, logKeysOf } from '../../packages/witness/src/witness.ts';

const LATER_MS = 100;

function careless(state: WitnessState): WitnessState {
  const heads = new Map<string, LogHead | null>();
  const headOf = (origin: string): LogHead | null => heads.get(origin) ?? state.head(origin);
  return {
    ...state,
    head: headOf,
    advance(origin, decide) {
      const { head, result } = decide(headOf(origin));
      if (head !== undefined) {
        heads.set(origin, head);
        setTimeout(() => state.advance(origin, () => ({ head, result: null })), LATER_MS);
      }
      return result;
    },
  };
}

const [directory = '', ...logs] = process.argv.slice(2);
const state = openState(directory, 'witness.test/careless');
const witness = createWitness(careless(state), logKeysOf(logs));
const server = createServer(async (request, response) => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  const isStatus = request.method === 'GET';
  const { status, body } = isStatus
    ? { status: 200, body: JSON.stringify(witness.status()) }
    : await witness.addCheckpoint(Buffer.concat(chunks));
  response.writeHead(status).end(body);
});
server.listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.stdout.write(`${JSON.stringify({ message: 'ready', url, vkey: state.vkey })}\n`);
});
