import assert from 'node:assert/strict';
import { test } from 'node:test';
import { credentialShape } from './credential-shapes.ts';

// Assembled here, so that scanners of this repository find no credential in it.
const fill = (count: number): string => 'aB3'.repeat(count).slice(0, count);

const FOUND: readonly [name: string, text: string][] = [
  ['an AWS access key id', `AKIA${'Q7'.repeat(8)}`],
  ['an AWS access key id', `ASIA${'Q7'.repeat(8)}`],
  ['a GitHub token', `ghp_${fill(36)}`],
  ['a GitHub token', `ghs_${fill(36)}`],
  ['a GitHub token', `github_pat_${fill(70)}`],
  ['a GitLab token', `glpat-${fill(20)}`],
  ['a Slack token', `xoxb-123456789012-${fill(24)}`],
  ['a Slack webhook', `https://hooks.slack.com/services/T00/B00/${fill(24)}`],
  ['a Stripe key', `sk_live_${fill(24)}`],
  ['an Anthropic key', `sk-ant-api03-${fill(40)}`],
  ['an OpenAI key', `sk-proj-${fill(40)}`],
  ['a Google API key', `AIza${fill(35)}`],
  ['an npm token', `npm_${fill(36)}`],
  ['a JSON web token', `eyJ${fill(20)}.eyJ${fill(30)}.${fill(43)}`],
  ['a private key', '-----BEGIN PRIVATE KEY-----'],
  ['a private key', '-----BEGIN OPENSSH PRIVATE KEY-----'],
  ['a private key', '-----BEGIN PGP PRIVATE KEY BLOCK-----'],
  ['a password in a url', 'postgres://app:s3cret@db/main'],
];

for (const [name, text] of FOUND) {
  test(`credentials: ${name} is found alone and inside other text`, () => {
    assert.equal(credentialShape(text), name);
    assert.equal(credentialShape(`export TOKEN="${text}"\n`), name);
  });
}

const INNOCENT: readonly [title: string, text: string][] = [
  ['nothing', ''],
  ['a word', 'production'],
  ['a commit id', 'b'.repeat(40)],
  ['a digest', `sha256:${'a'.repeat(64)}`],
  ['a UUID', '6f1c2b4e-8d2a-4c55-9b58-1f0f6f0e8f11'],
  ['an ARN', 'arn:aws:iam::123456789012:role/build'],
  ['a key id that is too short', `AKIA${'Q'.repeat(15)}`],
  ['a key id inside a longer word', `XAKIA${'Q7'.repeat(8)}`],
  ['the name of a prefix', 'ghp_'],
  ['a package', 'npm_config_registry=https://registry.npmjs.org/'],
  ['a public key', '-----BEGIN PUBLIC KEY-----'],
  ['a certificate', '-----BEGIN CERTIFICATE-----'],
  ['a url with a port', 'http://localhost:8080/path@v1'],
  ['a url with a user and no password', 'ssh://git@github.com/a/b'],
  ['a url whose password is a variable', 'postgres://app:$PASSWORD@db/main'],
  ['base64 of JSON', `eyJ${fill(60)}`],
  ['a version of a thing', 'sk-learn-1.2.3'],
  ['an e-mail address', 'someone@example.com'],
];

for (const [title, text] of INNOCENT) {
  test(`credentials: ${title} is not one`, () => {
    assert.equal(credentialShape(text), null);
  });
}

test('credentials: long values cost linear time', () => {
  const before = performance.now();
  for (const text of ['a', 'a.', 'a:', 'a://', 'xoxb-', 'eyJ', 'eyJaaaaaaaa.', 'a@', '-----BEGIN A ', 'sk-ant-a']) {
    credentialShape(text.repeat(100_000 / text.length));
  }
  assert.ok(performance.now() - before < 1_000);
});
