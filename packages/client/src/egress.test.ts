import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { digestOf } from '@waybill/verify';
import { item, parsed, refusalsFor, runOf, summary } from '../test/run-sample.ts';
import { compileItems } from './compile.ts';
import { isEgressRule, isHostName, mayAsk, namesHost } from './egress.ts';

describe('egress:', () => {
  for (const rule of [
    'a.example',
    'registry.npmjs.org',
    '*.example.org',
    'a.example:8443',
    '*.a-b.example:65535',
    'xn--a.example',
    '1.a2',
  ])
    test(`${rule} is a rule`, () => assert.equal(isEgressRule(rule), true));
  for (const rule of [
    ...[
      '',
      'localhost',
      '*',
      '*.org',
      '*.*.org',
      'a.*.org',
      '*a.org',
      'A.example',
      'a.example.',
      '.a.example',
      'a..example',
    ],
    ...[
      'a.example:0',
      'a.example:65536',
      'a.example:',
      'a.example:080',
      'http://a.example',
      'a.example/x',
      'a_b.example',
    ],
    ...[
      '127.0.0.1',
      '127.1',
      '0x7f.1',
      '1.2.3.4:80',
      '[::1]',
      '::1',
      '-a.example',
      'a-.example',
      'a@b.example',
      'a b.example',
      'a.1',
    ],
    `${'a'.repeat(64)}.example`,
    `${'a.'.repeat(127)}example`,
  ])
    test(`${JSON.stringify(rule.slice(0, 40))} is none`, () => assert.equal(isEgressRule(rule), false));

  test('a wildcard stands for exactly one label, and a rule without a port for those of the web', () => {
    const rules = ['*.example.org', 'a.example.com:8443'];
    const names = (host: string, port: number): boolean => namesHost(rules, host, port);
    assert.deepEqual([names('x.example.org', 443), names('x.example.org', 80)], [true, true]);
    assert.deepEqual(
      [names('x.example.org', 22), names('y.x.example.org', 443), names('example.org', 443)],
      [false, false, false],
    );
    assert.deepEqual([names('a.example.com', 8443), names('a.example.com', 443)], [true, false]);
    assert.equal(isHostName('*.example.org'), false);
  });

  test('what is asked for must be allowed whole, and not denied', () => {
    const may = (rule: string, deny: string[] = []): boolean =>
      mayAsk(rule, { allow: ['*.example.org', 'a.example.com:443'], deny });
    assert.deepEqual([may('x.example.org'), may('*.example.org'), may('x.example.org:80')], [true, true, true]);
    assert.deepEqual([may('*.x.example.org'), may('x.example.org:22'), may('example.org')], [false, false, false]);
    assert.deepEqual([may('a.example.com'), may('a.example.com:443')], [false, true]);
    assert.deepEqual(
      [may('x.example.org', ['x.example.org:80']), may('x.example.org:443', ['x.example.org:80'])],
      [false, true],
    );
    assert.deepEqual(
      [may('*.example.org', ['*.example.org:443']), may('x.example.org', ['*.example.org:443'])],
      [false, false],
    );
  });

  test('a plan has the hosts once each and in order; an item that fetches is not pure, and a gate fetches nothing', () => {
    const egress = ['b.example', 'a.example:443', 'b.example'];
    const compiled = compileItems(parsed(runOf([item('a', { egress })])));
    assert.deepEqual(compiled.ok && compiled.items[0]?.egress, ['a.example:443', 'b.example']);
    const refused = (more: object): string[] => summary(refusalsFor(runOf([item('a', more)])));
    const captured = [
      { block: 'script', run: 'true' },
      { block: 'capture', what: 'outputs' },
    ];
    assert.deepEqual(refused({ egress, effect: 'pure', pipeline: captured }), ['SPEC_INVALID spec.items[0].effect']);
    assert.deepEqual(refused({ egress, effect: 'read', pipeline: captured }), []);
    const many = (count: number): string[] => Array.from({ length: count }, (_, n) => `h${n}.example`);
    assert.deepEqual(refused({ egress: many(32) }), []);
    assert.deepEqual(refused({ egress: many(33) }), ['SPEC_LIMIT spec.items[0].egress']);
    assert.deepEqual(refused({ egress: [] }), ['SPEC_INVALID spec.items[0].egress']);
    assert.deepEqual(refused({ egress: ['10.0.0.1'] }), ['SPEC_INVALID spec.items[0].egress[0]']);
    assert.deepEqual(refused({ egress, pipeline: undefined, gate: {} }), ['SPEC_INVALID spec.items[0].egress']);
  });

  test('a variable that the worker sets for the proxy is refused where egress is, in any case, and wherever it comes from', () => {
    const egress = ['a.example'];
    const refused = (more: object, defaults?: object): string[] =>
      summary(refusalsFor(runOf([item('a', more)], defaults === undefined ? {} : { defaults })));
    for (const name of [
      'ALL_PROXY',
      'all_proxy',
      'HTTP_PROXY',
      'HTTPS_PROXY',
      'NO_PROXY',
      'https_proxy',
      'No_Proxy',
      'NODE_USE_ENV_PROXY',
    ]) {
      const env = { [name]: 'x' };
      assert.deepEqual(refused({ egress, env }), [`SPEC_INVALID spec.items[0].env.${name}`]);
      assert.deepEqual(refused({ egress }, { env }), [`SPEC_INVALID spec.defaults.env.${name}`]);
      assert.deepEqual(refused({ env }), []);
      const pipeline = [
        { block: 'script', run: 'true' },
        { block: 'script', run: 'true', secrets: { A: 'a', [name]: 'b' } },
      ];
      assert.deepEqual(refused({ egress, pipeline }), [`SPEC_INVALID spec.items[0].pipeline[1].secrets.${name}`]);
      assert.deepEqual(refused({ pipeline }), []);
    }
    assert.deepEqual(refused({ egress, env: { MY_HTTP_PROXY: 'x' } }), []);
    const pins = { values: { mirror: { sha256: digestOf('{"NO_PROXY":"x"}'), env: { NO_PROXY: 'x' } } } };
    const whose = (more: object, defaults: object): string[] =>
      refusalsFor(runOf([item('a', { egress, ...more })], { pins, defaults })).map(
        ({ path, problem }) => `${path} ${problem.split(' is set ')[0]}`,
      );
    const [values, env] = [['mirror'], { NO_PROXY: 'x' }];
    assert.deepEqual(whose({ values }, {}), ['spec.items[0].values NO_PROXY of the values mirror']);
    assert.deepEqual(whose({}, { values }), ['spec.defaults.values NO_PROXY of the values mirror']);
    assert.deepEqual(whose({ values: [] }, { values }), []);
    const pipeline = [{ block: 'script', run: 'true', secrets: { NO_PROXY: 'a' } }];
    assert.deepEqual(whose({ env }, { env }), [
      'spec.items[0].env.NO_PROXY NO_PROXY of the item',
      'spec.defaults.env.NO_PROXY NO_PROXY of the defaults',
    ]);
    assert.deepEqual(whose({ pipeline }, {}), ['spec.items[0].pipeline[0].secrets.NO_PROXY NO_PROXY of the secrets']);
  });
});
