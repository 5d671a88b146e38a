/**
 * What the buckets refuse whoever asks, whatever other policies allow: in words and as statements. Roles and users still
 * need their own permissions. That plain connections are refused is said where each bucket is made.
 *
 * The conditions are those that S3 documents. `s3:if-none-match` is absent from a PUT without the header, and a part of a
 * multipart upload never has it: `s3:ObjectCreationOperation` tells parts apart where they are allowed.
 */

export interface BucketStatement {
  /** What it refuses, as a sentence. */
  readonly words: string;
  readonly json: {
    readonly Sid: string;
    readonly Effect: 'Deny';
    readonly Principal: '*';
    readonly Action: readonly string[];
    readonly Resource?: readonly string[];
    readonly NotResource?: readonly string[];
    readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
  };
}

/** The writer's own id, filled in by IAM: for a role `<role id>:<session name>`. */
const SELF = `\${aws:userid}`;

type Refusal = Omit<BucketStatement['json'], 'Sid' | 'Effect' | 'Principal'>;

function deny(Sid: string, words: string, refusal: Refusal): BucketStatement {
  return { words, json: { Sid, Effect: 'Deny', Principal: '*', ...refusal } };
}

/** Anybody but these roles. With none, anybody. */
function otherThan(roles: readonly string[]): Pick<Refusal, 'Condition'> {
  return roles.length === 0 ? {} : { Condition: { ArnNotEquals: { 'aws:PrincipalArn': roles } } };
}

const PUT = ['s3:PutObject'];
const DELETE = ['s3:DeleteObject', 's3:DeleteObjectVersion'];
const WITHOUT_CONDITION = { Null: { 's3:if-none-match': 'true' } };

/** Keys of runs that schedules start, in the inbox, under queue and owner; src/flow names them. */
export const RUNS_OF_SCHEDULES = ['inbox/*/*/slot-*.json', 'inbox/*/*/trigger-*.json'] as const;

export interface InboxRoles {
  /** ARN of the bucket. */
  readonly bucket: string;
  /** Roles that answer: they write receipts and status, and take objects away. */
  readonly engine: readonly string[];
  /** Roles that start the runs of schedules for their owners, who are checked before a schedule is stored. */
  readonly onBehalf: readonly string[];
}

export function inboxPolicy({ bucket, engine, onBehalf }: InboxRoles): readonly BucketStatement[] {
  const own = [`${bucket}/inbox/*/${SELF}/*`, `${bucket}/uploads/${SELF}/*`];
  const registered = `${bucket}/registry/*`;
  const spared = [...new Set([...engine, ...onBehalf])];
  return [
    deny(
      'OwnNameOnly',
      'Nobody but the engine writes anywhere but under their own id in inbox/ and uploads/, and in the registry.',
      {
        Action: PUT,
        NotResource: [...own, registered],
        ...otherThan(spared),
      },
    ),
    deny(
      'OnlyRunsOnBehalf',
      'Nobody, the engine included, submits in the name of others but what is named as a run of a schedule.',
      {
        Action: PUT,
        NotResource: [
          ...own,
          registered,
          ...[...RUNS_OF_SCHEDULES, 'outbox/*', 'quarantine/*'].map((keyPattern) => `${bucket}/${keyPattern}`),
        ],
      },
    ),
    ...(spared.length === 0 ? [] : [controlsByPeople(bucket, spared)]),
    deny(
      'SubmitOnce',
      'Nobody writes a submission without If-None-Match, so none is ever written over, nor in parts.',
      {
        Action: PUT,
        Resource: [`${bucket}/inbox/*`],
        Condition: WITHOUT_CONDITION,
      },
    ),
    deny('UploadOnce', 'Nobody finishes an upload without If-None-Match; it may come in parts.', {
      Action: PUT,
      Resource: [`${bucket}/uploads/*`],
      Condition: { ...WITHOUT_CONDITION, Bool: { 's3:ObjectCreationOperation': 'true' } },
    }),
    deny(
      'RegisteredOnce',
      'Nothing is registered without If-None-Match, nor in parts: what a name meant stays on record.',
      {
        Action: PUT,
        Resource: [registered],
        Condition: WITHOUT_CONDITION,
      },
    ),
    ...(spared.length === 0 ? [] : [registeredByPeople(registered, spared)]),
    deny('NothingTakenBack', 'Nobody but the engine deletes anything.', {
      Action: DELETE,
      Resource: [`${bucket}/*`],
      ...otherThan(engine),
    }),
    deny('RegistryStays', 'Nobody deletes what is registered.', { Action: DELETE, Resource: [registered] }),
  ];
}

