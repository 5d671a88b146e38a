import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Syncs } from './syncs.ts';

/** A file whose syncs end when they are told to. */
function heldFile() {
  const [held, log]: [((error?: Error) => void)[], string[]] = [[], []];
  const file = {
    sync: () => void log.push('synced at once'),
    syncBeside: () =>
      new Promise<void>((resolve, reject) => {
        log.push('sync begun');
        held.push((error) => (error ? reject(error) : resolve()));
      }),
  };
  return { file, log, end: (error?: Error) => held.shift()?.(error) };
}

function turn(syncs: Syncs, log: string[], name: string, isBeside: boolean): Promise<void> {
  syncs.expect();
  const durable = syncs.all().then(
    () => void log.push(`${name} durable`),
    () => void log.push(`${name} lost`),
  );
  syncs.run(() => void log.push(`${name} appended`), isBeside);
  return durable;
}

describe('syncs', () => {
  it('a small turn is durable when it was appended and synced', async () => {
    const { file, log } = heldFile();
    await turn(new Syncs(file), log, 'a', false);
    assert.deepEqual(log, ['a appended', 'synced at once', 'a durable']);
  });

  it('what is appended while a sync is under way waits for the next one, all of it for the same', async () => {
    const { file, log, end } = heldFile();
    const syncs = new Syncs(file);
    const a = turn(syncs, log, 'a', true);
    const b = turn(syncs, log, 'b', true);
    // Even a small one: what fails of the sync that is under way would be told to nobody else.
    const c = turn(syncs, log, 'c', false);
    await nextTurn();
    assert.deepEqual(log, ['a appended', 'sync begun', 'b appended', 'c appended']);
    end();
    await a;
    await nextTurn();
    assert.deepEqual(log.slice(4).sort(), ['a durable', 'sync begun']);
    end();
    await Promise.all([b, c]);
    assert.deepEqual(log.slice(6), ['b durable', 'c durable']);
  });

  it('who asks when all is appended waits for the last of it', async () => {
    const { file, log, end } = heldFile();
    const syncs = new Syncs(file);
    void turn(syncs, log, 'a', true);
    let isDurable = false;
    const asked = syncs.all().then(() => {
      isDurable = true;
    });
    await nextTurn();
    assert.equal(isDurable, false);
    end();
    await asked;
  });

  it('a sync that fails is a loss to everybody whom it was to serve', async () => {
    const { file, log, end } = heldFile();
    const syncs = new Syncs(file);
    const [a, b] = [turn(syncs, log, 'a', true), turn(syncs, log, 'b', true)];
    end(new Error('EIO'));
    await a;
    await nextTurn();
    end(new Error('the file is dead'));
    await b;
    assert.deepEqual(log.slice(-3).sort(), ['a lost', 'b lost', 'sync begun']);
  });

  it('what cannot be appended is lost to who waits for it', async () => {
    const { file } = heldFile();
    const syncs = new Syncs(file);
    syncs.expect();
    const durable = syncs.all();
    const fail = (): void => {
      throw new RangeError('full');
    };
    syncs.run(fail, true);
    await assert.rejects(durable, /full/);
  });
});
