import type { IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';

export const DEFAULT_NAME = 'waybill';

/** A toolchain that blocks run in. */
export interface WorkerEnvironment {
  /**
   * Image by digest: `<account>.dkr.ecr.<region>.amazonaws.com/<repository>@sha256:<64 hex>`, for linux/arm64. A tag could change under
   * a signed manifest, and the workers' network reaches no other registry and no other region; with a `network` of yours it may be another.
   */
  readonly image: string;
  /** vCPU units of the whole task, 256 to 16384; 1024 are one vCPU. Default: 1024. */
  readonly cpu?: number;
  /** Memory of the whole task in MiB; Fargate allows certain sizes for each number of vCPU units. Default: twice `cpu`. */
  readonly memoryMiB?: number;
  /** Disk of the whole task in GiB, 21 to 200, for images, sources, workspaces and outputs together. Default: the 20 of Fargate. */
  readonly ephemeralStorageGiB?: number;
}

export interface QueueSettings {
  /** Items of the queue that run at once, 1 to 1000. */
  readonly concurrency: number;
  /** At most `starts` items in a burst, and so many each `perSeconds` from then on. Default: no limit. */
  readonly rate?: { readonly starts: number; readonly perSeconds: number };
  /** `paused` starts nothing more; `draining` takes no more runs and goes on with those that it has. Default: `open`. */
  readonly state?: 'open' | 'paused' | 'draining';
}

/** A secret of the account that blocks may be given. */
export interface KeptSecret {
  /** Of a secret of Secrets Manager, with the six characters at its end, or of a parameter of Systems Manager. */
  readonly arn: string;
  /** ARN of the KMS key that encrypts it, where that is a key of yours and not the one of the service. */
  readonly key?: string;
}

/** Whom runs may name to be told of their end. */
export interface CallbackSettings {
  /** An `https` address, without a user, a password or a fragment. */
  readonly url: string;
  /** Where the key is kept that what is sent is signed by: 32 to 1,024 bytes. */
  readonly secret: string | KeptSecret;
}

/** A network of the customer. Workers reach S3 in it and, by TLS, one of two more things: their endpoints, or all of it. */
export interface OwnNetwork {
  readonly vpc: IVpc;
  /** Default: all isolated subnets. */
  readonly subnets?: SubnetSelection;
  /** Ids of the security groups of its endpoints for ecr.api, ecr.dkr and logs; they have to admit the workers' group on port 443. */
  readonly endpointSecurityGroups?: readonly string[];
  /**
   * Lets workers open TLS connections to every address of the network instead. The worst case: hostile code in a block reaches every
   * service of yours that listens there, and through a proxy, a NAT or a peering among them, the internet with all that the item can read.
   */
  readonly reachWholeVpc?: true;
}

/**
 * What `waybill keys export` writes, whole: docs/formats/trust-file.md. Every key in it is held to what it says of itself; workers are
 * told the attest keys.
 */
export interface PinnedKeys {
  readonly format: string;
  readonly origin: string;
  readonly keys: readonly { readonly use: string; readonly spki: string }[];
}

export interface WaybillProps {
  /** Where it is deployed. Explicit, so that synthesis looks nothing up and gives the same bytes everywhere. */
  readonly env: { readonly account: string; readonly region: string };

  /** Two or three zones for the workers' network; not needed with `network`. */
  readonly availabilityZones?: readonly string[];

  /**
   * Prefix of all names, lower case, 2 to 20 characters. Two deployments in one account and region differ in it. It can
   * never change: buckets and keys are kept under it. Default: `waybill`.
   */
  readonly name?: string;

  /** Name of the deployment's log, as auditors pin it, such as `example.com/waybill`. It can never change. */
  readonly origin: string;

  /** `test` admits a retention of one day in GOVERNANCE mode and removes tables, keys and empty buckets. Default: `production`. */
  readonly mode?: 'production' | 'test';

  /**
   * How long nobody, the root user included, can delete evidence, and in which mode of S3 Object Lock. There is no default:
   * in COMPLIANCE mode it can be lengthened and never shortened, and storage is paid for that long.
   */
  readonly retention: { readonly mode: 'COMPLIANCE' | 'GOVERNANCE'; readonly days: number };

  /** The wrapper of the worker, by digest. */
  readonly wrapperImage: string;

  /** `sha256:<hex>` of the worker's bundle in that image: with the digest of the environment, dispatch signs it into every manifest. */
  readonly workerDigest: string;

  /** Toolchains by name, each an image by digest. An item of a run spec names one of them; one that names none runs in `default`. */
  readonly environments: Readonly<Record<string, WorkerEnvironment>>;

  /** Queues by name. Default: one called `default` with 20 items at once. */
  readonly queues?: Readonly<Record<string, QueueSettings>>;

  /**
   * Caps and prices, in whole micro-USD, as docs/how-to/cap-the-spend.md describes `spending.json`. Default: 1,000 USD that the account may
   * spend in all, no cap of a day or month, and the prices of src/core/price-table.ts.
   */
  readonly spending?: object;

  /**
   * Secrets that blocks may name, by the names that they use: an ARN, or an ARN and the key that encrypts it. The function `release` alone
   * may read them, and nothing else of the account. Default: none, and runs that name some are denied.
   */
  readonly secrets?: Readonly<Record<string, string | KeptSecret>>;

  /**
   * Whom runs may name to be told of their end, by the names that they use. The function `notify` alone reads the keys, and sends. Default:
   * none, and runs that name somebody are refused.
   */
  readonly callbacks?: Readonly<Record<string, CallbackSettings>>;

  /**
   * Models that agents with the adapter `bedrock` may name, by the id that requests have: the ARNs that a request has to be allowed on. Of
   * an inference profile that is its own and those of the models behind it, in each of their regions. Makes a role, and an
   * interface endpoint for bedrock-runtime in a network of ours. Default: none, and sessions with models are not given.
   */
  readonly models?: Readonly<Record<string, readonly string[]>>;

  /**
   * The keys that workers check manifests with. Deploy the ledger stack first, then export them with `waybill keys export`.
   * Without them the runtime stack is an error.
   */
  readonly pinnedKeys?: PinnedKeys;

  /**
   * KMS keys of each use, 1 or 2: the one that signs, and the next one, made before a rotation puts it in force. No command does
   * that for a deployment in this version, so that more would be paid for and never sign. Fewer than before lose signing keys. Default: 1 each.
   */
  readonly signingKeys?: { readonly attest: number; readonly log: number };

  /**
   * Id of the managed prefix list of S3 in the region: `aws ec2 describe-managed-prefix-lists --filters
   * Name=prefix-list-name,Values=com.amazonaws.<region>.s3`. Workers may open connections to it and to their endpoints alone.
   */
  readonly s3PrefixListId: string;

  /**
   * A network of yours instead of one of ours: isolated subnets without a way to the internet, with a gateway endpoint for S3 and
   * interface endpoints (private DNS) for ecr.api, ecr.dkr and logs, with `models` for bedrock-runtime too, whose policies admit
   * what lib/worker-network.ts says. No endpoint, flow log or DNS firewall is made in it: without a firewall of yours a block can
   * send bytes out in the names that it looks up, and without a flow log nothing shows whom workers spoke with.
   */
  readonly network?: OwnNetwork;

  /** ARN of a managed policy that bounds every role of the deployment. */
  readonly permissionsBoundary?: string;

  /** ARNs of roles or users that may read the ledger, the signing keys' public halves and nothing else. */
  readonly auditorPrincipals?: readonly string[];

  /**
   * ARNs of roles or users of this account that may place and lift legal holds on evidence, beside their own permission for
   * `s3:PutObjectLegalHold`. A hold keeps an object past its retention until it is lifted. Default: nobody.
   */
  readonly legalHoldPrincipals?: readonly string[];

  /** Whom alarms and the budget write to. */
  readonly alarmEmail: string;

  /** Monthly cost of the deployment in USD at which the budget warns (80 % forecast, 100 % actual). */
  readonly monthlyBudgetUsd: number;

  /**
   * Witnesses and time-stamping authorities, as docs/formats/state-directory.md describes `evidence.json`, with certificates and the policy
   * written out: a function has no files. It is told to the sequencer in its environment, which holds about three kilobytes of it.
   */
  readonly evidence?: object;

  /** Days that logs of functions, workers and flows are kept; one of CloudWatch's steps. Default: 90. */
  readonly logDays?: number;

  /** Put on every resource that can have tags, beside `waybill:deployment`; a name cannot begin with `aws:`. */
  readonly tags?: Readonly<Record<string, string>>;
}
