/**
 * The document `evidence.json`, of a state directory or of a deployment: the outsiders that make evidence stronger, and
 * how long the log may be silent. Read once, when a process starts; whatever is wrong with it is said before anything runs.
 */
import { X509Certificate } from 'node:crypto';
import { type Refusal, TerminalError } from '@waybill/client/errors';
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
import { eachOf, Mistakes } from '#core/mistakes.ts';
import { NO_OUTSIDERS, type Outsiders } from '#flow/deps.ts';
import type { Chance, Clock } from '#ports/clock.ts';
import type { TimestampAuthority } from '#ports/timestamp-authority.ts';
import type { Witness } from '#ports/witness.ts';
import { fieldsOf, listOf, refuse, wholeNumber, wrong } from './evidence-fields.ts';
import { resting } from './resting.ts';

const NAME = 'evidence.json';
const MAX_AUTHORITIES = 8;
const MAX_ROOTS = 16;
/** An Ed25519 SPKI ends with the key itself. */
const ED25519_BYTES = 32;

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

/** What the document says. Throws TerminalError USAGE with the paths of all that is wrong. */
export function openEvidence(document: unknown, source: EvidenceSource): Evidence {
  const mistakes = new Mistakes();
  const top = fieldsOf(mistakes, NAME, document, ['tsa', 'witnesses', 'heartbeatMs', 'waitMs']);
  const told = mistakes.reading(() => wholeNumber('waitMs', top.waitMs, 100, 120_000));
  const outsiderWaitMs = told ?? NO_OUTSIDERS.outsiderWaitMs;
  const heartbeatMs = mistakes.reading(() => wholeNumber('heartbeatMs', top.heartbeatMs, 1_000, 86_400_000));
  const witnessText = mistakes.reading(() => textOf(source, 'witnesses', top.witnesses)) ?? null;
  const witnessPolicy = mistakes.reading(() => (witnessText === null ? null : policyOf(witnessText))) ?? null;
  const witnesses = mistakes.reading(() => witnessesOf(witnessPolicy, outsiderWaitMs, source.clock));
  const listed = mistakes.reading(() => listOf('tsa', top.tsa, MAX_AUTHORITIES)) ?? [];
  const eachMs = Math.max(100, Math.floor(outsiderWaitMs / Math.max(1, listed.length)));
  const authorities = listed.flatMap(
    (value, n) => mistakes.reading(() => authorityOf(`tsa[${n}]`, value, eachMs, source)) ?? [],
  );
  mistakes.settle();
  return {
    outsiders: {
      outsiderWaitMs,
      witnessPolicy,
      witnesses: witnesses ?? [],
      timestampAuthority: firstOf(authorities.map(({ authority }) => authority)),
    },
    settings: {
      witnesses: witnessText,
      tsa: authorities.map(({ url, roots }) => ({ url, roots: roots.map((root) => digestOf(root)) })),
    },
    ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
  };
}

/** All that is wrong with the document, for those who do not open it but deploy it. */
export function evidenceMistakes(document: unknown, source: EvidenceSource): readonly Refusal[] {
  try {
    openEvidence(document, source);
    return [];
  } catch (error) {
    if (error instanceof TerminalError) return eachOf(error);
    throw error;
  }
}

interface Authority {
  url: string;
  roots: Uint8Array[];
  authority: TimestampAuthority;
}

function authorityOf(path: string, value: unknown, timeoutMs: number, source: EvidenceSource): Authority {
  const mistakes = new Mistakes();
  const { url, roots: listed, policies } = fieldsOf(mistakes, path, value, ['url', 'roots', 'policies']);
  if (typeof url !== 'string') mistakes.reading(() => refuse(`${path}.url`, 'is no text'));
  const certificates = mistakes.reading(() => listOf(`${path}.roots`, listed, MAX_ROOTS));
  if (certificates?.length === 0)
    mistakes.reading(() => refuse(`${path}.roots`, 'is empty: nothing that the authority answers could be verified'));
  const roots = (certificates ?? []).flatMap(
    (root, n) => mistakes.reading(() => rootOf(source, `${path}.roots[${n}]`, root)) ?? [],
  );
  const oids = mistakes.reading(() => oidsOf(`${path}.policies`, policies));
  mistakes.settle();
  const { chance, clock } = source;
  const open = (): TimestampAuthority =>
    openHttpTimestampAuthority({
      url: url as string,
      roots,
      timeoutMs,
      hex: (bytes) => chance.hex(bytes),
      ...(oids === undefined ? {} : { policies: oids }),
    });
  const authority = opened(path, open);
  return { url: url as string, roots, authority: { stamp: resting(clock, (message) => authority.stamp(message)) } };
}

function oidsOf(path: string, value: unknown): string[] | undefined {
  if (value === undefined) return undefined;
  const oids = listOf(path, value, MAX_ROOTS);
  if (oids.every((oid) => typeof oid === 'string' && /^\d+(\.\d+)+$/.test(oid))) return oids as string[];
  return refuse(path, 'holds something that is no object identifier, such as "1.2.3.4"');
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

function witnessesOf(policy: TlogPolicy | null, timeoutMs: number, clock: Clock): Witness[] {
  if (policy === null) return [];
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

function textOf(source: EvidenceSource, path: string, value: unknown): string | null {
  if (value === undefined) return null;
  return typeof value === 'string' ? value : new TextDecoder().decode(fileOf(source, path, value));
}

function fileOf(source: EvidenceSource, path: string, value: unknown): Uint8Array {
  const mistakes = new Mistakes();
  const { file } = fieldsOf(mistakes, path, value, ['file']);
  if (typeof file !== 'string') mistakes.reading(() => refuse(`${path}.file`, 'is no path'));
  mistakes.settle();
  try {
    return source.readFile(file as string);
  } catch {
    throw wrong(`${path}.file`, `names ${file}, which cannot be read`);
  }
}