function registeredByPeople(registered: string, roles: readonly string[]): BucketStatement {
  return deny('RegisteredByPeople', 'The engine registers nothing.', {
    Action: PUT,
    Resource: [registered],
    Condition: { ArnEquals: { 'aws:PrincipalArn': roles } },
  });
}

/** Steering is for those who submit: no name that a run of a schedule may have makes a control of it. */
function controlsByPeople(bucket: string, roles: readonly string[]): BucketStatement {
  return deny('ControlsByPeople', 'The engine writes no control, in whoever’s name and however it is named.', {
    Action: PUT,
    Resource: [`${bucket}/inbox/@control/*`],
    Condition: { ArnEquals: { 'aws:PrincipalArn': roles } },
  });
}

export interface StagingRoles {
  readonly bucket: string;
  /** Roles that post, renew, cancel and close leases. */
  readonly engine: readonly string[];
  /** The role under which URLs are signed. */
  readonly mailbox: string;
  /** Roles that seal secrets to the key of a worker. */
  readonly sealers: readonly string[];
}

export function stagingPolicy({ bucket, engine, mailbox, sealers }: StagingRoles): readonly BucketStatement[] {
  return [
    deny(
      'StagedOnce',
      'Nobody writes outputs, a result, a key or what is sealed to it without If-None-Match: what was staged first stays.',
      {
        Action: PUT,
        Resource: ['outputs', 'result.json', 'key.json', 'sealed.json'].map((name) => `${bucket}/*/${name}`),
        Condition: WITHOUT_CONDITION,
      },
    ),
    deny('LeaseByEngine', 'Nobody but the engine writes leases: what a worker is told is not for workers to say.', {
      Action: PUT,
      Resource: [`${bucket}/*/lease.json`],
      ...otherThan(engine),
    }),
    deny('StagedByWorkers', 'Nobody writes anything else but through URLs of the mailbox role.', {
      Action: PUT,
      NotResource: [`${bucket}/*/lease.json`, `${bucket}/*/sealed.json`],
      ...otherThan([mailbox]),
    }),
    deny('SealedByRelease', 'Nobody but who reads secrets answers a worker that asks for some.', {
      Action: PUT,
      Resource: [`${bucket}/*/sealed.json`],
      ...otherThan(sealers),
    }),
    deny('OwnKeyOnly', 'Nobody stages under an encryption that is not the default of the bucket.', {
      Action: PUT,
      Resource: [`${bucket}/*`],
      Condition: {
        Null: { 's3:x-amz-server-side-encryption': 'false' },
        StringNotEquals: { 's3:x-amz-server-side-encryption': 'aws:kms' },
      },
    }),
  ];
}

export interface ArtifactRoles {
  readonly bucket: string;
  /** ARN of the KMS key. */
  readonly dataKey: string;
  /** Roles that store artifacts. */
  readonly engine: readonly string[];
}

