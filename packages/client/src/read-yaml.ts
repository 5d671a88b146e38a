import { Composer, CST, type Document, isScalar, Lexer, LineCounter, type ParsedNode, Parser, visit } from 'yaml';
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
    if (documents.length > 1) {
      return refused(syntaxError('the file holds more than one document', 'Keep one; split the file at `---`.'));
    }
    const [document] = documents;
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
  const duplicates = duplicateKeys(document, lines);
  if (problems.length === 0 && duplicates.length > 0) return { ok: false, refusals: bounded(duplicates) };
  if (problems.length > 0) {
    const refusals = problems.map(({ code, message, pos }) => {
      const { line, col } = lines.linePos(pos[0]);
      const fix = code === 'TAG_RESOLVE_FAILED' ? 'Remove the tag; plain YAML is enough.' : YAML_FIX;
      return syntaxError(message.split('\n')[0] ?? code, fix, at({ line, column: col }));
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
    if (parser.stack.length > 2 * LIMITS.nesting) return tooDeep();
    if (!isScalarText && lexeme.startsWith('*') && ++aliases > LIMITS.aliases) return tooManyAliases();
    isScalarText = lexeme === CST.SCALAR;
  }
  tokens.push(...parser.end());
  return tokens;
}

function tooManyAliases(): Refusal {
  const problem = `the file uses its anchors more than ${LIMITS.aliases} times`;
  return { code: 'SPEC_LIMIT', path: 'document', problem, fix: 'Use `spec.defaults`, or write the values out.' };
}

/** Keys are compared as they will be written in JSON: `1` and `"1"` are one. */
function duplicateKeys(document: Document.Parsed<ParsedNode>, lines: LineCounter): Refusal[] {
  const refusals: Refusal[] = [];
  visit(document, {
    Map(_key, map) {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        const text = String(key.value);
        if (seen.has(text)) {
          const { line, col } = lines.linePos(key.range?.[0] ?? 0);
          const problem = `the key ${quote(text)} stands twice in one object`;
          refusals.push(syntaxError(problem, 'Keep one of them.', at({ line, column: col })));
        }
        seen.add(text);
      }
      return refusals.length > LIMITS.refusals ? visit.BREAK : undefined;
    },
  });
  return refusals;
}
