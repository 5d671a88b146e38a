/** The edges that all processes went along together are held against the table, whatever a single one of them saw. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Coverage } from './coverage.ts';
import { Figures } from './figures.ts';

const MAIN = join(import.meta.dirname, 'main.ts');
const ALL = new Coverage().report().unvisited;

function figuresOf(...processes: (readonly string[])[]): Figures {
  const figures = new Figures();
  const sums = { steps: 0, commits: 0, verified: 0 };
  for (const names of processes) figures.merge({ items: [], faults: [], sums, edges: names.map((name) => [name, 1]) });
  return figures;
}

function live(...args: string[]): Promise<{ code: number | string | null | undefined; said: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], (error, said) =>
      resolve({ code: error === null ? 0 : error.code, said }),
    );
  });
}

describe('simulation: edges', () => {
  it('one that nobody went along is missed where all are asked for, and one of another process is not', () => {
    const [first, second] = [ALL.slice(0, 50), ALL.slice(40)];
    assert.deepEqual(figuresOf(first, second).gaps(true), []);
    assert.match(figuresOf(first).gaps(true).join(), /^edges not visited: /);
    assert.deepEqual(figuresOf(first).gaps(false), []);
  });

  it('one that the table does not have is never passed over', () => {
    const more = [...ALL, 'item done>pending'];
    for (const everyEdge of [true, false])
      assert.match(figuresOf(ALL, more).gaps(everyEdge).join(), /^edges that the table does not have: /);
  });

  it('a run that is too short ends with 1 where every edge is asked for, in one process and in two, and else with 0', async () => {
    const [lenient, strict, beside] = await Promise.all([
      live('--seeds', '1'),
      live('--seeds', '1', '--every-edge'),
      live('--seeds', '2', '--jobs', '2', '--every-edge'),
    ]);
    assert.equal(lenient.code, 0);
    for (const { code, said } of [strict, beside]) {
      assert.equal(code, 1);
      assert.match(said, /no violation\nedges not visited: live through more seeds/);
    }
    assert.match(beside.said, /\n2 seeds from 1,/);
  });
});
