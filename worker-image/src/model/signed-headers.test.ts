/** Signatures, held against those of the SDK, which AWS takes. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { STSClient } from '@aws-sdk/client-sts';
import { signedHeaders } from './signed-headers.ts';

const SESSION = {
  region: 'eu-central-1',
  accessKeyId: 'ASIAEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  sessionToken: 'IQoJb3JpZ2luX2VjE/+EXAMPLE==',
};
const AT_MS = Date.UTC(2026, 1, 3, 4, 5, 6, 789);

/** What the SDK sends for the same request. */
async function ofTheSdk(host: string, path: string, body: Uint8Array): Promise<Record<string, string>> {
  const { region, ...credentials } = SESSION;
  const { config } = new STSClient({ region, credentials });
  const scheme = { name: 'sigv4', signingName: 'bedrock', signingRegion: region, properties: {} };
  const signer = await config.signer(scheme);
  const headers = { host, 'content-type': 'application/json' };
  const request = { method: 'POST', protocol: 'https:', hostname: host, path, query: {}, headers, body };
  const { host: _, ...signed } = (await signer.sign(request, { signingDate: new Date(AT_MS) })).headers;
  return signed;
}

const PATHS = [
  '/model/anthropic.claude-v1/converse-stream',
  '/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream',
  '/model/eu.anthropic.claude-sonnet-4-5-20250929-v1:0/converse-stream',
  "/model/it's(a)%20model*!~%2Fx/converse-stream",
];

for (const path of PATHS) {
  it(`a request for ${path} is signed as the SDK signs it`, async () => {
    const host = 'bedrock-runtime.eu-central-1.amazonaws.com';
    const body = Buffer.from('{"messages":[{"role":"user","content":[{"text":"tøken"}]}]}');
    const ours = signedHeaders({ host, path, body }, SESSION, AT_MS);
    const theirs = await ofTheSdk(host, path, body);
    assert.deepEqual(ours, theirs);
    // Of another body, path, time or session it is another one.
    const others = [
      signedHeaders({ host, path, body: Buffer.from('{}') }, SESSION, AT_MS),
      signedHeaders({ host, path: `${path}x`, body }, SESSION, AT_MS),
      signedHeaders({ host, path, body }, SESSION, AT_MS + 1_000),
      signedHeaders({ host, path, body }, { ...SESSION, sessionToken: 'another' }, AT_MS),
    ];
    for (const other of others) assert.notEqual(other.authorization, ours.authorization);
  });
}
