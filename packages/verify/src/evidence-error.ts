/**
 * Why evidence was refused before its meaning could be judged. The set is closed: a program may switch over it,
 * and every code leads to the verdict `malformed`.
 */
export type EvidenceErrorCode =
  | 'JSON_SYNTAX'
  | 'JSON_VALUE'
  | 'JSON_LIMIT'
  | 'JSON_NOT_CANONICAL'
  | 'SHAPE'
  | 'BASE64'
  | 'NOTE'
  | 'CHECKPOINT'
  | 'LOG_PROOF'
  | 'TILE'
  | 'TREE'
  | 'ENVELOPE'
  | 'KEYS'
  | 'POLICY'
  | 'STATE'
  | 'ANCHOR'
  | 'CONTAINER'
  | 'TIMESTAMP'
  | 'LIMIT';

export class EvidenceError extends Error {
  override readonly name = 'EvidenceError';
  readonly code: EvidenceErrorCode;

  constructor(code: EvidenceErrorCode, problem: string) {
    super(problem);
    this.code = code;
  }
}
