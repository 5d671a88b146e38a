/**
 * A token that was read, with what it is held against. What costs or can fail is read when a check first asks for it,
 * so that the reason of a refusal is the first thing that is wrong and not the first thing that is read.
 */
import { equalBytes } from '../crypto/bytes.ts';
import { EvidenceError } from '../evidence-error.ts';
import { type Certificate, readCertificate } from './certificate.ts';
import { findPath, nameText, type PathCheck, type PathSearch } from './certificate-path.ts';
import type { DerRules } from './der.ts';
import { TimestampError } from './timestamp-error.ts';
import { readResponse, type SignedData, type SignerInfo, type TimestampStatus } from './timestamp-response.ts';
import { readTstInfo, type TstInfo } from './tst-info.ts';

export interface TimestampInput {
  /** TimeStampResp in DER. */
  tsr: Uint8Array;
  /** What it has to be over. */
  message: Uint8Array;
  /** Certificates in DER that the auditor trusts to issue for time stamping; one may be the authority's own. */
  roots: readonly Uint8Array[];
  /** Certificates in DER that fill gaps: a token need not carry its signer's, or those between it and the root. */
  certificates?: readonly Uint8Array[];
  /** Object identifiers of policies that are accepted; all when absent. */
  policies?: readonly string[];
  /** What the request asked for, big-endian; only who asked can know. */
  nonce?: Uint8Array;
}

/** What is wrong with the auditor's own material is never blamed on the evidence. */
function readSupplied(certificates: readonly Uint8Array[], what: string): Certificate[] {
  return certificates.map((der, n) => {
    try {
      return readCertificate(der, `${what} ${n + 1} for time stamps`);
    } catch (error) {
      throw error instanceof TimestampError ? new EvidenceError('POLICY', error.message) : error;
    }
  });
}

export class Stamp {
  readonly status: TimestampStatus;
  readonly token: SignedData;
  readonly message: Uint8Array;
  readonly policies: readonly string[] | undefined;
  readonly nonce: Uint8Array | undefined;
  /** What the auditor supplied, roots first. */
  readonly supplied: readonly Certificate[];
  readonly #roots: readonly Certificate[];
  readonly #pathChecks: readonly PathCheck[];
  readonly #rules: DerRules;
  #info: TstInfo | undefined;
  #search: Promise<PathSearch> | undefined;

  /** Throws EvidenceError: `TIMESTAMP` for the token, `POLICY` for a certificate that the auditor supplied. */
  constructor(input: TimestampInput, pathChecks: readonly PathCheck[], rules: DerRules) {
    this.#roots = readSupplied(input.roots, 'root');
    this.supplied = [...this.#roots, ...readSupplied(input.certificates ?? [], 'certificate')];
    const { status, token } = readResponse(input.tsr, rules);
    this.status = status;
    this.token = token;
    this.message = input.message;
    this.policies = input.policies;
    this.nonce = input.nonce;
    this.#pathChecks = pathChecks;
    this.#rules = rules;
  }

  /** The first signer; that there is no other is a check. */
  get signer(): SignerInfo {
    const [first] = this.token.signers;
    if (first === undefined) throw new TimestampError('one-signer', 'the token has no signer');
    return first;
  }

  /** The certificate that the signer names, from the token or from what the auditor supplied. */
  get certificate(): Certificate {
    const { issuer, serial } = this.signer;
    const named = [...this.token.certificates, ...this.supplied].find(
      (each) => equalBytes(each.issuer, issuer) && equalBytes(each.serial, serial),
    );
    if (named !== undefined) return named;
    const problem = `the signer's certificate, issued by ${nameText(issuer)}, is neither in the token nor supplied`;
    throw new TimestampError('signer-certificate', problem);
  }

  get info(): TstInfo {
    this.#info ??= readTstInfo(this.token.content, this.#rules);
    return this.#info;
  }

  /** The path from the signer's certificate to a root. */
  search(): Promise<PathSearch> {
    this.#search ??= findPath(this.#pathChecks, this.certificate, {
      certificates: [...this.token.certificates, ...this.supplied],
      roots: this.#roots,
      genTimeMs: this.info.genTimeMs,
    });
    return this.#search;
  }
}
