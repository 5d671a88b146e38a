/**
 * What a bundle keeps for as long as its process lives and could write: everything at its top but constants. A constant is a
 * primitive, a function, or a literal (or a collection or result of a call that is listed) which nothing in the bundle assigns to or
 * changes under its own name. A constant that is handed on and changed under another name is not followed: that is for its type to refuse.
 */
import { parseSync } from '@swc/core';
import { childrenOf, isNode, type Node } from './measure-sources.ts';

/** Methods that change what they are called on. */
const CHANGES = new Set([
  ...[
    'add',
    'addAddress',
    'addRange',
    'addSubnet',
    'append',
    'clear',
    'copyWithin',
    'delete',
    'fill',
    'pop',
    'push',
    'reverse',
    'set',
  ],
  ...['shift', 'sort', 'splice', 'unshift'],
]);
/** Of Object and Reflect: these change their first argument. */
const CHANGES_FIRST = new Set(['assign', 'defineProperties', 'defineProperty', 'set', 'setPrototypeOf']);
/** Methods whose result is made anew of what they are called on, and keeps nothing. */
const MAKES = new Set([
  'concat',
  'entries',
  'filter',
  'flatMap',
  'from',
  'fromEntries',
  'join',
  'keys',
  'map',
  'padStart',
  'repeat',
  'startsWith',
  'values',
]);
const CONSTRUCTS = new Set(['Map', 'RegExp', 'Set', 'TextEncoder']);
const FUNCTIONS = new Set(['ArrowFunctionExpression', 'FunctionExpression', 'MethodProperty', 'GetterProperty']);
const LEAVES = new Set([
  'BigIntLiteral',
  'BooleanLiteral',
  'Identifier',
  'MetaProperty',
  'NullLiteral',
  'NumericLiteral',
  'StringLiteral',
]);
const INSIDE = new Set([
  ...[
    'ArrayExpression',
    'AssignmentProperty',
    'BinaryExpression',
    'Computed',
    'ConditionalExpression',
    'KeyValueProperty',
  ],
  ...[
    'MemberExpression',
    'ObjectExpression',
    'ParenthesisExpression',
    'SpreadElement',
    'TemplateElement',
    'TemplateLiteral',
    'UnaryExpression',
  ],
]);
const DECLARES_NOTHING = new Set([
  'EmptyStatement',
  'ExportNamedDeclaration',
  'FunctionDeclaration',
  'ImportDeclaration',
]);

const part = (node: Node, name: string): Node | null => (isNode(node[name]) ? (node[name] as Node) : null);

/** swc numbers scopes: names that nothing declares, those at the top, and then all others. */
const isOfTop = (target: Node): boolean => Number(rootOf(target)?.ctxt) <= 2;

function rootOf(node: Node | null): Node | null {
  if (node === null || node.type === 'Identifier') return node;
  const inner = part(node, 'object') ?? part(node, 'expression');
  return inner === null ? null : rootOf(inner);
}

/** Names with dots, without what is computed. */
function wordsOf(target: Node): string {
  const [object, property] = [part(target, 'object'), part(target, 'property')];
  if (object === null) return String(rootOf(target)?.value);
  return property?.type === 'Identifier' ? `${wordsOf(object)}.${property.value}` : wordsOf(object);
}

function* all(node: Node): Generator<Node> {
  yield node;
  for (const child of childrenOf(node)) yield* all(child);
}

/** What a pattern, or what stands left of an assignment, gives a value to. */
function targetsOf(pattern: Node | null): Node[] {
  if (pattern === null) return [];
  if (rootOf(pattern) !== null) return [pattern];
  return [...childrenOf(pattern)].flatMap((child) =>
    child.type === 'KeyValuePatternProperty'
      ? targetsOf(part(child, 'value'))
      : targetsOf(part(child, 'key') ?? part(child, 'left') ?? part(child, 'argument') ?? child),
  );
}

function calleeName(call: Node): { name: string; receiver: Node | null } {
  const callee = part(call, 'callee');
  if (callee?.type !== 'MemberExpression') return { name: String(callee?.value ?? ''), receiver: null };
  return { name: String(part(callee, 'property')?.value ?? ''), receiver: part(callee, 'object') };
}

