import { EvidenceError } from '../evidence-error.ts';

/** What a time stamp can be refused for. The set is closed; each has a page entry that says what it asks for. */
export type TimestampCheckId =
  | 'encoding'
  | 'status'
  | 'content'
  | 'one-signer'
  | 'digest-algorithm'
  | 'signed-attributes'
  | 'content-type-attribute'
  | 'message-digest-attribute'
  | 'signer-certificate'
  | 'certificate-attribute'
  | 'purpose'
  | 'key-usage'
  | 'signature'
  | 'info'
  | 'imprint'
  | 'policy'
  | 'nonce'
  | 'authority-name'
  | 'validity'
  | 'extensions'
  | 'issuer-is-authority'
  | 'issuer-path-length'
  | 'issuer-key-usage'
  | 'issuer-purpose'
  | 'issuer-signature'
  | 'trusted-root'
  | 'leftovers';

/** An EvidenceError that also says which check refused the time stamp. */
export class TimestampError extends EvidenceError {
  readonly check: TimestampCheckId;

  constructor(check: TimestampCheckId, problem: string) {
    super('TIMESTAMP', problem);
    this.check = check;
  }
}

/** Throws TimestampError unless `holds`. */
export function requireStamp(check: TimestampCheckId, holds: boolean, problem: string): asserts holds {
  if (!holds) throw new TimestampError(check, problem);
}
