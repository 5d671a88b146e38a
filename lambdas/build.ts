/**
 * Bundles each function to `build/lambdas/<name>/index.mjs`: one file with the SDK in it, the same bytes from the same
 * sources. What of the SDK a function cannot use is left out: see `slimSdk`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type Metafile, type Plugin } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');

/** Each function, and the clients of AWS in its bundle: no more, and no fewer. */
export const FUNCTIONS = {
  submit: ['dynamodb', 'kms', 's3', 'scheduler'],
  advance: ['dynamodb', 'eventbridge', 's3', 'sfn', 'sqs'],
  dispatch: ['dynamodb', 'kms', 's3', 'sfn', 'sts'],
  settle: ['dynamodb', 'kms', 's3'],
  release: ['dynamodb', 's3', 'secrets-manager', 'ssm', 'sts'],
  notify: ['dynamodb', 'secrets-manager', 'ssm'],
  seal: ['dynamodb', 'kms', 's3'],
  reconcile: ['dynamodb', 'kms', 's3', 'sfn', 'sqs', 'sts'],
  slot: ['dynamodb', 's3'],
  doctor: [
    'dynamodb',
    'ec2',
    'ecr',
    'ecs',
    'eventbridge',
    'kms',
    'lambda',
    's3',
    'service-quotas',
    'sfn',
    'sns',
    'sqs',
    'sts',
  ],
} as const satisfies Record<string, readonly string[]>;

export type FunctionName = keyof typeof FUNCTIONS;

/** Some of what is bundled was written for CommonJS. */
const BANNER =
  "import{createRequire as waybillRequire}from'node:module';const require=waybillRequire(import.meta.url);";

export interface Bundle {
  name: FunctionName;
  code: Uint8Array;
  sizeBytes: number;
  gzipBytes: number;
  metafile: Metafile;
}

/** Makes the bundle of a function, and writes it where the stacks look for it unless `write` is false. */
export async function bundleFunction(name: FunctionName, { write = true }: { write?: boolean } = {}): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [`lambdas/${name}/handler.ts`],
    outfile: `build/lambdas/${name}/index.mjs`,
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    // Errors are told by their names, and logs show them.
    keepNames: false,
    legalComments: 'none',
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    banner: { js: BANNER },
    external: ['node:*'],
    plugins: [slimSdk],
    logLevel: 'silent',
  });
  const code = outputFiles[0]?.contents ?? new Uint8Array(0);
  if (write) await writeBundle(name, code);
  return { name, code, sizeBytes: code.byteLength, gzipBytes: gzipSync(code, { level: 9 }).byteLength, metafile };
}

async function writeBundle(name: FunctionName, code: Uint8Array): Promise<void> {
  const { mkdir, rename, writeFile } = await import('node:fs/promises');
  const folder = join(ROOT, 'build', 'lambdas', name);
  await mkdir(folder, { recursive: true });
  // Whole or not at all: a synthesis may be reading it.
  const whole = join(ROOT, 'build', 'lambdas', `.${name}-${process.pid}.mjs`);
  await writeFile(whole, code);
  await rename(whole, join(folder, 'index.mjs'));
}

const CREDENTIALS = join(ROOT, 'lambdas', 'shared', 'environment-credentials.ts');

/** What clients are made with, and what the protocols ask for at an answer that is a stream: none of ours is. */
const NO_EVENT_STREAMS = `
  export const resolveEventStreamSerdeConfig = (config) => config;
  export const eventStreamSerdeProvider = undefined, EventStreamSerde = undefined;
`;

/** Each the one thing of its file: of a Node without these hashes of its own, and of a mode of retries that nobody chooses. */
const UNUSED_CLASSES = ['Crc32Js', 'Md5Js', 'Sha1Js', 'Sha256Js', 'AdaptiveRetryStrategy'];

/** What regions are called by people. */
const REGION_DESCRIPTION = /"description": "[^"\\]*"/g;

/** Files of zod that write JSON Schemas, and what of them the others import. */
const WITHOUT_JSON_SCHEMA = {
  'json-schema-generator': 'export const JSONSchemaGenerator = undefined;',
  'json-schema-processors': 'export const allProcessors = {}, toJSONSchema = undefined;',
  'to-json-schema':
    'export const createToJSONSchemaMethod = () => undefined, createStandardJSONSchemaMethod = createToJSONSchemaMethod;',
};

/** What zod itself would say of a refusal: people are told that in words of ours. */
const NO_WORDS = 'export default () => ({});';

/** Methods of a text that say of which format it is, as zod writes them: each brings its class, what that judges, and what makes it. */
const TEXT_FORMAT = /^ {4}\w+\(params\) \{\n {8}return this\.check\(core\._\w+\(Zod\w+, params\)\);\n {4}\},\n/gm;

