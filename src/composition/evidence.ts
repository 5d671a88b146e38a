/**
 * The document `evidence.json`, of a state directory or of a deployment: the outsiders that make evidence stronger, and
 * how long the log may be silent. Read once, when a process starts; whatever is wrong with it is said before anything runs.
 */
import { X509Certificate } from 'node:crypto';
import { TerminalError } from '@waybill/client/errors';
import {
  type Digest,
  digestOf,
  EvidenceError,
  formatWitnessVkey,
  parseTlogPolicy,
  type TlogPolicy,
} from '@waybill/verify';
import { openHttpTimestampAuthority } from '#adapters/http/timestamp-authority.ts';
import { openHttpWitness } from '#adapters/http/witness.ts';
import { NO_OUTSIDERS, type Outsiders } from '#flow/deps.ts';
import type { Chance, Clock } from '#ports/clock.ts';
import type { TimestampAuthority } from '#ports/timestamp-authority.ts';
import type { Witness } from '#ports/witness.ts';
import { resting } from './resting.ts';

const NAME = 'evidence.json';
const MAX_AUTHORITIES = 8;
const MAX_ROOTS = 16;
/** An Ed25519 SPKI ends with the key itself. */
const ED25519_BYTES = 32;
const FIX = 'docs/formats/state-directory.md says what evidence.json holds.';

/** What of it the log shall say. */
export interface EvidenceSettings {
  /** The policy, as text. */
  witnesses: string | null;
  tsa: { url: string; roots: Digest[] }[];
}

export interface Evidence {
  outsiders: Outsiders;
  settings: EvidenceSettings;
  heartbeatMs?: number;
}

/** Nobody is asked. */
export const NO_EVIDENCE: Evidence = { outsiders: NO_OUTSIDERS, settings: { witnesses: null, tsa: [] } };

export interface EvidenceSource {
  clock: Clock;
  chance: Chance;
  /** The bytes of a file that the document names; throws when there is none. */
  readFile(path: string): Uint8Array;
}

/** What the document says. Throws TerminalError USAGE with the path of what is wrong. */
export function openEvidence(document: unknown, source: EvidenceSource): Evidence {
  const top = fieldsOf(NAME, document, ['tsa', 'witnesses', 'heartbeatMs', 'waitMs']);
  const outsiderWaitMs = wholeNumber('waitMs', top.waitMs, 100, 120_000) ?? NO_OUTSIDERS.outsiderWaitMs;
  const heartbeatMs = wholeNumber('heartbeatMs', top.heartbeatMs, 1_000, 86_400_000);
  const witnessText = top.witnesses === undefined ? null : textOf(source, 'witnesses', top.witnesses);
  const witnessPolicy = witnessText === null ? null : policyOf(witnessText);
  const authorities = listOf('tsa', top.tsa, MAX_AUTHORITIES).map((value, n) =>
    authorityOf(source, `tsa[${n}]`, value),
  );
  const eachMs = Math.max(100, Math.floor(outsiderWaitMs / Math.max(1, authorities.length)));
  return {
    outsiders: {
      outsiderWaitMs,
      witnessPolicy,
      witnesses: witnessPolicy === null ? [] : witnessesOf(witnessPolicy, outsiderWaitMs, source.clock),
      timestampAuthority: firstOf(
        authorities.map((authority, n) => opened(`tsa[${n}]`, () => authority.open(eachMs, source))),
      ),
    },
    settings: {
      witnesses: witnessText,
      tsa: authorities.map(({ url, roots }) => ({ url, roots: roots.map((root) => digestOf(root)) })),
    },
    ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
  };
}

interface Authority {
  url: string;
  roots: Uint8Array[];
  open(timeoutMs: number, ports: { clock: Clock; chance: Chance }): TimestampAuthority;
}

