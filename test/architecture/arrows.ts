import type { IForbiddenRuleType } from 'dependency-cruiser';

/** A part of the repository and everything that its code may import. Tests beside the code are not part of it. */
export interface Zone {
  name: string;
  /** Regular expression over paths relative to the repository. */
  path: string;
  /** Names of other zones; a zone may always import itself. */
  mayImport: readonly string[];
  /** npm packages. */
  packages: readonly string[];
  /** The packages are installed by hand, beside the code, and elsewhere they lead nowhere. */
  isInstalledOnDemand?: true;
  /** Node's own modules: all, none, or these. */
  node: 'all' | readonly string[];
  why: string;
}

/**
 * Modules of the client that touch the world. All others are formats: the documents that client and app exchange, and
 * their checks.
 */
const CLIENT_ON_NODE =
  '(accepted-run|built-in-packs|directory-registry|directory-transport|file-hints|folder-archive|git|included-files|index|operator|pack-reads|pack-source|process-alive|read-extension|read-packs|read-spec|registry|resolve-pins|schema-file|secret-folder|submit|sync-registry|watch|write-once)\\.ts$';

/** Modules of the client that reach a deployment in AWS: behind an entry of their own, so that others load no SDK. */
const CLIENT_ON_AWS = '(aws|aws-errors|aws-keys|s3-reader|s3-registry|s3-transport)\\.ts$';

/**
 * The arrows, as data. The rules below are made from this table alone, one per zone and named after it.
 * A file that no zone claims is refused, so a new folder starts with a decision.
 */
