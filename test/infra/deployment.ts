/** The example deployment, synthesized once for all tests that only look at it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Waybill } from '../../lib/waybill.ts';
import type { WaybillProps } from '../../lib/waybill-props.ts';

export const ROOT = join(import.meta.dirname, '..', '..');

export interface Resource {
  Type: string;
  Properties: Record<string, unknown>;
  DeletionPolicy?: string;
  UpdateReplacePolicy?: string;
  DependsOn?: string[];
}

/** A template as CloudFormation gets it. */
export interface Template {
  Resources: Record<string, Resource>;
  Outputs?: Record<string, unknown>;
}

export const STACKS = ['ledger', 'state', 'runtime'] as const;
export type StackName = (typeof STACKS)[number];
export type Templates = Record<StackName, Template>;

export function exampleProps(): WaybillProps {
  return JSON.parse(readFileSync(join(ROOT, 'examples', 'deployment.json'), 'utf8')) as WaybillProps;
}

/** As it would be in production. */
export function productionProps(): WaybillProps {
  return { ...exampleProps(), mode: 'production', retention: { mode: 'COMPLIANCE', days: 400 } };
}

/** In an app without CDK's own validation, which takes seconds; the test of the command line has it. */
export function waybill(props: WaybillProps): Waybill {
  return new Waybill(new App({ builtinCloudFormationValidation: false }), 'Waybill', props);
}

export function templatesOf(deployment: Waybill): Templates {
  const app = deployment.node.root as App;
  const assembly = app.synth({ skipValidation: true });
  const of = (stack: StackName): Template => assembly.getStackByName(deployment[stack].stackName).template as Template;
  return { ledger: of('ledger'), state: of('state'), runtime: of('runtime') };
}

let production: Templates | undefined;

/** Of `productionProps`; nobody may change them. */
export function templates(): Templates {
  production ??= templatesOf(waybill(productionProps()));
  return production;
}

export interface Found {
  stack: StackName;
  id: string;
  type: string;
  properties: Record<string, unknown>;
  resource: Resource;
}

export function resources(of: Templates, type?: string): Found[] {
  return STACKS.flatMap((stack) =>
    Object.entries(of[stack].Resources)
      .filter(([, resource]) => type === undefined || resource.Type === type)
      .map(([id, resource]) => ({ stack, id, type: resource.Type, properties: resource.Properties ?? {}, resource })),
  );
}
