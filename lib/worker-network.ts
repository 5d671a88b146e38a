/** The workers' network: no way out but the endpoints, and endpoints that open nothing but what a task needs. */
import {
  type CfnFlowLog,
  type GatewayVpcEndpoint,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpoint,
  InterfaceVpcEndpointAwsService,
  type IPeer,
  IpAddresses,
  type ISubnet,
  type IVpc,
  Peer,
  Port,
  SecurityGroup,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { AnyPrincipal, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { MODEL_ACTION } from '#core/model-action.ts';
import { modelArnsOf } from './check-models.ts';
import type { DeploymentNames } from './deployment-names.ts';
import { flowLog, onlyTheseNames } from './network-watch.ts';
import { CHANNEL } from './statements-on-secrets.ts';
import type { OwnNetwork, WaybillProps } from './waybill-props.ts';

export interface WorkerNetworkProps {
  readonly names: DeploymentNames;
  readonly settings: WaybillProps;
  readonly key: IKey;
  readonly logDays: number;
}

/** Interface endpoints that a task needs to start and to log; it talks to nothing but S3 after that. */
const INTERFACES = {
  EcrApi: InterfaceVpcEndpointAwsService.ECR,
  EcrDocker: InterfaceVpcEndpointAwsService.ECR_DOCKER,
  Logs: InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
} as const;

export class WorkerNetwork extends Construct {
  readonly vpc: IVpc;
  readonly subnets: ISubnet[];
  readonly securityGroup: SecurityGroup;
  /** Of our own network; a network of the customer has theirs. */
  readonly flowLog: CfnFlowLog | undefined;
  /** Holds for requests that came through this network to S3, and for no others. */
  readonly fromWorkers: Readonly<Record<string, string>>;
  /** The same of requests to models; says nothing where there are none. */
  readonly toModels: Readonly<Record<string, string>>;

  constructor(scope: Construct, id: string, { names, settings, key, logDays }: WorkerNetworkProps) {
    super(scope, id);
    const own = settings.network === undefined ? isolatedVpc(this, settings) : undefined;
    this.vpc = own ?? (settings.network as { vpc: IVpc }).vpc;
    const chosen = settings.network?.subnets ?? { subnetType: SubnetType.PRIVATE_ISOLATED };
    this.subnets = this.vpc.selectSubnets(chosen).subnets;
    this.securityGroup = new SecurityGroup(this, 'Tasks', {
      vpc: this.vpc,
      description: `Waybill ${names.name}: workers`,
      allowAllOutbound: false,
    });
    this.securityGroup.addEgressRule(Peer.prefixList(settings.s3PrefixListId), Port.tcp(443), 'S3 through its gateway');
    if (own === undefined) {
      for (const peer of peersOf(settings.network as OwnNetwork))
        this.securityGroup.addEgressRule(peer, Port.tcp(443), 'endpoints of the VPC');
      this.fromWorkers = { 'aws:SourceVpc': this.vpc.vpcId };
      this.toModels = this.fromWorkers;
      return;
    }
    this.fromWorkers = { 'aws:SourceVpce': s3Endpoint(own, names).vpcEndpointId };
    const models = modelArnsOf(settings);
    const toModels = this.#addInterfaces(own, names, models);
    this.toModels = toModels === undefined ? {} : { 'aws:SourceVpce': toModels.vpcEndpointId };
    onlyTheseNames(this, own, names, models.length > 0 ? ['bedrock-runtime'] : []);
    this.flowLog = flowLog(this, own, { names, key, logDays });
  }

  /** @returns the one that leads to models, where there are any */
  #addInterfaces(vpc: Vpc, names: DeploymentNames, models: readonly string[]): InterfaceVpcEndpoint | undefined {
    const endpoints = new SecurityGroup(this, 'Endpoints', {
      vpc,
      description: `Waybill ${names.name}: endpoints of the workers`,
      allowAllOutbound: false,
    });
    const open = (
      id: string,
      service: InterfaceVpcEndpointAwsService,
      policy: PolicyStatement,
    ): InterfaceVpcEndpoint => {
      const endpoint = new InterfaceVpcEndpoint(this, id, {
        vpc,
        service,
        subnets: { subnets: this.subnets },
        securityGroups: [endpoints],
        privateDnsEnabled: true,
        open: false,
      });
      endpoint.addToPolicy(policy);
      return endpoint;
    };
    for (const [id, service] of Object.entries(INTERFACES)) open(id, service, ofTheExecutionRole(names));
    const toModels =
      models.length === 0
        ? undefined
        : open('Models', InterfaceVpcEndpointAwsService.BEDROCK_RUNTIME, ofSessions(names, models));
    endpoints.addIngressRule(this.securityGroup, Port.tcp(443), 'workers');
    this.securityGroup.addEgressRule(endpoints, Port.tcp(443), 'endpoints');
    return toModels;
  }
}

/** What a task needs beside S3 to start and to log. */
function peersOf({ vpc, endpointSecurityGroups = [], reachWholeVpc }: OwnNetwork): IPeer[] {
  if (reachWholeVpc === true) return [Peer.ipv4(vpc.vpcCidrBlock)];
  return endpointSecurityGroups.map((id) => Peer.securityGroupId(id));
}

function isolatedVpc(scope: Construct, { availabilityZones }: WaybillProps): Vpc {
  return new Vpc(scope, 'Vpc', {
    ipAddresses: IpAddresses.cidr('10.64.0.0/16'),
    availabilityZones: [...(availabilityZones ?? [])],
    natGateways: 0,
    createInternetGateway: false,
    // CDK would close it with a custom resource; the rule that it exists for is acknowledged, and nothing uses that group.
    restrictDefaultSecurityGroup: false,
    subnetConfiguration: [{ name: 'workers', subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 20 }],
  });
}

/** Without the bucket of ECR's layers every task fails to start, and no test bed shows it. */
function s3Endpoint(vpc: Vpc, { arn, region, partition }: DeploymentNames): GatewayVpcEndpoint {
  const endpoint = vpc.addGatewayEndpoint('S3', { service: GatewayVpcEndpointAwsService.S3 });
  endpoint.addToPolicy(
    new PolicyStatement({
      sid: 'Mailboxes',
      principals: [new AnyPrincipal()],
      actions: ['s3:GetObject', 's3:PutObject'],
      resources: [arn.objects('staging', '*')],
      conditions: { ArnEquals: { 'aws:PrincipalArn': arn.role('mailbox') } },
    }),
  );
  endpoint.addToPolicy(
    new PolicyStatement({
      sid: 'Channels',
      principals: [new AnyPrincipal()],
      actions: ['s3:DeleteObject'],
      resources: CHANNEL.map((keyPattern) => arn.objects('staging', keyPattern)),
      conditions: { ArnEquals: { 'aws:PrincipalArn': arn.role('mailbox') } },
    }),
  );
  endpoint.addToPolicy(
    new PolicyStatement({
      sid: 'Inputs',
      principals: [new AnyPrincipal()],
      actions: ['s3:GetObject'],
      resources: [arn.objects('artifacts', 'sha256/*')],
      conditions: { ArnEquals: { 'aws:PrincipalArn': arn.role('mailbox') } },
    }),
  );
  endpoint.addToPolicy(
    new PolicyStatement({
      sid: 'ImageLayers',
      principals: [new AnyPrincipal()],
      actions: ['s3:GetObject'],
      resources: [`arn:${partition}:s3:::prod-${region}-starport-layer-bucket/*`],
    }),
  );
  return endpoint;
}

function ofTheExecutionRole({ arn }: DeploymentNames): PolicyStatement {
  return new PolicyStatement({
    sid: 'TheAgentAlone',
    principals: [new AnyPrincipal()],
    actions: [
      'ecr:GetAuthorizationToken',
      'ecr:BatchCheckLayerAvailability',
      'ecr:GetDownloadUrlForLayer',
      'ecr:BatchGetImage',
      'logs:CreateLogStream',
      'logs:PutLogEvents',
    ],
    resources: ['*'],
    conditions: { ArnEquals: { 'aws:PrincipalArn': arn.role('worker-execution') } },
  });
}

/** Who has other credentials of Bedrock gets no further with them. */
function ofSessions({ arn }: DeploymentNames, models: readonly string[]): PolicyStatement {
  return new PolicyStatement({
    sid: 'SessionsAlone',
    principals: [new AnyPrincipal()],
    actions: [MODEL_ACTION],
    resources: [...models],
    conditions: { ArnEquals: { 'aws:PrincipalArn': arn.role('models') } },
  });
}
