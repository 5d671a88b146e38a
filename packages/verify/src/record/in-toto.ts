/** The frame of every signed statement: in-toto Statement v1. */
import { hex64 } from '../json/scalars.ts';
import { closed, listOf, oneOf, type Shape } from '../json/shape.ts';

export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';

/** SHA-256 as in-toto writes it, the hex digits alone. */
export interface DigestSet {
  sha256: string;
}

/** Something that a statement is about or refers to. */
export interface NamedDigest {
  name: string;
  digest: DigestSet;
}

export interface Statement<Type extends string, Predicate> {
  _type: typeof STATEMENT_TYPE;
  subject: NamedDigest[];
  predicateType: Type;
  predicate: Predicate;
}

export function namedDigest(name: Shape<string>): Shape<NamedDigest> {
  return closed<NamedDigest>({ name, digest: closed<DigestSet>({ sha256: hex64 }) });
}

/** A statement with at least one subject; `most` bounds their number. */
export function statementShape<Type extends string, P>(
  type: Type,
  subjectName: Shape<string>,
  predicate: Shape<P>,
  most: number = Number.MAX_SAFE_INTEGER,
): Shape<Statement<Type, P>> {
  const subjects = listOf(namedDigest(subjectName), 1);
  const shape = closed<Record<'_type' | 'subject' | 'predicateType' | 'predicate', unknown>>({
    _type: oneOf(STATEMENT_TYPE),
    subject: (value) =>
      subjects(value) ?? ((value as unknown[]).length > most ? ` holds more than ${most}` : undefined),
    predicateType: oneOf(type),
    predicate,
  });
  return shape as Shape<never>;
}
