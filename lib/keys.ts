/** The KMS keys and who may use them. Key policies name roles by ARN condition: a role that is not there yet cannot be named as a principal. */
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Alias, Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import type { DeploymentNames } from './deployment-names.ts';
import { rolesThat, STAND_IN_KEYS } from './roles.ts';

export interface KeyLife {
  /** Keys outlive their stack: what they encrypted or signed does. */
  readonly retain: boolean;
}

function keyLife({ retain }: KeyLife): { removalPolicy: RemovalPolicy; pendingWindow: Duration } {
  return retain
    ? { removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE, pendingWindow: Duration.days(30) }
    : { removalPolicy: RemovalPolicy.DESTROY, pendingWindow: Duration.days(7) };
}

/** ARNs of the roles that sign anything. */
export function signersOf(names: DeploymentNames): string[] {
  return [...new Set([...signing('attest', names), ...signing('log', names)])];
}

function signing(use: 'attest' | 'log', names: DeploymentNames): string[] {
  return rolesThat('kms:Sign', use === 'attest' ? STAND_IN_KEYS.attest[0] : STAND_IN_KEYS.log[0], names);
}

export interface SigningKeyProps extends KeyLife {
  readonly names: DeploymentNames;
  readonly use: 'attest' | 'log';
  /** Oldest is 1. */
  readonly ordinal: number;
}

export function signingKey(scope: Construct, { names, use, ordinal, ...life }: SigningKeyProps): Key {
  const key = new Key(scope, `${use === 'attest' ? 'Attest' : 'Log'}Key${ordinal}`, {
    description: `Waybill ${names.name}: signs ${use === 'attest' ? 'statements about attempts' : 'the log'} (${ordinal})`,
    keySpec: use === 'attest' ? KeySpec.ECC_NIST_P256 : KeySpec.ECC_NIST_EDWARDS25519,
    keyUsage: KeyUsage.SIGN_VERIFY,
    ...keyLife(life),
  });
  new Alias(scope, `${key.node.id}Alias`, { aliasName: `alias/${names.name}/${use}-${ordinal}`, targetKey: key });
  key.addToResourcePolicy(denyAllBut('SignedByItsSignersAlone', ['kms:Sign'], signing(use, names)));
  return key;
}

export function pseudonymKey(scope: Construct, names: DeploymentNames, life: KeyLife): Key {
  const key = new Key(scope, 'PseudonymKey', {
    description: `Waybill ${names.name}: makes pseudonyms of principals`,
    keySpec: KeySpec.HMAC_256,
    keyUsage: KeyUsage.GENERATE_VERIFY_MAC,
    ...keyLife(life),
  });
  new Alias(scope, 'PseudonymKeyAlias', { aliasName: `alias/${names.name}/pseudonym`, targetKey: key });
  const users = rolesThat('kms:GenerateMac', STAND_IN_KEYS.pseudonym, names);
  key.addToResourcePolicy(denyAllBut('UsedByTheFlowAlone', ['kms:GenerateMac', 'kms:VerifyMac'], users));
  return key;
}

/** Of artifacts and staging. */
export function dataKey(scope: Construct, names: DeploymentNames, life: KeyLife): Key {
  const key = new Key(scope, 'DataKey', {
    description: `Waybill ${names.name}: artifacts and staging`,
    enableKeyRotation: true,
    ...keyLife(life),
  });
  new Alias(scope, 'DataKeyAlias', { aliasName: `alias/${names.name}/data`, targetKey: key });
  return key;
}

/** Of the table, the log groups and the topic of alarms. */
export function stateKey(scope: Construct, names: DeploymentNames, life: KeyLife): Key {
  const { arn, account, region } = names;
  const key = new Key(scope, 'StateKey', {
    description: `Waybill ${names.name}: table, logs, alarms`,
    enableKeyRotation: true,
    ...keyLife(life),
  });
  new Alias(scope, 'StateKeyAlias', { aliasName: `alias/${names.name}/state`, targetKey: key });
  // Without it the first log group fails to be made: CloudWatch Logs acts in its own name.
  key.addToResourcePolicy(
    new PolicyStatement({
      sid: 'LogGroups',
      principals: [new ServicePrincipal(`logs.${region}.amazonaws.com`)],
      actions: [
        'kms:Encrypt',
        'kms:Decrypt',
        'kms:ReEncryptFrom',
        'kms:ReEncryptTo',
        'kms:GenerateDataKey',
        'kms:DescribeKey',
      ],
      resources: ['*'],
      conditions: {
        ArnLike: { 'kms:EncryptionContext:aws:logs:arn': [arn.logGroup('*'), arn.machineLogGroup('*')] },
      },
    }),
  );
  key.addToResourcePolicy(
    new PolicyStatement({
      sid: 'AlarmTopic',
      principals: [new ServicePrincipal('cloudwatch.amazonaws.com'), new ServicePrincipal('budgets.amazonaws.com')],
      actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
      resources: ['*'],
      conditions: { StringEquals: { 'aws:SourceAccount': account } },
    }),
  );
  // SNS documents that conditions on the source break delivery from EventBridge to an encrypted topic; what is encrypted says as much.
  key.addToResourcePolicy(
    new PolicyStatement({
      sid: 'RulesTopic',
      principals: [new ServicePrincipal('events.amazonaws.com')],
      actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
      resources: ['*'],
      conditions: { StringEquals: { 'kms:EncryptionContext:aws:sns:topicArn': arn.topic } },
    }),
  );
  return key;
}

/** A policy of the account's root alone would leave it to every administrator's policy who signs. */
function denyAllBut(sid: string, actions: string[], roles: readonly string[]): PolicyStatement {
  return new PolicyStatement({
    sid,
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions,
    resources: ['*'],
    conditions: { ArnNotEquals: { 'aws:PrincipalArn': roles } },
  });
}
