/** Holds what was done in a deployment against what its roles may do, both ways. */
import type { GrantedAndUsed } from './granted-and-used.ts';
import { judge, matches } from './role-policies.ts';
import type { UnusedGrant } from './unused-grants.ts';

export interface Verdict {
  /** Calls that no statement lets pass. */
  denied: string[];
  /** Granted, not used, and not on the list. */
  idle: string[];
  /** Lines of the list that say of nothing granted that it is not used. */
  stale: string[];
}

/** @param prefix of the names of roles: the list has their last part */
export function verdictOn(
  { policies, made, derived }: GrantedAndUsed,
  { list, prefix }: { list: readonly UnusedGrant[]; prefix: string },
): Verdict {
  const { denied, unused, granted } = judge(policies, [...made, ...derived]);
  const lines = list.flatMap(({ roles, sid, actions, sometimes }) =>
    actions.map((action) => ({ pattern: `${prefix}${roles} ${sid} ${action}`, among: sometimes ? granted : unused })),
  );
  return {
    denied,
    idle: unused.filter((grant) => !lines.some(({ pattern }) => matches(pattern, grant))),
    stale: lines
      .filter(({ pattern, among }) => !among.some((grant) => matches(pattern, grant)))
      .map(({ pattern }) => pattern),
  };
}
