/** The forms in which a secret is looked for: as it is, and as programs write it who meant no harm. */
import { SECRET_BYTES, withoutSpace } from '@waybill/client/secret-value';
import { partsOf } from './secret-parts.ts';
import { readBehindQuotings } from './unescaped.ts';

/** Lines of a secret that are this long are looked for by themselves too, so that a key is found whose lines are quoted one by one. */
const LEAST_LINE_BYTES = 16;

/** Without white space, as is the text in which they are looked for: base64 and hex are broken into lines, and texts indented. */
export function formsOf(secret: string): Buffer[] {
  const texts = partsOf(secret).flatMap((part) => {
    const bytes = Buffer.from(part);
    return [part, ...linesOf(part), ...base64Forms(bytes), ...hexForms(bytes)];
  });
  return longEnough(texts.map(withoutSpace));
}

/**
 * In a text that was read as `unescaped` does. A value with escapes of its own stands there in several ways: what was written for another
 * program shows it as it is, what was only put between quotes shows it with its escapes read as well, and others with some of them.
 */
export function quotedFormsOf(secret: string): Buffer[] {
  const texts = partsOf(secret).flatMap((part) => [part, ...linesOf(part), ...base64Forms(Buffer.from(part))]);
  const read = texts.flatMap(readBehindQuotings);
  // With what stands beside it, the end or the beginning of one could be read as the escape of another character.
  return longEnough(read.flatMap((form) => [form, withoutEnd(form), withoutDigits(form)]));
}

/** A shorter one would be found in text that has nothing to do with it, and one of no bytes everywhere, for ever. */
function longEnough(forms: (string | Buffer)[]): Buffer[] {
  const unique = new Set(forms.map((form) => Buffer.from(form).toString('latin1')));
  return [...unique].map((form) => Buffer.from(form, 'latin1')).filter(({ length }) => length >= SECRET_BYTES.least);
}

function withoutEnd(form: Buffer): Buffer {
  const end = form.findLastIndex((byte) => byte !== 0x25 && byte !== 0x26);
  return form.subarray(0, end + 1);
}

/** Behind a percent sign that nobody escaped, two digits are no part of what follows. */
function withoutDigits(form: Buffer): Buffer {
  return form.subarray(/^[0-9a-fA-F]{2}/.test(form.toString('latin1')) ? 2 : 0);
}

function linesOf(secret: string): string[] {
  const lines = secret.split(/\r?\n/);
  // What encloses a key is no secret, and stands in files that hold none.
  return lines.filter(
    (line) =>
      Buffer.byteLength(withoutSpace(line)) >= LEAST_LINE_BYTES && !(lines.length > 1 && line.startsWith('-----')),
  );
}

/** At each place in a group of three, but for the digits that depend on what stands beside it. */
function base64Forms(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((before) => {
    const digits = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const whole = digits.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
    return [whole, whole.replaceAll('+', '-').replaceAll('/', '_')];
  });
}

function hexForms(bytes: Buffer): string[] {
  const digits = bytes.toString('hex');
  return [digits, digits.replace(/..(?=.)/g, '$&:')].flatMap((form) => [form, form.toUpperCase()]);
}