/** As the formatter of this repository leaves it: one text between single quotes. */
const DESCRIPTION = /\s*\.describe\(\s*'(?:[^'\\\n]|\\.)*',?\s*\)/g;

/**
 * What libraries bring along and a function has no use for. Of the SDK:
 * - the chain of credential providers, with clients of SSO and STS of its own;
 * - each client's package.json, of which only the version is read;
 * - the memory of endpoints that a service named, since no function asks for one;
 * - hashes in JavaScript, for where there is none of Node's own, and the retries that slow down, which nobody chooses;
 * - what regions are called by people;
 * - event streams, in which S3 answers queries that nobody asks;
 * - the schemas of operations that are never called. They are constants, but with computed keys, and for all that a
 *   bundler can know computing one has an effect; the keys are constants of the same file, so they are written out.
 *
 * Of the validator of typed outputs the formats, which no schema may ask for. And of zod its own words for refusals; the formats of
 * texts, of which our schemas ask for none by a method (one that did would not load); and what writes JSON Schemas, which are
 * published with the client and never asked for at run time, with what our own schemas say to readers there.
 */
const slimSdk: Plugin = {
  name: 'slim-sdk',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@aws-sdk\/credential-provider-node$/ }, () => ({ path: CREDENTIALS }));
    onLoad({ filter: /[\\/]@aws-sdk[\\/]endpoint-cache[\\/]dist-es[\\/]EndpointCache\.js$/ }, () => ({
      contents: 'export class EndpointCache {}',
      loader: 'js',
    }));
    onLoad({ filter: /[\\/]util-endpoints[\\/]lib[\\/]aws[\\/]partitions\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace(REGION_DESCRIPTION, ''),
      loader: 'js',
    }));
    onLoad({ filter: /[\\/]@smithy[\\/]core[\\/]dist-es[\\/]submodules[\\/]event-streams[\\/]index\.js$/ }, () => ({
      contents: NO_EVENT_STREAMS,
      loader: 'js',
    }));
    for (const name of UNUSED_CLASSES)
      onLoad({ filter: new RegExp(`[\\\\/]${name}\\.js$`) }, () => ({
        contents: `export class ${name} {}`,
        loader: 'js',
      }));
    onLoad({ filter: /[\\/]@aws-sdk[\\/]client-[^\\/]+[\\/]package\.json$/ }, ({ path }) => {
      const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string };
      return { contents: JSON.stringify({ version }), loader: 'json' };
    });
    onLoad({ filter: /[\\/]@aws-sdk[\\/]client-[^\\/]+[\\/]dist-es[\\/]schemas[\\/]schemas_0\.js$/ }, ({ path }) => {
      return { contents: withPlainKeys(readFileSync(path, 'utf8')), loader: 'js' };
    });
    onLoad({ filter: /[\\/]packages[\\/]client[\\/]src[\\/](?:schedule|spec(?:-\w+)?)\.ts$/ }, ({ path }) => {
      return { contents: readFileSync(path, 'utf8').replace(DESCRIPTION, ''), loader: 'ts' };
    });
    onLoad({ filter: /[\\/]zod[\\/]v4[\\/]classic[\\/]schemas\.js$/ }, ({ path }) => {
      return { contents: readFileSync(path, 'utf8').replace(TEXT_FORMAT, ''), loader: 'js' };
    });
    onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]en\.js$/ }, () => ({ contents: NO_WORDS, loader: 'js' }));
    for (const [file, contents] of Object.entries(WITHOUT_JSON_SCHEMA))
      onLoad({ filter: new RegExp(`[\\\\/]zod[\\\\/]v4[\\\\/]core[\\\\/]${file}\\.js$`) }, () => ({
        contents,
        loader: 'js',
      }));
  },
};

function withPlainKeys(source: string): string {
  const constants = new Map(
    [...source.matchAll(/^const (_\w+) = ("[^"\\]*");$/gm)].map(([, name, text]) => [name, text]),
  );
  return source.replace(/\[(_\w+)\]:/g, (whole, name: string) => {
    const text = constants.get(name);
    return text === undefined ? whole : `${text}:`;
  });
}

async function main(): Promise<void> {
  for (const name of Object.keys(FUNCTIONS) as FunctionName[]) {
    const { sizeBytes, gzipBytes } = await bundleFunction(name);
    process.stdout.write(`${name.padEnd(10)} ${kb(sizeBytes)} minified, ${kb(gzipBytes)} compressed\n`);
  }
}

function kb(bytes: number): string {
  return `${(bytes / 1_000).toFixed(1).padStart(6)} kB`;
}

if (import.meta.main) await main();
