import { type Module, parseSync } from '@swc/core';

export interface FunctionSize {
  name: string;
  /** One-based line of its first character. */
  line: number;
  lines: number;
}

export interface SourceSize {
  lines: number;
  /** Lines that hold nothing but comment. */
  commentLines: number;
  /** Functions and methods, without those that only hold tests. */
  functions: FunctionSize[];
}

export interface Node {
  type: string;
  span?: { start: number; end: number };
  [key: string]: unknown;
}

const FUNCTIONS = new Set([
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'ClassMethod',
  'PrivateMethod',
  'Constructor',
  'MethodProperty',
  'GetterProperty',
  'SetterProperty',
]);
const TEST_GROUPS = new Set(['describe', 'suite']);

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}

/** Children in source order; swc wraps some in plain objects (`{ spread, expression }`), which are looked through. */
export function* childrenOf(value: object): Generator<Node> {
  for (const child of Object.values(value)) {
    if (isNode(child)) yield child;
    else if (typeof child === 'object' && child !== null) yield* childrenOf(child);
  }
}

function nameOf(node: Node): string | undefined {
  const holder = node.identifier ?? node.key ?? node.id;
  if (!isNode(holder)) return undefined;
  return typeof holder.value === 'string' ? holder.value : undefined;
}

function groupsTests(call: Node): boolean {
  return call.type === 'CallExpression' && isNode(call.callee) && TEST_GROUPS.has(String(call.callee.value));
}

/**
 * Functions that group tests are no functions in the sense of the budget: the callbacks of `describe`, and in a
 * `*.suite.ts` file whatever registers tests.
 */
function collect(
  node: Node,
  name: string | undefined,
  exempt: boolean,
  visit: (node: Node, name: string) => void,
): void {
  const own = nameOf(node) ?? name;
  if (FUNCTIONS.has(node.type) && !exempt) visit(node, own ?? '(anonymous)');
  const group = groupsTests(node);
  for (const child of childrenOf(node)) {
    collect(child, node.type === 'VariableDeclarator' ? own : undefined, group && FUNCTIONS.has(child.type), visit);
  }
}

function parse(text: string): Module {
  return parseSync(text, { syntax: 'typescript', target: 'es2024' });
}

/** Measures one file; `path` only tells a suite from other files. */
export function measureSource(path: string, text: string): SourceSize {
  const bytes = Buffer.from(text);
  const lineAt = (offset: number): number => bytes.subarray(0, offset).toString().split('\n').length;
  const functions: FunctionSize[] = [];
  const isSuite = path.endsWith('.suite.ts');
  // swc counts bytes from one
  collect(parse(text) as unknown as Node, undefined, false, ({ span }, name) => {
    if (span === undefined) return;
    const line = lineAt(span.start - 1);
    const body = bytes.subarray(span.start - 1, span.end - 1).toString();
    if (isSuite && /\b(test|it|describe)\(/.test(body)) return;
    functions.push({ name, line, lines: body.split('\n').length });
  });
  const lines = text.replace(/\n$/, '').split('\n');
  return { lines: lines.length, commentLines: lines.filter((line) => /^\s*(\/\/|\/?\*)/.test(line)).length, functions };
}

/** The value below which `share` of the values lie; 0 of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
