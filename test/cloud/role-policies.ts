/** The policies of a deployment's roles as they were synthesized, and which statement lets a call pass. */
import type { Template } from './bed-assembly.ts';
import type { Asked } from './recorded-actions.ts';

export interface PolicyStatement {
  sid: string;
  actions: readonly string[];
  resources: readonly string[];
}

/** `*` and `?` as IAM reads them. */
export function matches(pattern: string, text: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(text);
}

interface Synthesized {
  Sid?: string;
  Effect: string;
  Action: string | string[];
  Resource: unknown;
}

/**
 * Every Allow statement of every managed policy, by the policy's name, which is that of its role.
 *
 * @param resolve what a reference of a template came to be in the deployment; text is as it is
 * @throws TypeError for what would have to be read by hand: statements that deny, and policies without a name
 */
export function policiesOf(
  templates: Iterable<Template>,
  resolve: (reference: unknown) => string,
): Map<string, PolicyStatement[]> {
  const found = new Map<string, PolicyStatement[]>();
  for (const { Resources } of templates) {
    for (const [id, { Type, Properties = {} }] of Object.entries(Resources)) {
      if (Type === 'AWS::IAM::Policy' || (Type === 'AWS::IAM::Role' && Properties.Policies !== undefined)) {
        throw new TypeError(`${id} grants something outside of the table of roles`);
      }
      if (Type !== 'AWS::IAM::ManagedPolicy') continue;
      const { Statement } = Properties.PolicyDocument as { Statement: Synthesized[] };
      found.set(
        String(Properties.ManagedPolicyName),
        Statement.map(({ Sid = '', Effect, Action, Resource }) => {
          if (Effect !== 'Allow') throw new TypeError(`${Sid} of ${id} is no Allow: read it by hand`);
          return { sid: Sid, actions: [Action].flat(), resources: [Resource].flat().map(resolve) };
        }),
      );
    }
  }
  return found;
}

/** @returns the statement that lets it pass, without its conditions: those the emulator has judged when it answered */
export function allowing(
  statements: readonly PolicyStatement[],
  { action, resource }: Asked,
): PolicyStatement | undefined {
  return statements.find(
    ({ actions, resources }) =>
      actions.some((one) => matches(one.toLowerCase(), action.toLowerCase())) &&
      resources.some((one) => matches(one, resource)),
  );
}

export interface Judged {
  /** `role sid action` of everything granted. */
  granted: string[];
  /** `role: action on resource`, for calls that no statement lets pass. */
  denied: string[];
  /** `role sid action` of everything granted that no call used. */
  unused: string[];
}

/** Holds calls against policies and policies against calls. */
export function judge(
  policies: ReadonlyMap<string, readonly PolicyStatement[]>,
  calls: Iterable<{ role: string; asked: Asked }>,
): Judged {
  const denied = new Set<string>();
  const used = new Set<string>();
  for (const { role, asked } of calls) {
    const statement = allowing(policies.get(role) ?? [], asked);
    if (statement === undefined) denied.add(`${role}: ${asked.action} on ${asked.resource}`);
    else used.add(`${role} ${statement.sid} ${asked.action}`);
  }
  const granted = [...policies].flatMap(([role, statements]) =>
    statements.flatMap(({ sid, actions }) => actions.map((action) => `${role} ${sid} ${action}`)),
  );
  return { granted, denied: [...denied].sort(), unused: granted.filter((one) => !used.has(one)).sort() };
}
