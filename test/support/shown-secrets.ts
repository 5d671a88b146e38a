/** A block that shows its secret in every way it has, and the forms of one that are looked for. */

/** Says it in every form below on both streams, in pieces, broken into lines, and as the message of an error. */
export const SHOW = `
const t = process.env.TOKEN, b = Buffer.from(t);
const in64 = ['', 'x', 'xy'].map((before) => Buffer.from(before + t));
const all = [t, ...in64.map((each) => each.toString('base64')), ...in64.map((each) => each.toString('base64url')),
  b.toString('hex'), b.toString('hex').toUpperCase(), encodeURIComponent(t), JSON.stringify(t),
  JSON.stringify(JSON.stringify(t)), b.toString('base64').replace(/.{12}/g, '$&\\n')];
for (const s of [process.stdout, process.stderr]) for (const each of all) s.write('shown: ' + each + '\\n');
process.stdout.write(t.slice(0, 9));
setTimeout(() => process.stdout.write(t.slice(9) + '\\n'), 60);
setTimeout(() => { throw new Error('cannot log in with ' + t); }, 120);
`;

/** How often that says `shown`. */
export const TIMES_SHOWN = 26;

/** Said here once more, and not as the worker says it. */
export function formsOf(secret: string): Buffer[] {
  const bytes = Buffer.from(secret);
  const hex = bytes.toString('hex');
  const base64 = ['', 'x', 'xy'].map((before) =>
    Buffer.from(`${before}${secret}`).toString('base64').slice(4, -4).replaceAll('=', ''),
  );
  const texts = [secret, hex, hex.toUpperCase(), encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)];
  const twice = JSON.stringify(JSON.stringify(secret).slice(1, -1)).slice(1, -1);
  const urlSafe = base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
  return [...texts, twice, ...base64, ...urlSafe].map((text) => Buffer.from(text));
}

/** The bundle of a worker with one function taken out of it. */
export function withoutRedactor(bundled: string): string {
  const open = bundled.replace('function longEnough(forms) {', '$&\n  return [];');
  if (open === bundled) throw new RangeError('there is nothing to take out');
  return open;
}
