import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { OpensslAuthority } from '../support/openssl-authority.ts';
import { startTimestampServer } from '../support/tsa-server.ts';

const openssl = new OpensslAuthority();
after(() => openssl.close());

test('timestamp server: openssl verifies what it answers, and with another root does not', async () => {
  const server = await startTimestampServer();
  const message = Buffer.from('a checkpoint\n');
  const answer = await fetch(server.url, {
    method: 'POST',
    headers: { 'content-type': 'application/timestamp-query' },
    body: new Uint8Array(openssl.query(message)),
  });
  const response = Buffer.from(await answer.arrayBuffer());
  await server.stop();
  assert.equal(answer.headers.get('content-type'), 'application/timestamp-reply');
  assert.equal(server.requests(), 1);
  const root = { name: 'root', der: Buffer.from(server.rootDer), certificate: '', key: '' };
  root.certificate = openssl.path('root.pem');
  openssl.run(['x509', '-inform', 'DER', '-in', openssl.write('root', root.der), '-out', root.certificate]);
  const stranger = openssl.certify('Root', {});
  assert.equal(openssl.verify(response, message, [root]).accepted, true);
  assert.equal(openssl.verify(response, message, [stranger]).accepted, false);
  assert.equal(openssl.verify(response, Buffer.from('another'), [root]).accepted, false);
});
