/**
 * The way from the signer's certificate to a root that the auditor trusts: RFC 5280 without what time stamping has no
 * use for. Names are compared byte by byte, every certificate of an authority counts against a path length,
 * restrictions that are not understood refuse the certificate that has them, and nobody is asked about revocation.
 */
import { verifySignature } from '#crypto';
import { equalBytes } from '../crypto/bytes.ts';
import { algorithmName, signatureOf } from './algorithms.ts';
import { type Certificate, KEY_USAGE } from './certificate.ts';
import { printable, readDer, TAG } from './der.ts';
import { requireStamp, type TimestampCheckId, TimestampError } from './timestamp-error.ts';

export const TIME_STAMPING = '1.3.6.1.5.5.7.3.8';
const ANY_PURPOSE = '2.5.29.37.0';
const MAX_PATH = 8;
/** Certificates tried as issuers in all: a bound on the work that names and keys made to mislead can cause. */
const MAX_TRIALS = 64;

/** One certificate on the path. */
export interface PathStep {
  certificate: Certificate;
  /** What it issued; undefined for the signer's. */
  issued: Certificate | undefined;
  /** Certificates of authorities between it and the signer's. */
  authoritiesBelow: number;
  isRoot: boolean;
  genTimeMs: number;
}

export interface PathCheck {
  id: TimestampCheckId;
  claim: string;
  judge(step: PathStep): void | Promise<void>;
}

export const PATH_CHECKS: readonly PathCheck[] = [
  {
    id: 'validity',
    claim: 'Every certificate on the path to the root was valid at genTime.',
    judge({ certificate, genTimeMs }) {
      const { notBeforeMs, notAfterMs } = certificate;
      const isValid = notBeforeMs <= genTimeMs && genTimeMs <= notAfterMs;
      const window = `${new Date(notBeforeMs).toISOString()} to ${new Date(notAfterMs).toISOString()}`;
      const name = nameText(certificate.subject);
      requireStamp('validity', isValid, `the certificate of ${name} is valid from ${window}, not at genTime`);
    },
  },
  {
    id: 'extensions',
    claim: 'None of them has a critical extension, or a restriction, that is not understood.',
    judge({ certificate: { notUnderstood, subject } }) {
      const problem = `the certificate of ${nameText(subject)} has the extension ${notUnderstood[0]}, which is not understood`;
      requireStamp('extensions', notUnderstood.length === 0, problem);
    },
  },
  {
    id: 'issuer-is-authority',
    claim: 'Whoever issued one of them is a certification authority by basicConstraints.',
    judge({ certificate, issued }) {
      const holds = issued === undefined || certificate.isCa;
      requireStamp(
        'issuer-is-authority',
        holds,
        `${nameText(certificate.subject)} issued a certificate and is no authority`,
      );
    },
  },
  {
    id: 'issuer-path-length',
    claim: 'No path is longer than pathLenConstraint allows.',
    judge({ certificate: { pathLength, subject }, issued, authoritiesBelow }) {
      const holds = issued === undefined || pathLength === null || authoritiesBelow <= pathLength;
      const problem = `below ${nameText(subject)} stand ${authoritiesBelow} authorities, its certificate allows ${pathLength}`;
      requireStamp('issuer-path-length', holds, problem);
    },
  },
  {
    id: 'issuer-key-usage',
    claim: 'keyUsage of an issuer, where there is one, allows signing certificates.',
    judge({ certificate: { keyUsage, subject }, issued }) {
      const holds = issued === undefined || keyUsage === null || (keyUsage & KEY_USAGE.keyCertSign) !== 0;
      requireStamp('issuer-key-usage', holds, `keyUsage of ${nameText(subject)} does not allow signing certificates`);
    },
  },
  {
    id: 'issuer-purpose',
    claim: 'extKeyUsage of an authority below the root, where there is one, allows time stamping.',
    judge({ certificate: { purposes, subject }, issued, isRoot }) {
      const allows = purposes === null || purposes.oids.some((oid) => oid === TIME_STAMPING || oid === ANY_PURPOSE);
      const holds = issued === undefined || isRoot || allows;
      requireStamp('issuer-purpose', holds, `extKeyUsage of ${nameText(subject)} does not allow time stamping`);
    },
  },
  {
    id: 'issuer-signature',
    claim: 'Every certificate below the root is signed with the key of its issuer, over SHA-256, 384 or 512.',
    async judge({ certificate, issued }) {
      if (issued === undefined) return;
      const algorithm = signatureOf(issued.signatureAlgorithm, certificate.key);
      const [name, issuer] = [nameText(issued.subject), nameText(certificate.subject)];
      if (algorithm === undefined) {
        const used = algorithmName(issued.signatureAlgorithm);
        throw new TimestampError(
          'issuer-signature',
          `the certificate of ${name} is signed with ${used}, not supported here`,
        );
      }
      const holds = await verifySignature(algorithm, certificate.key, issued.signed, issued.signature);
      requireStamp('issuer-signature', holds, `the certificate of ${name} is not signed by ${issuer}`);
    },
  },
];

