/** The file that describes a deployment to `bin/app.ts`: the properties of the construct, as far as JSON can say them. */
import { readFileSync } from 'node:fs';
import { scanJson } from '@waybill/client/json-scan';
import { propsProblems } from './check-props.ts';
import { WaybillPropsError } from './props-error.ts';
import type { WaybillProps } from './waybill-props.ts';

const NETWORK =
  'network: is an object of the CDK, which no file can hold; use the construct in an app of your own (docs/how-to/use-the-construct.md)';

const MAX_DEPTH = 64;

/** @throws WaybillPropsError with all that is wrong with what is in it, or why it cannot be read */
export function readDeploymentFile(path: unknown): WaybillProps {
  if (typeof path !== 'string' || path === '') {
    throw new WaybillPropsError(['config: names no file; run cdk with -c config=<file>']);
  }
  const document = jsonOf(path);
  const { network, ...rest } = document as { network?: unknown };
  const isObject = typeof document === 'object' && document !== null && !Array.isArray(document);
  const problems = [...(network === undefined ? [] : [NETWORK]), ...propsProblems(isObject ? rest : document)];
  if (problems.length > 0) throw new WaybillPropsError(problems, path);
  return document as WaybillProps;
}

function jsonOf(path: string): unknown {
  const fail = (problem: string): never => {
    throw new WaybillPropsError([problem], path);
  };
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return fail(`the file: cannot be read (${code}); name one that is there with -c config=<file>`);
  }
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    return fail(`the file: is no JSON (${(error as Error).message}); begin with the one in docs/deploy.md`);
  }
  const twice = scanJson(text, MAX_DEPTH).duplicates;
  if (twice.length === 0) return document;
  const lines = twice.map(
    ({ key, line, column }) => `${key}: stands twice, again at ${line}:${column}; keep one of them`,
  );
  throw new WaybillPropsError(lines, path);
}
