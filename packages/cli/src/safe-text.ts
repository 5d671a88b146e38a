/**
 * Text from documents and logs, made safe to show: whoever wrote it may not move the cursor, recolour the screen, reverse
 * the reading order or hide anything. Every such character is shown as its escape. Single lines go through the verifier's
 * `escapeText`; here are the two shapes that it does not serve.
 */

/** Controls, formats (bidi, zero width), surrogates, private and unassigned characters, line and paragraph separators. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/gu;
/** Everything whose width on a terminal is not certainly one column. */
const NOT_ONE_COLUMN = /[^\x20-\x7e]/gu;

function escapeCharacter(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** One cell of a table or tree: one column a character, at most `max` of them. */
export function safeCell(text: string, max = 64): string {
  const cell = text.slice(0, 4 * max).replace(NOT_ONE_COLUMN, escapeCharacter);
  return cell.length > max ? `${cell.slice(0, max - 1)}~` : cell;
}

/** Many lines of any length: line feeds and tabs stay what they are. */
export function safeBlock(text: string): string {
  return text.replace(UNSEEN, (character) =>
    character === '\n' || character === '\t' ? character : escapeCharacter(character),
  );
}

/** One line of JSON, of the same value: what cannot be seen is written as JSON writes controls. */
export function safeJson(value: object): string {
  return JSON.stringify(value).replace(UNSEEN, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