export interface PathSearch {
  /** From the signer's certificate on; to a root, or as far as it was found. */
  path: readonly Certificate[];
  /** Why it does not end in a root. */
  problem: TimestampError | undefined;
}

export interface PathMaterial {
  /** What the token and the auditor supply, in this order; not trusted. */
  certificates: readonly Certificate[];
  roots: readonly Certificate[];
  genTimeMs: number;
}

export async function findPath(
  checks: readonly PathCheck[],
  signer: Certificate,
  material: PathMaterial,
): Promise<PathSearch> {
  return new Search(checks, material).through(signer, []);
}

class Search {
  readonly #checks: readonly PathCheck[];
  readonly #material: PathMaterial;
  #trials = 0;

  constructor(checks: readonly PathCheck[], material: PathMaterial) {
    this.#checks = checks;
    this.#material = material;
  }

  /** The path that goes on with this certificate, which issued the last one of it. */
  async through(issuer: Certificate, path: readonly Certificate[]): Promise<PathSearch> {
    try {
      await this.#judge(issuer, path);
    } catch (error) {
      if (!(error instanceof TimestampError)) throw error;
      return { path: path.length === 0 ? [issuer] : path, problem: error };
    }
    return this.#extend([...path, issuer]);
  }

  async #judge(certificate: Certificate, below: readonly Certificate[]): Promise<void> {
    const step: PathStep = {
      certificate,
      issued: below.at(-1),
      authoritiesBelow: Math.max(0, below.length - 1),
      isRoot: this.#isRoot(certificate),
      genTimeMs: this.#material.genTimeMs,
    };
    for (const check of this.#checks) await check.judge(step);
  }

  /** Tries every certificate that has the name of the issuer, roots first; the first reason met is the one that is given. */
  async #extend(path: readonly Certificate[]): Promise<PathSearch> {
    const last = path.at(-1) as Certificate;
    if (this.#isRoot(last)) return { path, problem: undefined };
    const { roots, certificates } = this.#material;
    const issuers = [...roots, ...certificates].filter(
      ({ subject, der }) => equalBytes(subject, last.issuer) && !path.some((each) => equalBytes(each.der, der)),
    );
    let best: PathSearch | undefined;
    for (const issuer of issuers) {
      this.#trials++;
      if (this.#trials > MAX_TRIALS || path.length >= MAX_PATH) break;
      const found = await this.through(issuer, path);
      if (found.problem === undefined) return found;
      best ??= found;
    }
    const name = nameText(last.issuer);
    const problem = new TimestampError(
      'trusted-root',
      `no certificate of ${name} leads to a root that the auditor trusts`,
    );
    return best ?? { path, problem };
  }

  #isRoot({ der }: Certificate): boolean {
    return this.#material.roots.some((root) => equalBytes(root.der, der));
  }
}

/** The texts of a name, for the reasons of refusals. */
export function nameText(name: Uint8Array): string {
  const texts = readDer(name, 'a name').children.flatMap(({ children }) =>
    children.flatMap((attribute) => attribute.children.filter(({ tag }) => tag !== TAG.objectId)),
  );
  const shown = texts.slice(0, 8).map(({ content }) => printable(content));
  return `"${shown.join(', ')}"`;
}