export const ZONES: readonly Zone[] = [
  {
    name: 'verify',
    path: '^packages/verify/src/(?!bin|modes/|.*\\.node\\.ts$)',
    mayImport: ['verify-on-node'],
    packages: [],
    node: [],
    why: 'an auditor reads all of it and runs it in a browser too, so it stands on nothing',
  },
  {
    name: 'verify-on-node',
    path: '^packages/verify/src/[^/]+\\.node\\.ts$',
    mayImport: ['verify'],
    packages: [],
    node: ['crypto', 'v8', 'worker_threads'],
    why: 'the door to Node of the verifier: #crypto opens it, or its twin for browsers',
  },
  {
    name: 'verify-bin',
    path: '^packages/verify/(bin/|src/bin|src/modes/)',
    mayImport: ['verify', 'verify-on-node'],
    packages: [],
    node: ['fs', 'fs/promises', 'process', 'util'],
    why: 'the command line of the verifier reads files and nothing more',
  },
  {
    name: 'verify-page',
    path: '^packages/verify/page/(?!build-page\\.ts$)',
    mayImport: ['verify'],
    packages: [],
    node: [],
    why: 'the page is the verifier and what shows its verdict, and asks nothing of anybody',
  },
  {
    name: 'verify-build',
    path: '^packages/verify/(build|page/build-page)\\.ts$',
    mayImport: [],
    packages: ['esbuild'],
    node: 'all',
    why: 'makes the files that are published; it imports nothing of what is in them',
  },
  {
    name: 'formats',
    path: `^packages/client/src/(?!${CLIENT_ON_NODE}|${CLIENT_ON_AWS})`,
    mayImport: ['verify'],
    packages: ['yaml', 'zod'],
    node: [],
    why: 'documents and their checks are shared by client and app, so they must run anywhere',
  },
  {
    name: 'client',
    path: `^packages/client/src/${CLIENT_ON_NODE}`,
    mayImport: ['formats', 'verify'],
    packages: ['yaml', 'zod'],
    node: 'all',
    why: 'a stranger installs it: it must never pull in the app',
  },
  {
    name: 'client-aws',
    path: `^packages/client/src/${CLIENT_ON_AWS}`,
    mayImport: ['formats', 'verify'],
    packages: ['@aws-sdk'],
    node: 'all',
    why: 'the only part of the client that knows AWS: its index and its directory transport must not',
  },
  {
    name: 'packs',
    path: '^packages/client/packs/',
    mayImport: [],
    packages: [],
    node: ['crypto', 'fs', 'path'],
    why: 'data for whoever loads it: its scripts run in the sandbox of a block and know nothing of the client',
  },
  {
    name: 'cli',
    path: '^packages/cli/(bin|src)/(?!deployed/)',
    mayImport: ['cli-on-aws', 'client', 'client-aws', 'formats', 'verify', 'verify-bin'],
    packages: ['commander', 'picocolors'],
    node: 'all',
    why: 'a stranger installs it: it talks to an engine through the inbox, never by importing it',
  },
  {
    name: 'cli-on-aws',
    path: '^packages/cli/src/deployed/',
    mayImport: ['client', 'client-aws', 'formats', 'verify'],
    packages: ['@aws-sdk'],
    node: 'all',
    why: 'looks at a deployment; a verb that needs it loads it, and nothing else does',
  },
  {
    name: 'witness',
    path: '^packages/witness/(bin|src)/',
    mayImport: ['verify'],
    packages: [],
    node: ['crypto', 'fs', 'http', 'net', 'path', 'process', 'sqlite', 'util'],
    why: 'a stranger runs it against us: it shares the formats and nothing else',
  },
  {
    name: 'core',
    path: '^src/core/(?!(?:launch-errors|model-action)\\.ts$)',
    mayImport: ['plain-data', 'formats', 'verify'],
    packages: ['zod'],
    node: [],
    why: 'decisions are pure: no Node, no time, no randomness',
  },
  {
    name: 'ports',
    path: '^src/ports/',
    mayImport: ['core', 'formats', 'verify'],
    packages: [],
    node: [],
    why: 'a port is a contract and must not know an adapter',
  },
  {
    name: 'flow',
    path: '^src/flow/',
    mayImport: ['core', 'ports', 'formats', 'verify'],
    packages: [],
    node: [],
    why: 'use cases run over any adapters, so they reach the world through ports only',
  },
  {
    name: 'adapters',
    path: '^src/adapters/(http|in-process|local)/',
    mayImport: ['core', 'ports', 'formats', 'verify'],
    packages: [],
    node: 'all',
    why: 'adapters carry out, flow decides',
  },
  {
    name: 'adapters-aws',
    path: '^src/adapters/aws/',
    mayImport: ['plain-data', 'core', 'ports', 'formats', 'verify'],
    packages: ['@aws-sdk'],
    node: 'all',
    why: 'the only adapters that know a cloud; embedded never imports them',
  },
  {
    name: 'composition',
    path: '^src/composition/',
    mayImport: ['core', 'ports', 'flow', 'adapters', 'formats', 'verify'],
    packages: [],
    node: ['crypto'],
    why: 'what composition roots have in common: adapters that are the same on a laptop and in a cloud',
  },
  {
    name: 'worker',
    path: '^worker-image/src/',
    mayImport: ['core', 'formats', 'verify'],
    packages: [],
    node: 'all',
    why: 'the worker stands on the other side of the mailbox: it holds no control-plane code',
  },
  {
    name: 'worker-bundle',
    path: '^worker-image/build\\.ts$',
    mayImport: ['verify'],
    packages: ['esbuild'],
    node: 'all',
    why: 'makes the one file that travels; it imports nothing of what is in it',
  },
  {
    name: 'worker-image-build',
    path: '^worker-image/(assemble-rootfs|dockerfile-rules)\\.ts$',
    mayImport: ['plain-data'],
    packages: [],
    node: 'all',
    why: 'runs in the build of an image, where nothing of the repository is but what the Dockerfile names',
  },
  {
    name: 'plain-data',
    path: '^(lib/worker-containers|src/core/(launch-errors|model-action))\\.ts$',
    mayImport: [],
    packages: [],
    node: [],
    why: 'data that infrastructure reads as the runtime, beds and tests do, so it stands on nothing',
  },
  {
    name: 'infrastructure',
    path: '^(bin/|lib/(?!worker-containers\\.ts$))',
    mayImport: ['plain-data', 'composition', 'formats', 'verify'],
    packages: ['aws-cdk-lib', 'cdk-nag', 'constructs', 'zod'],
    node: ['crypto', 'fs', 'path'],
    why: 'says what is deployed; what runs there is bundled by path and never imported, but for the readers of documents and keys that are refused better here than there',
  },
  {
    name: 'embedded',
    path: '^embedded/',
    mayImport: ['worker-bundle', 'composition', 'core', 'ports', 'flow', 'adapters', 'client', 'formats', 'verify'],
    packages: [],
    node: 'all',
    why: 'a composition root: it chooses adapters and touches no cloud',
  },
  {
    name: 'lambdas-shared',
    path: '^lambdas/shared/',
    mayImport: ['composition', 'core', 'ports', 'flow', 'adapters', 'adapters-aws', 'formats', 'verify'],
    packages: ['@aws-lambda-powertools', '@aws-sdk', '@middy', 'zod'],
    node: 'all',
    why: 'a composition root in parts: what functions have in common, and none of them',
  },
  {
    name: 'lambdas',
    path: '^lambdas/(?!shared/)[^/]+/',
    mayImport: [
      'cli-on-aws',
      'lambdas-shared',
      'composition',
      'core',
      'ports',
      'flow',
      'adapters',
      'adapters-aws',
      'formats',
      'verify',
    ],
    packages: ['@aws-sdk', 'zod'],
    node: 'all',
    why: 'functions choose adapters and translate events into calls of the flow',
  },
  {
    name: 'lambdas-build',
    path: '^lambdas/[^/]+\\.ts$',
    mayImport: [],
    packages: ['esbuild'],
    node: 'all',
    why: 'makes the bundles that are deployed; it imports nothing of what is in them',
  },
  {
    name: 'bench-peers',
    path: '^bench/peers/',
    mayImport: ['bench'],
    packages: ['@restatedev/restate-sdk', 'bullmq', 'openworkflow'],
    isInstalledOnDemand: true,
    node: 'all',
    why: 'engines that ours is measured against; whoever measures installs them',
  },
  {
    name: 'bench',
    path: '^bench/(?!peers/)',
    mayImport: [
      'core',
      'ports',
      'flow',
      'adapters',
      'embedded',
      'client',
      'formats',
      'verify',
      'verify-on-node',
      'verify-bin',
      'worker',
    ],
    packages: [],
    node: 'all',
    why: 'measures the engine from outside',
  },
  {
    name: 'own-app',
    path: '^examples/own-app/',
    mayImport: ['infrastructure'],
    packages: ['aws-cdk-lib', 'constructs'],
    node: [],
    why: 'what a customer writes who has a CDK app already: props in, stacks out',
  },
  {
    name: 'examples',
    path: '^examples/(?!own-app/)',
    mayImport: ['client', 'formats', 'verify'],
    packages: [],
    node: 'all',
    why: 'shows what a user may do, so it uses what a user has',
  },
];

