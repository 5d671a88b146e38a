/**
 * The prompt of an agent as its author writes it: text with places for what the item is given. `{{text notes.md}}` is the
 * text of the file inputs/notes.md, `{{json verdict.json /reason}}` one value of a JSON file, `{{path data.csv}}` where the
 * file is. With `?` behind the first word an input that is not there is nothing. `{{{{` stands for two braces.
 */
export type PromptPart =
  | { kind: 'literal'; text: string }
  | { kind: 'text' | 'json' | 'path'; key: string; pointer: string; mayMiss: boolean };

export type PromptTemplate = { ok: true; parts: PromptPart[] } | { ok: false; problem: string };

const BRACES = /\{\{(?:(\{\{)|(text|json|path)(\?)? ([a-z0-9][a-z0-9._-]{0,62})(?: (\/[^{}\s]*))?\}\})?/g;

export const PROMPT_FIX =
  'Write `{{text <input>}}`, `{{json <input> </pointer>}}` or `{{path <input>}}`, and `{{{{` for two braces.';

/** Everything between two braces is a place, or the template is refused: a slip would be told to the agent. */
export function readPrompt(template: string): PromptTemplate {
  const parts: PromptPart[] = [];
  let from = 0;
  for (const match of template.matchAll(BRACES)) {
    const [written, braces, kind, mark, key, pointer = ''] = match;
    if (match.index > from) parts.push({ kind: 'literal', text: template.slice(from, match.index) });
    from = match.index + written.length;
    if (braces !== undefined) {
      parts.push({ kind: 'literal', text: '{{' });
    } else if (kind === undefined || key === undefined || (pointer !== '' && kind !== 'json')) {
      const shown = JSON.stringify(template.slice(match.index, match.index + 40).toWellFormed());
      return { ok: false, problem: `at ${shown} the prompt has two braces and no place for an input` };
    } else {
      parts.push({ kind: kind as 'text' | 'json' | 'path', key, pointer, mayMiss: mark !== undefined });
    }
  }
  if (from < template.length) parts.push({ kind: 'literal', text: template.slice(from) });
  return { ok: true, parts };
}
