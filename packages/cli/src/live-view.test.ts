import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { LiveView } from './live-view.ts';
import { Terminal, type TextSink } from './terminal.ts';
import type { Line } from './view/styled.ts';

/** Enough of a terminal to know what a person would see: alternate screen, cursor, wrapping, erasing. */
class FakeScreen extends EventEmitter implements TextSink {
  readonly isTTY = true;
  columns: number;
  rows: number;
  writes: string[] = [];
  isAlternate = false;
  isCursorShown = true;
  #cells: string[] = [];
  #row = 0;
  #column = 0;

  constructor(columns: number, rows: number) {
    super();
    this.columns = columns;
    this.rows = rows;
  }

  get seen(): string[] {
    return this.#cells.map((line) => line.trimEnd());
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    // terminals differ in what they do with the content; this one leaves rubbish, the worst of them
    this.#cells = Array.from({ length: rows }, () => '#'.repeat(columns));
    this.emit('resize');
  }

  write(chunk: string | Uint8Array): boolean {
    this.writes.push(String(chunk));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal reads them.
    for (const [token] of String(chunk).matchAll(/\x1b\[\??[0-9;]*[A-Za-z]|[\s\S]/g)) this.#take(token);
    return true;
  }

  #take(token: string): void {
    const line = this.#cells[this.#row] ?? '';
    if (token === '\x1b[?1049h') this.#enter(true);
    else if (token === '\x1b[?1049l') this.#enter(false);
    else if (token === '\x1b[?25l') this.isCursorShown = false;
    else if (token === '\x1b[?25h') this.isCursorShown = true;
    else if (token === '\x1b[H') [this.#row, this.#column] = [0, 0];
    else if (token === '\x1b[K') this.#cells[this.#row] = line.slice(0, this.#column);
    else if (token === '\x1b[J') {
      this.#cells[this.#row] = line.slice(0, this.#column);
      this.#cells.length = this.#row + 1;
    } else if (token === '\r') this.#column = 0;
    else if (token === '\n') this.#row += 1;
    else if (!token.startsWith('\x1b')) this.#print(token, line);
    assert.ok(this.#row < this.rows, 'the screen scrolled');
  }

  #print(character: string, line: string): void {
    this.#cells[this.#row] =
      line.slice(0, this.#column).padEnd(this.#column) + character + line.slice(this.#column + 1);
    this.#column += 1;
    if (this.#column < this.columns) return;
    this.#column = 0;
    this.#row += 1;
  }

  #enter(isAlternate: boolean): void {
    this.isAlternate = isAlternate;
    this.#cells = [];
    [this.#row, this.#column] = [0, 0];
  }
}

function open(columns: number, rows: number): { screen: FakeScreen; view: LiveView } {
  const screen = new FakeScreen(columns, rows);
  const terminal = new Terminal({ out: screen, err: screen, env: {}, json: false, plain: false });
  return { screen, view: new LiveView(terminal) };
}

const lines =
  (...texts: string[]) =>
  (): Line[] =>
    texts.map((text) => [text]);

test('live view: a frame replaces the one before, longer or shorter', () => {
  const { screen, view } = open(20, 5);
  view.show(lines('one', 'two is long', 'three'));
  view.show(lines('1', '2'));
  assert.deepEqual(screen.seen, ['1', '2']);
});

test('live view: nothing is cleared before it is drawn, and a frame is one write', () => {
  const { screen, view } = open(20, 5);
  view.show(lines('one'));
  screen.writes = [];
  view.show(lines('two'));
  assert.equal(screen.writes.length, 1);
  assert.ok(!screen.writes.join('').includes('\x1b[2J'));
});

test('live view: a frame that looks the same is not written again', () => {
  const { screen, view } = open(20, 5);
  view.show(lines('one'));
  screen.writes = [];
  view.show(lines('one'));
  assert.deepEqual(screen.writes, []);
});

test('live view: frames are cut to the screen, so that it never wraps or scrolls', () => {
  const { screen, view } = open(8, 3);
  view.show(lines('0123456789', 'b', 'c', 'd', 'e'));
  assert.deepEqual(screen.seen, ['0123456', 'b', 'c']);
});

test('live view: after a resize the whole frame is drawn for the new size, whatever the terminal left there', () => {
  const { screen, view } = open(20, 5);
  view.show(({ columns, rows }) => [[`${columns} x ${rows}`], ['below']]);
  screen.resize(10, 3);
  assert.deepEqual(screen.seen, ['10 x 3', 'below']);
  screen.resize(40, 10);
  assert.deepEqual(screen.seen, ['40 x 10', 'below']);
});

test('live view: closing gives the screen and the cursor back, once, and lets go of the terminal', () => {
  const { screen, view } = open(20, 5);
  view.show(lines('one'));
  assert.deepEqual([screen.isAlternate, screen.isCursorShown], [true, false]);
  view.close();
  assert.deepEqual([screen.isAlternate, screen.isCursorShown], [false, true]);
  screen.writes = [];
  view.close();
  screen.resize(10, 10);
  assert.deepEqual(screen.writes, []);
  assert.equal(screen.listenerCount('resize'), 0);
});

test('live view: a view that never showed anything never takes the screen', () => {
  const { screen, view } = open(20, 5);
  view.close();
  assert.deepEqual(screen.writes, []);
});