function authorityOf(source: EvidenceSource, path: string, value: unknown): Authority {
  const { url, roots: listed, policies } = fieldsOf(path, value, ['url', 'roots', 'policies']);
  if (typeof url !== 'string') throw wrong(`${path}.url`, 'is no text');
  const roots = listOf(`${path}.roots`, listed, MAX_ROOTS).map((root, n) =>
    rootOf(source, `${path}.roots[${n}]`, root),
  );
  if (roots.length === 0)
    throw wrong(`${path}.roots`, 'is empty: nothing that the authority answers could be verified');
  const oids = policies === undefined ? undefined : listOf(`${path}.policies`, policies, MAX_ROOTS);
  if (oids?.some((oid) => typeof oid !== 'string' || !/^\d+(\.\d+)+$/.test(oid))) {
    throw wrong(`${path}.policies`, 'holds something that is no object identifier, such as "1.2.3.4"');
  }
  return {
    url,
    roots,
    open(timeoutMs, { clock, chance }) {
      const accepted = oids === undefined ? {} : { policies: oids as string[] };
      const authority = openHttpTimestampAuthority({
        url,
        roots,
        timeoutMs,
        hex: (bytes) => chance.hex(bytes),
        ...accepted,
      });
      return { stamp: resting(clock, (message) => authority.stamp(message)) };
    },
  };
}

/** A certificate: base64 of its DER, or a file that holds it as DER or PEM. */
function rootOf(source: EvidenceSource, path: string, value: unknown): Uint8Array {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : fileOf(source, path, value);
  try {
    return new X509Certificate(bytes).raw;
  } catch {
    throw wrong(path, 'is no certificate, neither base64 of DER nor {"file": "<DER or PEM>"}');
  }
}

function policyOf(text: string): TlogPolicy {
  try {
    return parseTlogPolicy(text);
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    throw wrong('witnesses', `is no policy: ${error.message}`);
  }
}

function witnessesOf(policy: TlogPolicy, timeoutMs: number, clock: Clock): Witness[] {
  return policy.witnesses.map(({ name, key, url }) => {
    if (url === undefined)
      throw wrong('witnesses', `names the witness ${name} without a URL, so that it cannot be asked`);
    const vkey = formatWitnessVkey(key.name, key.publicKey.spki.subarray(-ED25519_BYTES));
    const witness = opened('witnesses', () =>
      openHttpWitness({ name, url, vkey, timeoutMs, nowMs: () => clock.nowMs() }),
    );
    return { name, cosign: resting(clock, (request) => witness.cosign(request)) };
  });
}

/** The first that answers. */
function firstOf(authorities: TimestampAuthority[]): TimestampAuthority | null {
  const [first, ...others] = authorities;
  if (first === undefined) return null;
  const next = firstOf(others);
  return next === null ? first : { stamp: (message) => first.stamp(message).catch(() => next.stamp(message)) };
}

function opened<T>(path: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (error instanceof TerminalError) throw wrong(path, error.problem);
    throw error;
  }
}

function textOf(source: EvidenceSource, path: string, value: unknown): string {
  return typeof value === 'string' ? value : new TextDecoder().decode(fileOf(source, path, value));
}

function fileOf(source: EvidenceSource, path: string, value: unknown): Uint8Array {
  const { file } = fieldsOf(path, value, ['file']);
  if (typeof file !== 'string') throw wrong(`${path}.file`, 'is no path');
  try {
    return source.readFile(file);
  } catch {
    throw wrong(`${path}.file`, `names ${file}, which cannot be read`);
  }
}

function fieldsOf(path: string, value: unknown, known: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(path, 'is no object');
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined)
    throw wrong(path, `has the unknown key ${JSON.stringify(unknown)}; known are ${known.join(', ')}`);
  return value as Record<string, unknown>;
}

function listOf(path: string, value: unknown, most: number): unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > most) throw wrong(path, `is no list of at most ${most}`);
  return value;
}

function wholeNumber(path: string, value: unknown, min: number, max: number): number | undefined {
  if (value === undefined || (Number.isInteger(value) && (value as number) >= min && (value as number) <= max)) {
    return value as number | undefined;
  }
  throw wrong(path, `is no whole number from ${min} to ${max}`);
}

function wrong(path: string, problem: string): TerminalError {
  const where = path.includes(NAME) ? path : `${NAME} ${path}`;
  return new TerminalError({ code: 'USAGE', path: where, problem, fix: FIX });
}
