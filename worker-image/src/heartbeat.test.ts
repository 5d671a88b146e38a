import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { WaybillError } from '@waybill/client/errors';
import { canonicalize, digestOf } from '@waybill/verify';
import type { Lease } from '#core/mailbox-protocol.ts';
import { leaseFor, testKey } from '../../test/support/signed-lease.ts';
import { startPulse } from './heartbeat.ts';
import { bodyOf } from './mailbox-client.ts';
import { createStopRequest, type StopRequest } from './stop-request.ts';

/** Storage with presigned URLs: `/<generation>/<object>`; only the present generation is taken. */
class Storage {
  generation = 1;
  isGone = false;
  /** What a lease says. */
  cancel = false;
  /** Raise the generation that a lease names at this reading, as a control plane does that renews it late. */
  renewAtReading = Number.POSITIVE_INFINITY;
  readonly written: string[] = [];
  readonly refused: string[] = [];
  readings = 0;
  #named = 1;

  async use(
    run: (pulse: ReturnType<typeof startPulse>, stop: StopRequest) => Promise<void>,
    heartbeatMs = 20,
    lookMs?: number,
  ): Promise<void> {
    const server = createServer((request, response) => {
      const [, generation, object = ''] = (request.url ?? '').split('/');
      request.resume().on('end', () => {
        if (this.isGone) return response.writeHead(403).end();
        if (object === 'lease') return response.end(canonicalize(this.#lease(base(), heartbeatMs)));
        if (Number(generation) !== this.generation) {
          this.refused.push(object);
          return response.writeHead(403).end('<Error><Code>AccessDenied</Code></Error>');
        }
        if (this.written.includes(object) && object === 'result') return response.writeHead(412).end();
        this.written.push(object);
        return response.end();
      });
    });
    const base = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    const stop = createStopRequest();
    const pulse = startPulse(this.#lease(base(), heartbeatMs), stop, lookMs);
    try {
      await run(pulse, stop);
    } finally {
      await pulse.end();
      server.closeAllConnections();
      server.close();
    }
  }

  #lease(base: string, heartbeatMs: number): Lease {
    if (++this.readings >= this.renewAtReading) this.#named = this.generation;
    const spec = { pipeline: [], heartbeatMs };
    const {
      source: _,
      principal: _submitter,
      ...draft
    } = leaseFor('a'.repeat(32), spec, [], {
      key: testKey(),
      executable: digestOf('worker'),
    });
    const at = (object: string): string => `${base}/${this.#named}/${object}`;
    const put = { heartbeat: at('heartbeat'), log: at('log'), outputs: at('outputs'), result: at('result') };
    return { ...draft, inputs: [], put, next: at('lease'), cancel: this.cancel };
  }
}

const RESULT = bodyOf(Buffer.from('{}'));

describe('pulse:', () => {
  it('an object whose URL has lapsed is put to the one that the lease names now', async () => {
    const storage = new Storage();
    await storage.use(async (pulse, stop) => {
      storage.generation = 2;
      storage.renewAtReading = 1;
      await pulse.put('result', RESULT, true);
      assert.equal(stop.reason(), null);
    }, 3_600_000);
    assert.deepEqual(
      storage.refused.filter((object) => object === 'result'),
      ['result'],
    );
    assert.equal(storage.written.filter((object) => object === 'result').length, 1);
  });

  it('a URL that is renewed late is waited for, and one that never is is given up', async () => {
    const late = new Storage();
    await late.use(async (pulse) => {
      late.generation = 2;
      late.renewAtReading = 4;
      await pulse.put('result', RESULT, true);
    });
    const never = new Storage();
    await never.use(async (pulse) => {
      never.generation = 2;
      await assert.rejects(
        pulse.put('result', RESULT, true),
        (error) => error instanceof WaybillError && error.code === 'OBJECT_MISSING',
      );
    });
    assert.equal(never.refused.filter((object) => object === 'result').length, 7);
  });

  it('a result that is there was written by an earlier try', async () => {
    const storage = new Storage();
    await storage.use(async (pulse) => {
      await pulse.put('result', RESULT, true);
      await pulse.put('result', RESULT, true);
    });
  });

  it('a lease is read between beats that are seldom, so that a cancel waits for none, and what is over before the first costs none', async () => {
    const storage = new Storage();
    await storage.use(
      async (_, stop) => {
        while (storage.readings < 5) await new Promise((resolve) => setImmediate(resolve));
        assert.equal(stop.reason(), null);
        storage.cancel = true;
        await new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve()));
        assert.equal(stop.reason(), 'cancelled');
      },
      3_600_000,
      20,
    );
    assert.deepEqual(storage.written, []);
  });

  it('a beat comes after each whole time of the lease, and readings between', async () => {
    const storage = new Storage();
    await storage.use(
      async () => {
        while (storage.written.length < 2) await new Promise((resolve) => setImmediate(resolve));
      },
      60,
      20,
    );
    // Two before the first beat, one with it, and so on.
    assert.ok(storage.readings >= 5, `${storage.readings} readings`);
  });

  it('a refused beat does not end the attempt while its lease is there; a lease that is gone does', async () => {
    const storage = new Storage();
    await storage.use(async (_, stop) => {
      storage.generation = 2;
      const refusals = () => storage.refused.filter((object) => object === 'heartbeat').length;
      while (refusals() < 3) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(stop.reason(), null);
      storage.isGone = true;
      await new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve()));
      assert.equal(stop.reason(), 'cancelled');
    });
  });
});
