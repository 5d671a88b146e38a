import { Tags } from 'aws-cdk-lib';
import { ManagedPolicy, PermissionsBoundary } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledgements.ts';
import { checkProps } from './check-props.ts';
import { type DeploymentNames, deploymentNames } from './deployment-names.ts';
import { LedgerStack } from './ledger-stack.ts';
import { declareOutputs } from './outputs.ts';
import type { RoleTable } from './role-table.ts';
import { RuntimeStack } from './runtime-stack.ts';
import { StateStack } from './state-stack.ts';
import { DEFAULT_NAME, type WaybillProps } from './waybill-props.ts';

/**
 * A deployment of Waybill: three stacks beside those of the app that it is used in. `ledger` keeps the evidence and the signing keys, `state` what
 * runs stand on, `runtime` all that can be made again. Throws WaybillPropsError, which names every property that is wrong.
 */
export class Waybill extends Construct {
  readonly names: DeploymentNames;
  readonly ledger: LedgerStack;
  readonly state: StateStack;
  readonly runtime: RuntimeStack;
  /** Every policy that is made, as data. */
  readonly tables: readonly RoleTable[];

  constructor(scope: Construct, id: string, settings: WaybillProps) {
    super(scope, id);
    checkProps(settings);
    const { env } = settings;
    const name = settings.name ?? DEFAULT_NAME;
    this.names = deploymentNames({ name, ...env });
    const common = { names: this.names, settings, env: { ...env } };
    this.ledger = new LedgerStack(this, 'Ledger', {
      ...common,
      stackName: `${name}-ledger`,
      description: `Waybill ${name}: evidence and signing keys`,
    });
    this.state = new StateStack(this, 'State', {
      ...common,
      stackName: `${name}-state`,
      description: `Waybill ${name}: inbox, artifacts, table`,
    });
    this.state.addStackDependency(this.ledger, 'access logs are kept there');
    this.runtime = new RuntimeStack(this, 'Runtime', {
      ...common,
      stackName: `${name}-runtime`,
      description: `Waybill ${name}: functions, machines, workers`,
      ledger: this.ledger,
      state: this.state,
    });
    declareOutputs(this, settings);
    const people = Object.entries(this.runtime.people).map(([role, statements]) => {
      return { role, trust: { roles: [] }, statements };
    });
    this.tables = [...this.runtime.roleTables, ...people];
    acknowledge(this, this.tables);
    if (settings.permissionsBoundary !== undefined) {
      PermissionsBoundary.of(this).apply(
        ManagedPolicy.fromManagedPolicyArn(this, 'Boundary', settings.permissionsBoundary),
      );
    }
    for (const [key, value] of Object.entries({ 'waybill:deployment': name, ...settings.tags }))
      Tags.of(this).add(key, value);
  }
}
