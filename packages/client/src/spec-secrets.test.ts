/** What a spec may say of secrets, and where it may not hold one itself. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { item, parsed, refusalsFor, runOf, SCRIPT, summary } from '../test/run-sample.ts';
import { compileItems } from './compile.ts';

const KEY = 'AKIAIOSFODNN7EXAMPLE';
const I = 'spec.items[0]';
const S = `${I}.pipeline[0].secrets`;
const block = (more: object, ofItem: object = {}): unknown =>
  runOf([item('a', { pipeline: [{ ...SCRIPT, ...more }], ...ofItem })]);
const agent = (more: object): unknown =>
  runOf([item('a', { pipeline: [{ block: 'agent', adapter: 'command', ...more }] })]);

const REFUSED: readonly [title: string, document: unknown, refusal: string][] = [
  ['a value in the place of a name', block({ secrets: { A: 'Not A Name!' } }), `SPEC_INVALID ${S}.A`],
  ['a file of no name', block({ secrets: { A: { file: '../x' } } }), `SPEC_INVALID ${S}.A.file`],
  ['a variable of the worker', block({ secrets: { WAYBILL_RUN: 'x' } }), `SPEC_INVALID ${S}.WAYBILL_RUN`],
  ['the path', block({ secrets: { PATH: 'x' } }), `SPEC_INVALID ${S}.PATH`],
  ['what env sets too', block({ secrets: { A: 'x' } }, { env: { A: 'y' } }), `SPEC_INVALID ${S}.A`],
  ['a pure item', block({ secrets: { A: 'x' } }, { effect: 'pure' }), `SPEC_INVALID ${S}`],
  ['a key in a script', block({ run: `deploy --key ${KEY}` }), `SPEC_CREDENTIAL ${I}.pipeline[0].run`],
  ['a key in an argument', block({ run: ['deploy', KEY] }), `SPEC_CREDENTIAL ${I}.pipeline[0].run[1]`],
  ['a key in a command', agent({ command: ['a', KEY] }), `SPEC_CREDENTIAL ${I}.pipeline[0].command[1]`],
  [
    'a key in a label',
    { ...runOf([item('a')]), metadata: { name: 'n', labels: { a: KEY } } },
    'SPEC_CREDENTIAL metadata.labels.a',
  ],
];

describe('secrets of a spec', () => {
  for (const [title, document, refusal] of REFUSED) {
    it(`${title} is refused`, () => assert.deepEqual(summary(refusalsFor(document)), [refusal]));
  }

  it('are names by variable in the plan, and of the block that names them', () => {
    const secrets = { NPM_TOKEN: 'npm-token', KUBECONFIG: { file: 'kube' } };
    const pipeline = [SCRIPT, { ...SCRIPT, secrets }];
    const compiled = compileItems(parsed(runOf([item('a', { pipeline, effect: 'write' })])));
    assert.ok(compiled.ok);
    assert.deepEqual(compiled.items[0]?.pipeline, pipeline);
  });
});