const argumentsOf = (call: Node): Node[] =>
  ((call.arguments ?? []) as { expression: Node }[]).map(({ expression }) => expression);

/** What a node itself changes. */
function changedBy(node: Node): Node[] {
  if (node.type === 'AssignmentExpression') return targetsOf(part(node, 'left'));
  if (node.type === 'ForOfStatement' || node.type === 'ForInStatement') {
    return part(node, 'left')?.type === 'VariableDeclaration' ? [] : targetsOf(part(node, 'left'));
  }
  if (node.type === 'UpdateExpression') return targetsOf(part(node, 'argument'));
  if (node.type === 'UnaryExpression' && node.operator === 'delete') return targetsOf(part(node, 'argument'));
  if (node.type !== 'CallExpression') return [];
  const { name, receiver } = calleeName(node);
  const root = rootOf(receiver);
  if (['Object', 'Reflect'].includes(String(root?.value)) && CHANGES_FIRST.has(name)) {
    return targetsOf(argumentsOf(node)[0] ?? null);
  }
  return CHANGES.has(name) && receiver !== null && root !== null ? [receiver] : [];
}

function isConstant(value: Node, calls: ReadonlySet<string>): boolean {
  const ofAll = (nodes: Iterable<Node>): boolean => [...nodes].every((each) => isConstant(each, calls));
  if (LEAVES.has(value.type) || FUNCTIONS.has(value.type)) return true;
  if (value.type === 'RegExpLiteral') return !/[gy]/.test(String(value.flags));
  if (value.type === 'ClassExpression') return staticsOf(value).length === 0;
  if (INSIDE.has(value.type)) return ofAll(childrenOf(value));
  const { name, receiver } = calleeName(value);
  if (value.type === 'NewExpression') return receiver === null && CONSTRUCTS.has(name) && ofAll(argumentsOf(value));
  if (value.type !== 'CallExpression') return false;
  // The bundler numbers names that are there twice.
  if (receiver === null) return calls.has(name.replace(/\d+$/, '')) && ofAll(argumentsOf(value));
  return (
    calls.has(`${receiver.value}.${name}`) ||
    (MAKES.has(name) && isConstant(receiver, calls) && ofAll(argumentsOf(value)))
  );
}

function staticsOf(declared: Node): string[] {
  return (declared.body as Node[])
    .filter((member) => member.type === 'StaticBlock' || (member.isStatic === true && member.type.endsWith('Property')))
    .map((member) => `static ${part(member, 'key')?.value ?? 'block'}`);
}

function declaredBy(statement: Node, calls: ReadonlySet<string>): string[] {
  if (DECLARES_NOTHING.has(statement.type)) return [];
  const declared = statement.type === 'ExportDeclaration' ? part(statement, 'declaration') : statement;
  if (declared?.type === 'FunctionDeclaration') return [];
  if (declared?.type === 'ClassDeclaration') {
    return staticsOf(declared).map((name) => `${part(declared, 'identifier')?.value} ${name}`);
  }
  const called = part(part(statement, 'expression') ?? statement, 'callee');
  if (called !== null) return [`${wordsOf(called)}()`];
  if (declared?.type !== 'VariableDeclaration') return [`a ${statement.type}`];
  return (declared.declarations as Node[])
    .filter((one) => {
      const value = part(one, 'init');
      return value === null || !isConstant(value, calls);
    })
    .map((one) => targetsOf(part(one, 'id')).map(wordsOf).join(', '));
}

/**
 * Of each thing that a bundle keeps, its name; statements at the top that are no declarations, by their kind.
 *
 * @param calls functions whose results hold nothing that can change
 */
export function keptState(bundle: string, calls: ReadonlySet<string>): string[] {
  const { body } = parseSync(bundle, { syntax: 'ecmascript', target: 'es2024' }) as unknown as { body: Node[] };
  const changed = body.flatMap((statement) => [...all(statement)].flatMap(changedBy).filter(isOfTop));
  const declared = body.flatMap((statement) => declaredBy(statement, calls));
  return [...new Set([...declared, ...changed.map(wordsOf)])].sort();
}
