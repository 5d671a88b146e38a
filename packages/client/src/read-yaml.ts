import {
  type Alias,
  Composer,
  CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  Lexer,
  LineCounter,
  type ParsedNode,
  Parser,
  visit,
  type YAMLMap,
} from 'yaml';
import type { Refusal } from './errors.ts';
import { LIMITS } from './limits.ts';
import { bounded, quote } from './spec-issue.ts';
import { at, type ReadDocument, refused, syntaxError, tooDeep } from './syntax-refusal.ts';

/** One YAML 1.2 document in the core schema: no tags, no merge keys, no key twice, aliases bounded. */
export function readYaml(text: string): ReadDocument {
  const lines = new LineCounter();
  const tokens = parseTokens(text, lines);
  if ('code' in tokens) return refused(tokens);
  try {
    const composer = new Composer({
      version: '1.2',
      schema: 'core',
      resolveKnownTags: false,
      // Compares each key with each other one; ours is linear.
      uniqueKeys: false,
      merge: false,
    });
    const documents = [...composer.compose(tokens, true, text.length)];
    const [document, second] = documents;
    if (second !== undefined) {
      const fix = 'Keep one; split the file at `---`.';
      return refused(syntaxError('the file holds more than one document', fix, placeOf(second.range[0], lines)));
    }
    if (document === undefined) return { ok: true, value: null };
    return fromYaml(document, lines);
  } catch (error) {
    // The parser recurses where ours does not: whatever it meets there is the author's text.
    return refused(syntaxError(`the text is not YAML (${String((error as Error).message).split('\n')[0]})`, YAML_FIX));
  }
}

const YAML_FIX = 'Check indentation, quotes and brackets there.';

function fromYaml(document: Document.Parsed<ParsedNode>, lines: LineCounter): ReadDocument {
  const problems = [...document.errors, ...document.warnings];
  const slips = slipsIn(document, lines);
  if (problems.length === 0 && slips.length > 0) return { ok: false, refusals: bounded(slips) };
  if (problems.length > 0) {
    const refusals = problems.map(({ code, message, pos }) => {
      const fix = code === 'TAG_RESOLVE_FAILED' ? 'Remove the tag; plain YAML is enough.' : YAML_FIX;
      return syntaxError(message.split('\n')[0] ?? code, fix, placeOf(pos[0], lines));
    });
    return { ok: false, refusals: bounded(refusals) };
  }
  // Aliases become shared values, not copies: what they expand to is bounded by whoever walks the value.
  return { ok: true, value: document.toJS({ maxAliasCount: -1 }) };
}

/** The tokens of the text, or why it goes too far: known before anything recursive or quadratic sees them. */
function parseTokens(text: string, lines: LineCounter): CST.Token[] | Refusal {
  const parser = new Parser(lines.addNewLine);
  const tokens: CST.Token[] = [];
  let aliases = 0;
  let isScalarText = false;
  lines.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme));
    // Block collections take two entries of the stack, and the document one.
    if (parser.stack.length > 2 * LIMITS.nesting) return { ...tooDeep(), path: placeOf(parser.offset, lines) };
    if (!isScalarText && lexeme.startsWith('*') && ++aliases > LIMITS.aliases)
      return tooManyAliases(placeOf(parser.offset, lines));
    isScalarText = lexeme === CST.SCALAR;
  }
  tokens.push(...parser.end());
  return tokens;
}

function tooManyAliases(path: string): Refusal {
  const problem = `the file uses its anchors more than ${LIMITS.aliases} times`;
  return { code: 'SPEC_LIMIT', path, problem, fix: 'Use `spec.defaults`, or write the values out.' };
}

function placeOf(offset: number, lines: LineCounter): string {
  const { line, col } = lines.linePos(offset);
  return at({ line, column: col });
}

/** Keys that stand twice, and aliases of no anchor. */
function slipsIn(document: Document.Parsed<ParsedNode>, lines: LineCounter): Refusal[] {
  const refusals: Refusal[] = [];
  const anchors = new Set<string>();
  visit(document, {
    Node(_key, node) {
      if (isAlias(node)) {
        if (!anchors.has(node.source)) refusals.push(unanchored(node, lines));
      } else if (node.anchor !== undefined) anchors.add(node.anchor);
      if (isMap(node)) refusals.push(...duplicateKeys(node, lines));
      return refusals.length > LIMITS.refusals ? visit.BREAK : undefined;
    },
  });
  return refusals;
}

function unanchored({ source, range }: Alias, lines: LineCounter): Refusal {
  const problem = `no value before it has the anchor ${quote(source)}`;
  return syntaxError(problem, 'Name the anchor (`&name`) of an earlier value.', placeOf(range?.[0] ?? 0, lines));
}

/** Keys are compared as they will be written in JSON: `1` and `"1"` are one. */
function duplicateKeys({ items }: YAMLMap, lines: LineCounter): Refusal[] {
  const seen = new Set<string>();
  return items.flatMap(({ key }) => {
    if (!isScalar(key)) return [];
    const text = String(key.value);
    const isSecond = seen.has(text);
    seen.add(text);
    if (!isSecond) return [];
    const problem = `the key ${quote(text)} stands twice in one object`;
    return [syntaxError(problem, 'Keep one of them.', placeOf(key.range?.[0] ?? 0, lines))];
  });
}
