/** What gets out of a sandbox that was let to hosts: these, and nothing else, whatever a block does with the socket that it has. */
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { EgressSeen } from '@waybill/verify';
import { createAttemptTree, removeAttemptTree } from '#worker/attempt-tree.ts';
import { NO_NODES } from '#worker/device-nodes.ts';
import type { Lists } from '#worker/egress/reach.ts';
import { probeBubblewrap } from '#worker/sandbox.ts';
import { ATTEMPTS, PAST, scriptOf } from './egress-attempts.ts';
import { EgressBed, LISTS } from './egress-bed.ts';

let bed: EgressBed;
let bubblewrap: { works: boolean; detail: string };
before(async () => {
  bed = await EgressBed.open();
  const tree = createAttemptTree('probe');
  bubblewrap = await probeBubblewrap(tree, NO_NODES);
  await removeAttemptTree(tree);
});
after(() => bed.close());

const isAbsent = (t: TestContext): boolean => {
  if (!bubblewrap.works) t.skip(`bubblewrap: ${bubblewrap.detail}`);
  return !bubblewrap.works;
};
const hasNetwork = (): boolean => Object.values(networkInterfaces()).some((all) => all?.some((one) => !one.internal));
const briefly = (seen: EgressSeen[] = []): unknown[] =>
  seen.map(({ host, port, refused, connections }) => [host, port, refused, connections]);

describe('egress:', () => {
  it('what is asked for and allowed passes, by TLS and in the clear, and is counted', async (t) => {
    if (isAbsent(t)) return;
    const { exit, said, claimed, connected, asked } = await bed.run(
      scriptOf(`
        const one = await tunnel('registry.example.org:443', 'registry.example.org');
        const two = await tunnel('a.files.example.org:443', 'a.files.example.org', 'a.files.example.org');
        const three = await ask('POST http://REGISTRY.example.org/path?q HTTP/1.1\\r\\nHost: registry.example.org\\r\\n' +
          'Proxy-Authorization: x\\r\\nContent-Length: 5\\r\\nConnection: close\\r\\n\\r\\nabcde');
        const four = await ask('PUT http://registry.example.org:80 HTTP/1.1\\r\\nHost: registry.example.org:80\\r\\n' +
          'Transfer-Encoding: chunked\\r\\nConnection: close\\r\\n\\r\\n3\\r\\nabc\\r\\n0\\r\\n\\r\\n');
        console.log(JSON.stringify([one, two, three, four]));
        return true;`),
    );
    assert.equal(exit, 0, said);
    const [one, two, three, four] = JSON.parse(said.split('\n')[0] ?? '') as string[];
    assert.deepEqual([one, two], ['reached registry.example.org', 'reached a.files.example.org']);
    assert.match(three ?? '', /^HTTP\/1\.1 200 .*x-hops: close none.*reached registry\.example\.org POST \/path\?q 5/s);
    assert.match(four ?? '', /reached registry\.example\.org:80 PUT \/ 3/);
    assert.deepEqual(briefly(claimed?.seen), [
      ['registry.example.org', 443, undefined, 1],
      ['a.files.example.org', 443, undefined, 1],
      ['registry.example.org', 80, undefined, 2],
    ]);
    for (const { sentBytes, receivedBytes } of claimed?.seen ?? []) assert.ok(sentBytes > 100 && receivedBytes > 50);
    assert.equal(claimed?.more, undefined);
    assert.equal(asked.length, 4);
    assert.deepEqual(new Set(connected), new Set(['93.184.216.34:443', '93.184.216.34:80']));
  });

  for (const { name, body, refused } of ATTEMPTS) {
    it(`no block reaches ${name}; where nobody judges, one does`, async (t) => {
      const control = await bed.runNaive(scriptOf(body));
      assert.equal(control.exit, 0, `the attempt proves nothing: ${control.said}`);
      if (isAbsent(t)) return;
      const { exit, said, claimed, connected } = await bed.run(scriptOf(body));
      assert.equal(exit, 1, said);
      assert.deepEqual(
        connected.filter((one) => !one.startsWith('93.184.216.34')),
        [],
      );
      const why = (claimed?.seen ?? []).flatMap((seen) => (seen.refused === undefined ? [] : [seen.refused]));
      assert.deepEqual(why, refused === null ? [] : [refused], said);
    });
  }

  for (const { name, body } of PAST) {
    it(`no block reaches ${name}; without a sandbox one does`, async (t) => {
      if (!hasNetwork()) return t.skip('the control needs a network card');
      const script = scriptOf(body(bed.httpPort));
      assert.equal((await bed.runNaive(script)).exit, 0);
      if (isAbsent(t)) return;
      assert.equal((await bed.run(script)).exit, 1);
    });
  }

  it('what is allowed and not asked for does not pass, and what is asked for and not allowed neither', async (t) => {
    if (isAbsent(t)) return;
    const script = scriptOf("return (await tunnel('registry.example.org:443', 'registry.example.org')).length > 0;");
    const host = 'registry.example.org';
    const cases: [Lists, string][] = [
      [{ ...LISTS, ask: ['other.example.org'] }, 'not_asked'],
      [{ ...LISTS, allow: ['other.example.org'] }, 'not_allowed'],
      [{ ...LISTS, deny: [host] }, 'denied'],
      [{ ...LISTS, ask: [`${host}:80`] }, 'not_asked'],
    ];
    for (const [lists, refused] of cases) {
      const { exit, claimed, asked } = await bed.run(script, lists);
      assert.deepEqual([exit, claimed?.seen[0]?.refused, asked], [1, refused, []]);
    }
    assert.equal((await bed.run(script)).exit, 0);
  });

  it('a name that leads elsewhere the second time is looked up once, and connected to where it was judged', async (t) => {
    if (isAbsent(t)) return;
    let looked = 0;
    const resolve = async (): Promise<string[]> => {
      looked += 1;
      return looked === 1 ? ['127.0.0.1', '93.184.216.34'] : ['127.0.0.1'];
    };
    const script = scriptOf("return (await tunnel('registry.example.org:443', 'registry.example.org')).length > 0;");
    const { exit, connected } = await bed.run(script, LISTS, { resolve });
    assert.deepEqual([exit, looked, connected], [0, 1, ['93.184.216.34:443']]);
  });
});
