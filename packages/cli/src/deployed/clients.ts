/** Every client that the doctor asks with; a test puts its own answers behind them. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ECRClient } from '@aws-sdk/client-ecr';
import { ECSClient } from '@aws-sdk/client-ecs';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { KMSClient } from '@aws-sdk/client-kms';
import { S3Client } from '@aws-sdk/client-s3';
import { SchedulerClient } from '@aws-sdk/client-scheduler';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { SFNClient } from '@aws-sdk/client-sfn';
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
  scheduler: SchedulerClient;
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
    scheduler: new SchedulerClient({ region }),
    quotas: new ServiceQuotasClient({ region }),
  };
}
