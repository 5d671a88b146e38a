import type { DeploymentNames } from './deployment-names.ts';
import type { KeyArns, Statement } from './statement.ts';
import type { KeptSecret } from './waybill-props.ts';

export interface ServiceTrust {
  readonly service: string;
  /** Patterns of the ARN of the thing that acts in the role, one of which has to fit; the account is always ours. */
  readonly sourceArn: string | readonly string[];
}

/** Roles of this account that may assume the role, by name. */
export interface RoleTrust {
  readonly roles: readonly string[];
}

/** A thing by its ARN, and one of its versions or aliases by that with a qualifier: services say either. */
export function itsVersionsToo(arn: string): readonly string[] {
  return [arn, `${arn}:*`];
}

export interface RoleTable {
  /** Last part of its name; for a function, the function's. */
  readonly role: string;
  readonly trust: ServiceTrust | RoleTrust;
  readonly statements: readonly Statement[];
}

export interface RoleFacts {
  readonly names: DeploymentNames;
  readonly keys: KeyArns;
  readonly environments: readonly string[];
  /** What of the account blocks may be given. */
  readonly secrets: readonly KeptSecret[];
  /** Keys by which ends of runs are signed. */
  readonly callbackKeys: readonly KeptSecret[];
  /** ARNs of the models that attempts are given sessions with; there is a role for them where there are any. */
  readonly models: readonly string[];
  /** Repositories that the images are in, where they are in ECR. */
  readonly repositories: readonly string[];
  /** Condition that holds for requests from the workers' network to S3, and for no others. */
  readonly fromWorkers: Readonly<Record<string, string>>;
  /** The same of requests to models. */
  readonly toModels: Readonly<Record<string, string>>;
}