/** Where tests are, which may import what their zone may not. */
export const TEST = '(^test/|^packages/[^/]+/test/|\\.test\\.ts$)';

function zoneRule(zone: Zone): IForbiddenRuleType {
  const zones = ZONES.filter(({ name }) => name === zone.name || zone.mayImport.includes(name));
  const packages = zone.packages.flatMap((name) => [
    `node_modules/${name}/`,
    ...(zone.isInstalledOnDemand ? [`^${name}(/|$)`] : []),
  ]);
  const node = zone.node === 'all' ? [] : zone.node.map((name) => `^(node:)?${name}$`);
  const anyBuiltin = zone.node === 'all' ? { dependencyTypesNot: ['core' as const] } : {};
  return {
    name: zone.name,
    comment: zone.why,
    severity: 'error',
    from: { path: zone.path, pathNot: TEST },
    to: { pathNot: [...zones.map(({ path }) => path), ...packages, ...node, TEST], ...anyBuiltin },
  };
}

const GENERAL_RULES: readonly IForbiddenRuleType[] = [
  {
    name: 'no-cycles',
    comment: 'two modules that need each other are one module or lack a third',
    severity: 'error',
    from: {},
    to: { circular: true },
  },
  {
    name: 'nothing-imports-tests',
    comment: 'code that needs a test double ships it',
    severity: 'error',
    from: { pathNot: TEST },
    to: { path: TEST },
  },
  {
    name: 'formats-before-verdicts',
    comment: 'what evidence is made of must not depend on how it is judged',
    severity: 'error',
    from: { path: '^packages/verify/src/(crypto|json|log|record|keys|rfc3161|replay)/', pathNot: TEST },
    to: { path: '^packages/verify/src/(checks|verdict|audit|modes)/' },
  },
  {
    name: 'lambdas-apart',
    comment: 'each function is deployed alone: what two of them need is shared, or belongs into the flow',
    severity: 'error',
    from: { path: '^lambdas/([^/]+)/', pathNot: TEST },
    to: { path: '^lambdas/', pathNot: '^lambdas/($1|shared)/' },
  },
  {
    name: 'every-import-resolves',
    comment: 'an arrow that leads nowhere cannot be checked',
    severity: 'error',
    from: { pathNot: ZONES.filter(({ isInstalledOnDemand }) => isInstalledOnDemand).map(({ path }) => path) },
    to: { couldNotResolve: true },
  },
  {
    name: 'across-folders-by-sub-path',
    comment: 'a relative path out of its folder hides which arrow it is',
    severity: 'error',
    from: {
      path: `^((?:packages/[^/]+|worker-image)/src|src/(?:adapters/)?[^/]+|lambdas/[^/]+|embedded)/`,
      pathNot: TEST,
    },
    to: { pathNot: '^$1/', dependencyTypes: ['local'], dependencyTypesNot: ['aliased', 'core', 'npm'] },
  },
];

export const RULES: readonly IForbiddenRuleType[] = [...ZONES.map(zoneRule), ...GENERAL_RULES];
