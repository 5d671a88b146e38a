import { all, failing, first, list, type Rule } from './rule.ts';

const BUCKET = 'AWS::S3::Bucket';
const TABLE = 'AWS::DynamoDB::Table';
const KEY = 'AWS::KMS::Key';
/** Kept when the stack or the resource in it goes, taken back when the stack could not be made: its name must be free for the next try. */
export const KEPT = 'RetainExceptOnCreate';

export const KEPT_RULES: readonly Rule[] = [
  {
    says: 'table: it is made last, since a rollback could not remove what is protected from deletion',
    broken: (templates) => {
      const table = first(templates, TABLE);
      const holders = [...all(templates, BUCKET), ...all(templates, 'AWS::S3::BucketPolicy')];
      return failing(
        holders.filter(({ stack }) => stack === table.stack),
        ({ id }) => list(table.resource.DependsOn).includes(id),
      );
    },
    plant: (templates) => {
      delete first(templates, TABLE).resource.DependsOn;
    },
  },
  {
    says: 'what holds something outlives its stack, but not a first deployment that failed: buckets, table, keys',
    broken: (templates) =>
      failing(
        [BUCKET, TABLE, KEY].flatMap((type) => all(templates, type)),
        ({ resource }) => resource.DeletionPolicy === KEPT && resource.UpdateReplacePolicy === 'Retain',
      ),
    plant: (templates) => {
      first(templates, BUCKET).resource.DeletionPolicy = 'Retain';
    },
  },
  {
    says: 'buckets: what one refuses, it refuses without its stack as well',
    broken: (templates) =>
      failing(
        all(templates, 'AWS::S3::BucketPolicy').filter(({ id }) => !id.startsWith('AccessLogs')),
        ({ resource }) => resource.DeletionPolicy === KEPT,
      ),
    plant: (templates) => {
      delete first(templates, 'AWS::S3::BucketPolicy', ({ id }) => id.startsWith('Ledger')).resource.DeletionPolicy;
    },
  },
];
