import { randomBytes } from 'node:crypto';
import { openHttpTimestampAuthority } from '#adapters/http/timestamp-authority.ts';
import { startTimestampServer } from '../support/tsa-server.ts';
import { timestampAuthoritySuite } from './timestamp-authority.suite.ts';

timestampAuthoritySuite('http, with openssl behind it', async () => {
  const server = await startTimestampServer();
  let isThere = true;
  const vanish = async (): Promise<void> => {
    if (isThere) await server.stop();
    isThere = false;
  };
  const authority = openHttpTimestampAuthority({
    url: server.url,
    roots: [server.rootDer],
    policies: [server.policy],
    timeoutMs: 5_000,
    hex: (bytes) => randomBytes(bytes).toString('hex'),
  });
  return { authority, root: server.rootDer, vanish, close: vanish };
});
