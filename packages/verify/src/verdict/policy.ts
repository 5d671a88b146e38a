/**
 * The auditor's policy file, `waybill-policy/v1`: the keys, and what else the auditor trusts and demands. It is the only
 * place from which trust comes, so that its shape is closed and anything wrong in it is a usage error.
 */
import { fromBase64 } from '../crypto/base64.ts';
import { equalBytes } from '../crypto/bytes.ts';
import { EvidenceError } from '../evidence-error.ts';
import { anyText, count, ordinal } from '../json/scalars.ts';
import { closed, listOf, oneOf, requireShape, type Shape, text } from '../json/shape.ts';
import { loadTrust, type Trust, type TrustFile } from '../keys/trust.ts';
import { parseTlogPolicy, type TlogPolicy } from '../log/tlog-policy.ts';
import { readCertificate } from '../rfc3161/certificate.ts';
import { DEMANDABLE, type Demands } from './facets.ts';

export interface PolicyFile {
  format: 'waybill-policy/v1';
  keys: TrustFile;
  require?: {
    integrity?: Demands['integrity'];
    time?: Demands['time'];
    completeness?: Demands['completeness'];
    /** Of the moment at which a third party last vouched for the checkpoint. */
    maxAgeMs?: number;
  };
  /** A C2SP tlog-policy: the witnesses and how many of them have to have signed. */
  witnesses?: string;
  tsa?: {
    /** Base64 of the DER of certificates that end a chain. */
    roots: string[];
    /** Dotted object identifiers; any policy of the authority when absent. */
    policies?: string[];
  };
  anchor?: AnchorRule;
}

export interface AnchorRule {
  bucket: string;
  minRetentionDays?: number;
}

/** A policy file whose parts have been loaded and found to be what they say. */
export interface Policy {
  trust: Trust;
  demands: Partial<Demands>;
  witnesses: TlogPolicy | undefined;
  tsa: TsaTrust | undefined;
  anchor: AnchorRule | undefined;
}

export interface TsaTrust {
  roots: Uint8Array[];
  policies?: string[];
}

/** Judged by loadTrust. */
const anyKeys: Shape<TrustFile> = () => undefined;
const oid = text(/^[0-2](?:\.(?:0|[1-9]\d*))+$/, 'an object identifier');
const bucket = text(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'a bucket name');

const policyFile: Shape<PolicyFile> = closed<PolicyFile>({
  format: oneOf('waybill-policy/v1'),
  keys: anyKeys,
  require: {
    optional: closed<NonNullable<PolicyFile['require']>>({
      integrity: { optional: oneOf(...DEMANDABLE.integrity) },
      time: { optional: oneOf(...DEMANDABLE.time) },
      completeness: { optional: oneOf(...DEMANDABLE.completeness) },
      maxAgeMs: { optional: count },
    }),
  },
  witnesses: { optional: anyText },
  tsa: {
    optional: closed<NonNullable<PolicyFile['tsa']>>({
      roots: listOf(anyText, 1),
      policies: { optional: listOf(oid, 1) },
    }),
  },
  anchor: { optional: closed<AnchorRule>({ bucket, minRetentionDays: { optional: ordinal } }) },
});

/** Loads a policy that was parsed from JSON. Throws EvidenceError: the file is the auditor's, so that this is a usage error. */
export function loadPolicy(value: unknown): Policy {
  requireShape(policyFile, value, 'policy file');
  const { tsa } = value;
  const trust = loadTrust(value.keys);
  return {
    trust,
    demands: value.require ?? {},
    witnesses: value.witnesses === undefined ? undefined : readWitnesses(value.witnesses, trust),
    tsa: tsa && {
      roots: tsa.roots.map(readRoot),
      ...(tsa.policies === undefined ? {} : { policies: tsa.policies }),
    },
    anchor: value.anchor,
  };
}

/** A log that cosigns with its own key has not been seen by anybody else. */
function readWitnesses(text: string, { log }: Trust): TlogPolicy {
  const policy = parseTlogPolicy(text);
  for (const { name, key } of policy.witnesses) {
    const isOwn = log.some(({ publicKey }) => equalBytes(publicKey.spki, key.publicKey.spki));
    if (isOwn) throw new EvidenceError('POLICY', `witness ${name} has a key of the log: nobody witnesses themselves`);
  }
  return policy;
}

/** A root that cannot be read is found out before a token is held against it. */
function readRoot(base64: string, index: number): Uint8Array {
  const root = fromBase64(base64);
  readCertificate(root, `root ${index + 1} of the policy`);
  return root;
}
