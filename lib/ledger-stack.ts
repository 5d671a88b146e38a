/** What must outlive everything else: the evidence, the keys that signed it, and the log of who touched it. */
import { RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import type { Key } from 'aws-cdk-lib/aws-kms';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { letReadLedger, letReadPublicKey } from './auditors.ts';
import { ledgerPolicy } from './bucket-policies.ts';
import { accessLogBucket, type BucketLife, keptBucket } from './buckets.ts';
import type { DeploymentNames } from './deployment-names.ts';
import { pseudonymKey, signingKey } from './keys.ts';
import { writersOf } from './roles.ts';
import type { WaybillProps } from './waybill-props.ts';

export interface LedgerStackProps extends StackProps {
  readonly names: DeploymentNames;
  readonly settings: WaybillProps;
}

export class LedgerStack extends Stack {
  readonly ledger: Bucket;
  /** Oldest first. */
  readonly attestKeys: readonly Key[];
  readonly logKeys: readonly Key[];
  readonly pseudonymKey: Key;

  constructor(scope: Construct, id: string, { names, settings, ...props }: LedgerStackProps) {
    super(scope, id, { ...props, terminationProtection: settings.mode !== 'test' });
    const life: BucketLife = { names, retain: settings.mode !== 'test' };
    const accessLogs = accessLogBucket(this, life);
    this.ledger = keptBucket(this, 'Ledger', 'ledger', {
      ...life,
      versioned: true,
      objectLockEnabled: true,
      refuses: ledgerPolicy({
        bucket: names.arn.bucket('ledger'),
        sequencer: writersOf('ledger', names),
        retention: settings.retention,
        legal: settings.legalHoldPrincipals ?? [],
      }),
    });
    // S3 refuses a bucket whose log has nowhere to go yet, and the name alone makes CloudFormation wait for nothing.
    this.ledger.node.addDependency(accessLogs);
    letReadLedger(this.ledger, settings.auditorPrincipals ?? []);
    // What is locked cannot be deleted, so a stack that takes it along could never be deleted either.
    this.ledger.applyRemovalPolicy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE);
    this.ledger.policy?.applyRemovalPolicy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE);

    const { attest, log } = settings.signingKeys ?? { attest: 1, log: 1 };
    const keys = (use: 'attest' | 'log', count: number): Key[] =>
      Array.from({ length: count }, (_, index) =>
        signingKey(this, { names, use, ordinal: index + 1, retain: life.retain }),
      );
    this.attestKeys = keys('attest', attest);
    this.logKeys = keys('log', log);
    this.pseudonymKey = pseudonymKey(this, names, life);
    for (const key of [...this.attestKeys, ...this.logKeys]) letReadPublicKey(key, settings.auditorPrincipals ?? []);
  }
}
