import { cruise, type IDependency, type IViolation } from 'dependency-cruiser';
import { RULES, TEST, ZONES } from './arrows.ts';

/** Top-level folders that hold code. */
export const CODE_FOLDERS = [
  'packages',
  'src',
  'worker-image',
  'embedded',
  'bin',
  'lambdas',
  'lib',
  'bench',
  'examples',
  'test',
] as const;

export interface ArrowReport {
  modules: readonly { source: string; dependencies: readonly IDependency[] }[];
  violations: readonly IViolation[];
  /** Source files in no zone. */
  unclaimed: readonly string[];
}

/** Reads every module under `root` with the rules of the arrows. Type-only imports count: they are arrows all the same. */
export async function readArrows(root: string, folders: readonly string[] = CODE_FOLDERS): Promise<ArrowReport> {
  const { output } = await cruise([...folders], {
    baseDir: root,
    parser: 'swc',
    tsPreCompilationDeps: true,
    validate: true,
    ruleSet: { forbidden: [...RULES] },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(build|coverage|dist|fixtures)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.mjs', '.js', '.cjs', '.json'],
    },
  });
  if (typeof output === 'string') throw new TypeError('dependency-cruiser answered text instead of modules');
  const own = output.modules.filter(({ source }) => folders.some((folder) => source.startsWith(`${folder}/`)));
  const unclaimed = own
    .map(({ source }) => source)
    .filter((source) => !new RegExp(TEST).test(source) && !ZONES.some(({ path }) => new RegExp(path).test(source)));
  return { modules: own, violations: output.summary.violations, unclaimed };
}
