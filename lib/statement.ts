/** One statement of a policy that allows something. Nothing else in the app grants anything. */
export interface Statement {
  readonly sid: string;
  /** Never a wildcard. */
  readonly actions: readonly string[];
  /** ARNs, or patterns of ARNs together with `why`. */
  readonly resources: readonly string[];
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
  /** Why a resource is a pattern. */
  readonly why?: string;
}

/** ARNs of keys, which only a deployed stack knows. */
export interface KeyArns {
  readonly data: string;
  readonly state: string;
  readonly pseudonym: string;
  readonly attest: readonly string[];
  readonly log: readonly string[];
}
