/**
 * What AWS charges, in USD: list prices of us-east-1 without a free tier, as their pages had them in November 2026. Other
 * regions cost up to a third more. Written down by hand: look at the pages before you count on them.
 */
export interface Price {
  /** What is counted. */
  meter: string;
  usd: number;
  /** For so many. */
  per: number;
  source: string;
}

export const PRICES = {
  transitions: {
    meter: 'Step Functions state transitions',
    usd: 0.025,
    per: 1_000,
    source: 'https://aws.amazon.com/step-functions/pricing/',
  },
  writeUnits: {
    meter: 'DynamoDB write request units',
    usd: 0.625,
    per: 1_000_000,
    source: 'https://aws.amazon.com/dynamodb/pricing/on-demand/',
  },
  readUnits: {
    meter: 'DynamoDB read request units',
    usd: 0.125,
    per: 1_000_000,
    source: 'https://aws.amazon.com/dynamodb/pricing/on-demand/',
  },
  objectWrites: {
    meter: 'S3 PUT, COPY and LIST requests',
    usd: 0.005,
    per: 1_000,
    source: 'https://aws.amazon.com/s3/pricing/',
  },
  objectReads: {
    meter: 'S3 GET and HEAD requests',
    usd: 0.0004,
    per: 1_000,
    source: 'https://aws.amazon.com/s3/pricing/',
  },
  signatures: {
    meter: 'KMS requests to asymmetric keys',
    usd: 0.15,
    per: 10_000,
    source: 'https://aws.amazon.com/kms/pricing/',
  },
  symmetric: {
    meter: 'KMS requests to symmetric keys',
    usd: 0.03,
    per: 10_000,
    source: 'https://aws.amazon.com/kms/pricing/',
  },
  events: {
    meter: 'EventBridge events of our own',
    usd: 1,
    per: 1_000_000,
    source: 'https://aws.amazon.com/eventbridge/pricing/',
  },
  messages: { meter: 'SQS requests', usd: 0.4, per: 1_000_000, source: 'https://aws.amazon.com/sqs/pricing/' },
  orderedMessages: {
    meter: 'SQS FIFO requests',
    usd: 0.5,
    per: 1_000_000,
    source: 'https://aws.amazon.com/sqs/pricing/',
  },
  invocations: { meter: 'Lambda requests', usd: 0.2, per: 1_000_000, source: 'https://aws.amazon.com/lambda/pricing/' },
  gigabyteSeconds: {
    meter: 'Lambda GB-seconds (arm64)',
    usd: 0.0000133334,
    per: 1,
    source: 'https://aws.amazon.com/lambda/pricing/',
  },
  logBytes: {
    meter: 'CloudWatch Logs, bytes taken in',
    usd: 0.5,
    per: 1_000_000_000,
    source: 'https://aws.amazon.com/cloudwatch/pricing/',
  },
  traces: { meter: 'X-Ray traces recorded', usd: 5, per: 1_000_000, source: 'https://aws.amazon.com/xray/pricing/' },
} as const satisfies Record<string, Price>;

export type MeterName = keyof typeof PRICES;

/** In the order of the list. */
export const METERS = Object.keys(PRICES) as MeterName[];

/** How often each thing was done. */
export type Counts = Record<MeterName, number>;

export const NOTHING: Readonly<Counts> = Object.fromEntries(METERS.map((name) => [name, 0])) as Counts;

export function priceOf(name: MeterName, count: number): number {
  const { usd, per } = PRICES[name];
  return (count * usd) / per;
}

export function priceOfAll(counts: Counts): number {
  return METERS.reduce((sum, name) => sum + priceOf(name, counts[name]), 0);
}
