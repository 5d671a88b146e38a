/** The two time types of ASN.1, each in the one form that DER (and RFC 5280 for certificates) leaves. */
import { type DerNode, TAG } from './der.ts';
import { malformed } from './der-fields.ts';

const GENERALIZED = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{0,8}[1-9]))?Z$/;
const UTC = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

export interface ExactTime {
  /** Whole milliseconds since 1970, rounded down. */
  ms: number;
  /** Whether something below a millisecond was left out of it. */
  isRoundedDown: boolean;
}

/** A GeneralizedTime in UTC with seconds, and a fraction that does not end in zero. */
export function generalizedTime(node: DerNode, what: string): ExactTime {
  const match = node.tag === TAG.generalizedTime ? GENERALIZED.exec(asciiText(node.content)) : null;
  if (match === null) throw malformed(what, 'is not a GeneralizedTime in UTC with seconds');
  const [, year = '', month = '', day = '', hour = '', minute = '', second = '', fraction = ''] = match;
  const millis = fraction.slice(0, 3).padEnd(3, '0');
  const ms = msOf(`${year}-${month}-${day}T${hour}:${minute}:${second}.${millis}Z`, what);
  return { ms, isRoundedDown: fraction.length > 3 };
}

/** A time in a certificate: UTCTime up to the year 2049, GeneralizedTime without a fraction after it. */
export function certificateTime(node: DerNode, what: string): number {
  if (node.tag === TAG.utcTime) {
    const match = UTC.exec(asciiText(node.content));
    if (match === null) throw malformed(what, 'is not a UTCTime with seconds and Z');
    const [, year = '', month = '', day = '', hour = '', minute = '', second = ''] = match;
    const century = Number(year) < 50 ? '20' : '19';
    return msOf(`${century}${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`, what);
  }
  const { ms } = generalizedTime(node, what);
  const isFraction = node.content.length !== 15;
  if (isFraction || ms < Date.UTC(2050, 0)) throw malformed(what, 'is a GeneralizedTime where a UTCTime must stand');
  return ms;
}

/** Only times that exist: neither a 31st of February nor a 61st second. */
function msOf(iso: string, what: string): number {
  const ms = Date.parse(iso);
  if (Number.isNaN(ms) || new Date(ms).toISOString() !== iso) throw malformed(what, 'is no time of the calendar');
  return ms;
}

function asciiText(content: Uint8Array): string {
  return content.length > 40 ? '' : String.fromCharCode(...content);
}
