/** What a bad time stamp is, and the tools that make one. */
import type { DerRules } from '../../packages/verify/src/rfc3161/der.ts';
import type { TimestampInput } from '../../packages/verify/src/rfc3161/stamp.ts';
import type { TimestampCheckId } from '../../packages/verify/src/rfc3161/timestamp-error.ts';
import type { Credential } from '../support/openssl-authority.ts';
import { inputOf } from './good-stamps.ts';
import { makeToken, type Parts, type TokenPlan } from './naive-tsa.ts';
import { MESSAGE, stampingBed } from './stamping-bed.ts';

export interface BadStamp {
  title: string;
  check: TimestampCheckId;
  reason: RegExp;
  input: TimestampInput;
  roots: readonly Credential[];
  certificates?: readonly Credential[];
  /** `openssl ts -verify` of version 3.0 accepts it over the same message, with the same roots; a later one may not. */
  passesOpenssl?: true;
  /** The rule of DER that refuses it. */
  der?: keyof DerRules;
  /** Why it is refused even without its check. */
  always?: string;
}

export type More = Partial<Pick<BadStamp, 'passesOpenssl' | 'der' | 'always' | 'roots' | 'certificates'>> & {
  input?: Partial<TimestampInput>;
};
export type Plan = Partial<TokenPlan>;

export const passesOpenssl = true;
/** What cannot be read cannot be judged. openssl reads some of it. */
export const unreadable: More = { always: 'it cannot be read' };
export const readByOpenssl: More = { ...unreadable, passesOpenssl };

export function tokenOf(plan: Plan): Buffer {
  return makeToken({ message: MESSAGE, signers: [stampingBed().signer], ...plan });
}

export function refused(
  title: string,
  check: TimestampCheckId,
  reason: RegExp,
  tsr: Buffer,
  more: More = {},
): BadStamp {
  const { input, roots = [stampingBed().root], ...rest } = more;
  const supplied = rest.certificates === undefined ? {} : { certificates: rest.certificates };
  return { title, check, reason, input: { ...inputOf({ tsr, roots, ...supplied }), ...input }, roots, ...rest };
}

export function made(title: string, check: TimestampCheckId, reason: RegExp, plan: Plan, more: More = {}): BadStamp {
  return refused(title, check, reason, tokenOf(plan), more);
}

/** An edit that sets, or adds at the end, these parts. */
export function having(parts: Parts): (of: Parts) => void {
  return (of) => void Object.assign(of, parts);
}

/** The last byte of the first place where the pattern stands, changed. */
export function edited(bytes: Buffer, pattern: Buffer | string): Buffer {
  const at = bytes.indexOf(pattern) + Buffer.from(pattern).length - 1;
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
}
