import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Terminal, type TerminalChoice } from './terminal.ts';
import { toned } from './view/styled.ts';

function terminal(choice: Partial<TerminalChoice> & { tty?: boolean } = {}): { terminal: Terminal; written: string[] } {
  const written: string[] = [];
  const sink = {
    isTTY: choice.tty === true,
    write: (chunk: string | Uint8Array): boolean => {
      written.push(String(chunk));
      return true;
    },
  };
  return { terminal: new Terminal({ out: sink, err: sink, env: {}, json: false, plain: false, ...choice }), written };
}

test('terminal: a person gets a live screen, a program JSON lines, unless they ask for something else', () => {
  assert.equal(terminal({ tty: true }).terminal.mode, 'live');
  assert.equal(terminal().terminal.mode, 'json');
  assert.equal(terminal({ tty: true, json: true }).terminal.mode, 'json');
  assert.equal(terminal({ plain: true }).terminal.mode, 'plain');
});

test('terminal: colour only on a terminal, and never against NO_COLOR', () => {
  assert.equal(terminal({ tty: true }).terminal.colour, true);
  assert.equal(terminal({ tty: true, env: { NO_COLOR: '1' } }).terminal.colour, false);
  assert.equal(terminal({ tty: true, env: { NO_COLOR: '' } }).terminal.colour, true);
  assert.equal(terminal({ tty: true, env: { TERM: 'dumb' } }).terminal.colour, false);
  assert.equal(terminal({ plain: true }).terminal.colour, false);
});

test('terminal: what is said to people and what is emitted for programs never mix', () => {
  const forPeople = terminal({ plain: true });
  forPeople.terminal.emit({ a: 1 });
  forPeople.terminal.say([[toned('good', 'a')]]);
  assert.deepEqual(forPeople.written, ['a\n']);
  const forPrograms = terminal({ json: true });
  forPrograms.terminal.say([['a']]);
  forPrograms.terminal.emit({ a: 'x\ny' });
  assert.deepEqual(forPrograms.written, ['{"a":"x\\ny"}\n']);
});

test('terminal: a character that is cut between two chunks is shown whole, and an end in its middle is shown', async () => {
  const [cut, whole] = [Buffer.from('é').subarray(0, 1), Buffer.from('é')];
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    yield cut;
    yield whole.subarray(1);
    yield cut;
  };
  const onScreen = terminal({ tty: true, plain: true });
  await onScreen.terminal.copy(chunks());
  assert.equal(onScreen.written.join(''), 'é\ufffd');
});
