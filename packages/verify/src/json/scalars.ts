/** The scalars that evidence is made of. */
import type { Digest } from '../crypto/digest.ts';
import { pathTextProblem } from './path-text.ts';
import { integer, type Shape, text } from './shape.ts';

export const anyText: Shape<string> = (value) => (typeof value === 'string' ? undefined : ' is not a string');
export const digest: Shape<Digest> = text<Digest>(/^sha256:[0-9a-f]{64}$/, 'a digest (sha256:<64 hex digits>)');
export const pseudonym: Shape<`hmac-sha256:${string}`> = text(/^hmac-sha256:[0-9a-f]{64}$/, 'a principal reference');
export const hex64: Shape<string> = text(/^[0-9a-f]{64}$/, '64 hex digits');
/** Run ids, attempt ids, salts and nonces: 128 bits. */
export const hex32: Shape<string> = text(/^[0-9a-f]{32}$/, '32 hex digits');
export const commit: Shape<string> = text(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, 'a commit id');
/** Run names, queues and need keys. */
export const name: Shape<string> = text(/^(?!.*\.\.)[a-z0-9][a-z0-9._-]{0,62}$/, 'a name');
/** Of what an attempt is given under seal: the name of a secret, or of the session with a model. */
export const SEALED_NAME: RegExp = /^(?:(?!.*\.\.)[a-z0-9][a-z0-9._-]{0,62}|model:[A-Za-z0-9][!-~]{0,127})$/;
export const sealedName: Shape<string> = text(SEALED_NAME, 'the name of a secret or model');
/** A name, and the rounds of the loops that it stands in: `fix~2`. */
export const ITEM_ID: RegExp = /^(?=.{1,63}$)(?!.*\.\.)[a-z0-9][a-z0-9._-]*(?:~[1-9][0-9]*)*$/;
export const itemId: Shape<string> = text(ITEM_ID, 'an item id');
export const lockName: Shape<string> = text(
  /^(?=.{1,128}$)(?!.*\.\.)(?!.*\/\/)(?!.*\/$)[a-z0-9][a-z0-9._:/-]*$/,
  'a lock name',
);
/** The text of an output's name, or of the path that a need selects. */
export const outputName: Shape<string> = (value) => {
  if (typeof value !== 'string') return ' is not an output name';
  const problem = pathTextProblem(value);
  return problem === null ? undefined : ` ${problem}`;
};
export const reasonCode: Shape<string> = text(/^[a-z][a-z0-9_]{0,63}$/, 'a reason code');
export const origin: Shape<string> = text(/^[!-*,-~]{1,255}$/, 'an origin');
export const count: Shape<number> = integer(0);
export const ordinal: Shape<number> = integer(1);
/** Exit codes are 0 to 255; signals and host errors come as what the host reports. */
export const exitCode: Shape<number> = integer(-65_536, 65_536);

const TIME = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;

/** ISO-8601, UTC, milliseconds, on a day that exists; midnight is the hour 00. */
export function isTime(text: string): boolean {
  return TIME.test(text) && isDay(text);
}

export const time: Shape<string> = (value) =>
  typeof value === 'string' && isTime(value) ? undefined : ' is not a UTC time with milliseconds';

/** Every month has 28 days; past those only the calendar knows. */
function isDay(iso: string): boolean {
  if (iso.slice(8, 10) <= '28') return true;
  // The engines differ on such a text: some count on into the next month, others call it no time at all.
  const ms = Date.parse(iso);
  return !Number.isNaN(ms) && new Date(ms).toISOString() === iso;
}