export function artifactsPolicy({ bucket, dataKey, engine }: ArtifactRoles): readonly BucketStatement[] {
  return [
    deny('StoredByEngine', 'Nobody but the engine stores anything.', {
      Action: PUT,
      Resource: [`${bucket}/*`],
      ...otherThan(engine),
    }),
    deny('ByDigestOnly', 'Nothing is stored but under sha256/.', { Action: PUT, NotResource: [`${bucket}/sha256/*`] }),
    deny('ArtifactOnce', 'Nothing is stored without If-None-Match: an artifact is never written over.', {
      Action: PUT,
      Resource: [`${bucket}/*`],
      Condition: WITHOUT_CONDITION,
    }),
    deny('DataKeyOnly', 'Nothing is stored under another key than the data key.', {
      Action: PUT,
      Resource: [`${bucket}/*`],
      Condition: { StringNotEquals: { 's3:x-amz-server-side-encryption-aws-kms-key-id': dataKey } },
    }),
    deny('ArtifactsStay', 'Nobody deletes an artifact.', { Action: DELETE, Resource: [`${bucket}/*`] }),
  ];
}

export interface LedgerRules {
  readonly bucket: string;
  /** The roles of the sequencer. */
  readonly sequencer: readonly string[];
  readonly retention: { readonly mode: 'COMPLIANCE' | 'GOVERNANCE'; readonly days: number };
  /** Roles or users that may place and lift legal holds; nobody without them. */
  readonly legal?: readonly string[];
}

const DAYS = 's3:object-lock-remaining-retention-days';
/** The time of a lock lies up to two hours behind the days asked for, which counts as a day begun. */
const SLACK_DAYS = 1;

export function ledgerPolicy({ bucket, sequencer, retention, legal = [] }: LedgerRules): readonly BucketStatement[] {
  const { mode, days } = retention;
  const all = [`${bucket}/*`];
  const locking = ['s3:PutObject', 's3:PutObjectRetention'];
  return [
    deny('SequencerOnly', 'Nobody but the sequencer writes or locks.', {
      Action: locking,
      Resource: all,
      ...otherThan(sequencer),
    }),
    deny('RootOnce', 'Nothing is written without If-None-Match, nor in parts, which never have it.', {
      Action: PUT,
      Resource: all,
      Condition: WITHOUT_CONDITION,
    }),
    deny('LockedAs', `Nothing is written without a lock in mode ${mode}.`, {
      Action: PUT,
      Resource: all,
      Condition: { StringNotEquals: { 's3:object-lock-mode': mode } },
    }),
    deny('LockTimed', 'Nothing is written without a time until which it is locked.', {
      Action: PUT,
      Resource: all,
      Condition: { Null: { [DAYS]: 'true' } },
    }),
    deny('LockedLongEnough', `Nothing is locked for less than ${days} days.`, {
      Action: locking,
      Resource: all,
      Condition: { NumericLessThan: { [DAYS]: String(days) } },
    }),
    deny(
      'LockedNotForever',
      `Nothing is locked for more than ${days + SLACK_DAYS} days: a mistake would outlive everybody.`,
      {
        Action: locking,
        Resource: all,
        Condition: { NumericGreaterThan: { [DAYS]: String(days + SLACK_DAYS) } },
      },
    ),
    ...(mode === 'COMPLIANCE' ? [nothingGoes(all)] : []),
    deny('HoldsByLegal', 'Nobody places or lifts a legal hold but whom the deployment names for it.', {
      Action: ['s3:PutObjectLegalHold'],
      Resource: all,
      ...otherThan(legal),
    }),
    deny('SettingsStay', 'Nobody changes what keeps the objects: encryption, lifecycle, replication, versions, lock.', {
      Action: [
        's3:UpdateObjectEncryption',
        's3:PutLifecycleConfiguration',
        's3:PutReplicationConfiguration',
        's3:PutBucketVersioning',
        's3:PutBucketObjectLockConfiguration',
      ],
      Resource: [bucket, ...all],
    }),
  ];
}

/** In GOVERNANCE mode, which is for tests, a deployment has to be torn down again. */
function nothingGoes(all: readonly string[]): BucketStatement {
  return deny('NothingGoes', 'Nobody deletes an object or a version, or goes round a lock.', {
    Action: [...DELETE, 's3:BypassGovernanceRetention'],
    Resource: all,
  });
}
