import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TerminalError } from '@waybill/client/errors';
import { readModelSettings } from '#core/model-settings.ts';

const read = (document: unknown) => readModelSettings(document, 'models.json');
const ENDPOINT = { url: 'https://bedrock-runtime.eu-central-1.amazonaws.com', models: ['m'] };

describe('models.json:', () => {
  it('holds an address, a key and models for each adapter, or nothing', () => {
    assert.deepEqual(read({}), {});
    const settings = {
      bedrock: { ...ENDPOINT, keyFile: 'bedrock.key' },
      codex: { ...ENDPOINT, url: 'http://127.0.0.1:8080/openai' },
    };
    assert.deepEqual(read(settings), settings);
  });

  it('tells of all that is wrong, each with its path', () => {
    const document = { codex: { url: '', models: ['a b', 'c d'], key: 'k' }, bedrock: { keyFile: 5 } };
    const paths = ['bedrock.models', 'bedrock.keyFile', 'codex.url', 'codex.models[0]', 'codex.models[1]', 'codex.key'];
    assert.throws(
      () => read(document),
      (error) =>
        error instanceof TerminalError &&
        error.path === 'models.json.bedrock.url' &&
        error.problem
          .split('; ')
          .slice(1)
          .map((one) => one.split(' ')[0])
          .join() === paths.map((path) => `models.json.${path}`).join(),
    );
  });

  for (const [title, document, path] of [
    ['what is no object', [], 'models.json'],
    ['an adapter that asks no model', { command: ENDPOINT }, 'models.json.command'],
    ['no models', { codex: { url: ENDPOINT.url } }, 'models.json.codex.models'],
    ['a model of two words', { codex: { ...ENDPOINT, models: ['a b'] } }, 'models.json.codex.models[0]'],
    ['a key in the clear', { codex: { ...ENDPOINT, key: 'k' } }, 'models.json.codex.key'],
    [
      'a key that would travel in the clear',
      { codex: { ...ENDPOINT, url: 'http://a.example' } },
      'models.json.codex.url',
    ],
    [
      'an address with a slash at its end',
      { codex: { ...ENDPOINT, url: 'https://a.example/' } },
      'models.json.codex.url',
    ],
    ['an address with a password', { codex: { ...ENDPOINT, url: 'https://a:b@c.example' } }, 'models.json.codex.url'],
    ['an address with a query', { codex: { ...ENDPOINT, url: 'https://a.example/b?c' } }, 'models.json.codex.url'],
    ['a port that none is', { codex: { ...ENDPOINT, url: 'https://a.example:99999' } }, 'models.json.codex.url'],
    ['the port 0', { codex: { ...ENDPOINT, url: 'http://127.0.0.1:0' } }, 'models.json.codex.url'],
    ['no address', { codex: { ...ENDPOINT, url: 'file:///etc/passwd' } }, 'models.json.codex.url'],
  ] as const) {
    it(`refuses ${title}, with its path`, () => {
      assert.throws(
        () => read(document),
        (error) => error instanceof TerminalError && error.code === 'USAGE' && error.path === path,
      );
    });
  }
});
