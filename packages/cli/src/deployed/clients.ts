/** Every client that the doctor asks with; a test puts its own answers behind them. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EC2Client } from '@aws-sdk/client-ec2';
import { ECRClient } from '@aws-sdk/client-ecr';
import { ECSClient } from '@aws-sdk/client-ecs';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { KMSClient } from '@aws-sdk/client-kms';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { STSClient } from '@aws-sdk/client-sts';

export interface Clients {
  sts: STSClient;
  s3: S3Client;
  kms: KMSClient;
  dynamodb: DynamoDBClient;
  sfn: SFNClient;
  ecs: ECSClient;
  ecr: ECRClient;
  sqs: SQSClient;
  events: EventBridgeClient;
  lambda: LambdaClient;
  ec2: EC2Client;
  sns: SNSClient;
  quotas: ServiceQuotasClient;
}

export function clientsOf(region: string): Clients {
  return {
    sts: new STSClient({ region }),
    s3: new S3Client({ region }),
    kms: new KMSClient({ region }),
    dynamodb: new DynamoDBClient({ region }),
    sfn: new SFNClient({ region }),
    ecs: new ECSClient({ region }),
    ecr: new ECRClient({ region }),
    sqs: new SQSClient({ region }),
    events: new EventBridgeClient({ region }),
    lambda: new LambdaClient({ region }),
    ec2: new EC2Client({ region }),
    sns: new SNSClient({ region }),
    quotas: new ServiceQuotasClient({ region }),
  };
}
