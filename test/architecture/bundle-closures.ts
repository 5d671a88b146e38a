import { isBuiltin } from 'node:module';
import { relative } from 'node:path';
import { build, type Plugin } from 'esbuild';

/** Something that is shipped as one file, and everything that may be in it. */
export interface Closure {
  artefact: string;
  entry: string;
  /** Regular expressions over paths relative to the repository. */
  mayContain: readonly string[];
  /** Node's own modules: all, or these. */
  node: 'all' | readonly string[];
  /** Where it runs; default node. */
  platform?: 'node' | 'browser';
  /**
   * Regular expressions over paths of modules that are loaded when they are needed: what a dynamic import of one brings
   * along is not in the closure, what any other import of one brings along is.
   */
  lazily?: readonly string[];
}

export const CLOSURES: readonly Closure[] = [
  {
    artefact: 'verify',
    entry: 'packages/verify/src/index.ts',
    mayContain: ['^packages/verify/src/'],
    node: ['crypto', 'worker_threads'],
  },
  {
    artefact: 'verify-web',
    entry: 'packages/verify/src/index.ts',
    mayContain: ['^packages/verify/src/(?!.*\\.node\\.ts$|bin|modes/)'],
    node: [],
    platform: 'browser',
  },
  {
    artefact: 'verify-bin',
    entry: 'packages/verify/bin/waybill-verify.js',
    mayContain: ['^packages/verify/(bin|src)/'],
    node: ['crypto', 'fs', 'fs/promises', 'process', 'util', 'v8', 'worker_threads'],
  },
  {
    artefact: 'verify-page',
    entry: 'packages/verify/page/main.ts',
    mayContain: ['^packages/verify/page/', '^packages/verify/src/(?!crypto\\.node\\.ts$|bin|modes/)'],
    node: [],
    platform: 'browser',
  },
  {
    artefact: 'client',
    entry: 'packages/client/src/index.ts',
    mayContain: ['^packages/(client|verify)/src/', '^node_modules/(yaml|zod)/'],
    node: 'all',
  },
  {
    artefact: 'cli',
    entry: 'packages/cli/bin/waybill.js',
    mayContain: ['^packages/(cli|client|verify)/(bin|src)/', '^node_modules/(commander|picocolors|yaml|zod)/'],
    node: 'all',
    lazily: ['^packages/client/src/aws\\.ts$', '^packages/cli/src/verbs/(deployment|doctor)\\.ts$'],
  },
  {
    artefact: 'witness',
    entry: 'packages/witness/bin/waybill-witness.js',
    mayContain: ['^packages/witness/(bin|src)/', '^packages/verify/src/'],
    node: ['crypto', 'fs', 'http', 'net', 'path', 'process', 'sqlite', 'util', 'worker_threads'],
  },
  {
    artefact: 'worker',
    entry: 'worker-image/src/main.ts',
    mayContain: ['^worker-image/src/', '^src/core/', '^packages/(client|verify)/src/'],
    node: 'all',
  },
];

export interface BundleReport {
  /** Relative to `root`, with links resolved: a workspace package shows as its folder. */
  inputs: string[];
  intruders: string[];
}

const LEFT_OUT = 'left-out:';

/** Of dynamic imports only: a static one of the same module is followed, and what it brings along is reported. */
function leaveOut(root: string, lazily: readonly string[]): Plugin {
  const patterns = lazily.map((pattern) => new RegExp(pattern));
  return {
    name: 'leave-out',
    setup(bundle) {
      bundle.onResolve({ filter: /./ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
        if (kind !== 'dynamic-import' || pluginData === LEFT_OUT) return undefined;
        const found = await bundle.resolve(path, { kind, importer, resolveDir, pluginData: LEFT_OUT });
        const isLazy = patterns.some((pattern) => pattern.test(relative(root, found.path)));
        return isLazy ? { path: `${LEFT_OUT}${path}`, external: true } : undefined;
      });
    },
  };
}

/** Bundles the artefact as it is shipped, and lists what it holds beyond what it may. */
export async function readBundle(
  root: string,
  { entry, mayContain, node, platform = 'node', lazily = [] }: Closure,
): Promise<BundleReport> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    outdir: 'build',
    metafile: true,
    platform,
    external: ['node:*'],
    plugins: [leaveOut(root, lazily)],
    format: 'esm',
    logLevel: 'silent',
  });
  const inputs = Object.keys(metafile.inputs).sort();
  const builtins = Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  const forbiddenBuiltin = (path: string): boolean => {
    if (path.startsWith(LEFT_OUT)) return false;
    if (!isBuiltin(path)) return true;
    return node !== 'all' && !node.includes(path.replace(/^node:/, ''));
  };
  const intruders = inputs.filter((input) => !mayContain.some((pattern) => new RegExp(pattern).test(input)));
  return { inputs, intruders: [...intruders, ...new Set(builtins.filter(forbiddenBuiltin))] };
}
