import { Stack } from 'aws-cdk-lib';
import { ArnPrincipal, ManagedPolicy, type PrincipalBase, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { DeploymentNames } from './deployment-names.ts';
import { policyStatements } from './policy-statements.ts';
import type { RoleTable } from './role-table.ts';

/** Makes the roles of the table, each with one customer-managed policy. What it hands out cannot be added to. */
export class ListedRoles extends Construct {
  readonly #roles = new Map<string, Role>();
  readonly #policies = new Map<string, ManagedPolicy>();

  constructor(scope: Construct, id: string, names: DeploymentNames, tables: readonly RoleTable[]) {
    super(scope, id);
    for (const table of tables) {
      const policy = new ManagedPolicy(this, `${table.role}-policy`, {
        managedPolicyName: names.role(table.role),
        description: `Waybill ${names.name}: everything that ${table.role} may do`,
        statements: policyStatements(table.statements),
      });
      const role = new Role(this, table.role, {
        roleName: names.role(table.role),
        description: `Waybill ${names.name}: ${table.role}`,
        assumedBy: trusted(names, table),
        managedPolicies: [policy],
      });
      this.#roles.set(table.role, role);
      this.#policies.set(table.role, policy);
    }
  }

  /** @throws TypeError when the table has no such role */
  role(name: string): Role {
    return this.#known(this.#roles.get(name), name);
  }

  /** @throws TypeError when the table has no such role */
  policy(name: string): ManagedPolicy {
    return this.#known(this.#policies.get(name), name);
  }

  #known<Known>(found: Known | undefined, name: string): Known {
    if (found === undefined) throw new TypeError(`${Stack.of(this).stackName} has no role ${name}`);
    return found;
  }
}

function trusted(names: DeploymentNames, { trust }: RoleTable): PrincipalBase {
  if ('service' in trust) {
    return new ServicePrincipal(trust.service, {
      conditions: {
        StringEquals: { 'aws:SourceAccount': names.account },
        ArnLike: { 'aws:SourceArn': trust.sourceArn },
      },
    });
  }
  // IAM refuses a role as a principal that is not there yet; a condition on the account's principals says the same.
  const roles = trust.roles.map((role) => `arn:${names.partition}:iam::${names.account}:role/${role}`);
  return new ArnPrincipal(names.arn.root).withConditions({
    ArnEquals: { 'aws:PrincipalArn': roles },
  }) as unknown as PrincipalBase;
}
