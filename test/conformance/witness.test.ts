import { openHttpWitness } from '#adapters/http/witness.ts';
import { startWitness } from '../support/witness-server.ts';
import { witnessSuite } from './witness.suite.ts';

witnessSuite('http, with the witness of this repository', async (log) => {
  const server = await startWitness({ origin: log.origin, logVkey: log.vkey });
  let isThere = true;
  const vanish = async (): Promise<void> => {
    if (isThere) await server.stop();
    isThere = false;
  };
  const witness = openHttpWitness({ name: 'w1', url: server.url, vkey: server.vkey, timeoutMs: 5_000 });
  return { witness, vkey: server.vkey, vanish, close: vanish };
});
