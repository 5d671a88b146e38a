/** The bundles as they are deployed: how large, what is in them, and that Node can load them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type Bundle, bundleFunction, FUNCTIONS, type FunctionName } from './build.ts';

const MAX_BYTES = 650_000;
const MAX_GZIP_BYTES = 200_000;
const NAMES = Object.keys(FUNCTIONS) as FunctionName[];

/** Bytes of each input that are in the bundle, by the part of its path that says what it is. */
function bytesOf({ metafile }: Pick<Bundle, 'metafile'>): [path: string, bytes: number][] {
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
  return inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path, part]) => [path, part.bytesInOutput]);
}

function clientsOf(bundle: Pick<Bundle, 'metafile'>): string[] {
  const found = bytesOf(bundle).flatMap(([path]) => /node_modules\/@aws-sdk\/client-([^/]+)\//.exec(path)?.[1] ?? []);
  return [...new Set(found)].sort();
}

/** What no function needs of the SDK. */
function unusedOf(bundle: Pick<Bundle, 'metafile'>): string[] {
  const unused =
    /node_modules\/(@aws-sdk\/(nested-clients|credential-provider-|lib-dynamodb|token-providers)|aws-sdk\/|mnemonist\/|@smithy\/core\/.*\/event-streams\/[^/]+\/)/;
  return bytesOf(bundle).flatMap(([path]) => (unused.test(path) ? [path] : []));
}

describe('lambda bundles', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-bundles-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const bundles = await Promise.all(NAMES.map((name) => bundleFunction(name, { write: false })));

  for (const bundle of bundles) {
    const { name, sizeBytes, gzipBytes, code } = bundle;

    it(`${name} is small enough to start quickly`, (t) => {
      t.diagnostic(`${name}: ${sizeBytes} bytes minified, ${gzipBytes} compressed`);
      assert.ok(sizeBytes > 10_000, 'it cannot be empty');
      assert.ok(sizeBytes <= MAX_BYTES, `${sizeBytes} bytes`);
      assert.ok(gzipBytes <= MAX_GZIP_BYTES, `${gzipBytes} bytes compressed`);
    });

    it(`${name} holds the clients that it declares and nothing else of the SDK that it does not use`, () => {
      assert.deepEqual(clientsOf(bundle), [...FUNCTIONS[name]].sort());
      assert.deepEqual(unusedOf(bundle), []);
      const heavy = bytesOf(bundle).filter(([path, bytes]) => path.endsWith('package.json') && bytes > 200);
      assert.deepEqual(heavy, [], 'of a package.json only its version is bundled');
    });

    it(`${name} is loaded by Node and has its handler`, async () => {
      const file = join(folder, `${name}.mjs`);
      writeFileSync(file, code);
      const loaded = (await import(pathToFileURL(file).href)) as { handler?: unknown };
      assert.equal(typeof loaded.handler, 'function');
      assert.deepEqual(Object.keys(loaded), ['handler']);
    });
  }

  it('the same sources give the same bytes', async () => {
    const [name] = NAMES;
    assert.ok(name);
    const again = await bundleFunction(name, { write: false });
    assert.deepEqual(Buffer.from(again.code), Buffer.from(bundles[0]?.code ?? ''));
  });

  it('schemas of operations that are never called are left out', () => {
    const slot = bundles.find(({ name }) => name === 'slot');
    assert.ok(slot);
    const schemas = bytesOf(slot).find(([path]) => path.endsWith('client-s3/dist-es/schemas/schemas_0.js'));
    assert.ok(schemas && schemas[1] < 25_000, `${schemas?.[1]} bytes of schemas`);
  });

  it('what schemas say to readers is left out, and what they say when they refuse is not', () => {
    const submit = bundles.find(({ name }) => name === 'submit');
    const code = Buffer.from(submit?.code ?? '').toString();
    assert.ok(!code.includes('A text is run by'));
    assert.ok(code.includes('it is neither a script nor a list of words'));
  });

  it('formats of texts, names of regions for people, and what Node or another mode of retries would do, are left out', () => {
    const submit = bundles.find(({ name }) => name === 'submit');
    assert.ok(submit);
    const code = Buffer.from(submit.code).toString();
    for (const [left, gone] of [
      ['string_format', 'cidrv6'],
      ['ap-northeast-1', '(Tokyo)'],
    ] as const)
      assert.deepEqual([code.includes(left), code.includes(gone)], [true, false], gone);
    const instead = /\/(?:(?:Crc32|Md5|Sha1|Sha256)Js|DefaultRateLimiter|AdaptiveRetryStrategy)\.js$/;
    const found = bytesOf(submit).filter(([path, bytes]) => instead.test(path) && bytes > 50);
    assert.deepEqual(found, []);
  });

  it('an unused client, a chain of credentials and event streams would be seen', () => {
    const metafile = {
      inputs: {},
      outputs: {
        'index.mjs': {
          bytes: 2,
          imports: [],
          exports: [],
          inputs: {
            'node_modules/@aws-sdk/client-ec2/index.js': { bytesInOutput: 1 },
            'node_modules/@aws-sdk/client-s3/unused.js': { bytesInOutput: 0 },
            'node_modules/@aws-sdk/credential-provider-ini/index.js': { bytesInOutput: 1 },
            'node_modules/mnemonist/lru-cache.js': { bytesInOutput: 1 },
            'node_modules/@smithy/core/dist-es/submodules/event-streams/eventstream-codec/Int64.js': {
              bytesInOutput: 1,
            },
          },
        },
      },
    };
    assert.deepEqual(clientsOf({ metafile }), ['ec2']);
    assert.equal(unusedOf({ metafile }).length, 3);
  });
});
