/**
 * What the log says of an agent. Secrets are taken out by the wrapper, outside of this sandbox, and it would not know the part of
 * one that a cut leaves: so a text is shown whole or not at all.
 */

const MAX_SHOWN_CHARS = 16_000;

export function whole(text: string): string {
  return text.length <= MAX_SHOWN_CHARS ? text : `(${text.length} characters, not shown)`;
}

export function shownCall(name: string, input: unknown): string {
  const texts = (_key: string, value: unknown): unknown => (typeof value === 'string' ? whole(value) : value);
  return `[${whole(name)}] ${whole(JSON.stringify(input ?? {}, texts))}`;
}

export function show(text: string): void {
  process.stdout.write(`${whole(text)}\n`);
}
