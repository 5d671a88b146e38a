/**
 * Deployment file `waybill-deployment/v1`: where a deployment's parts are. Names and no secrets: whoever has it still needs
 * credentials. `waybill deployment pull` writes one from the outputs of the deployed stacks.
 */
import { z } from 'zod';
import type { Refusal } from './errors.ts';
import { readDocument } from './read-document.ts';
import { closed } from './spec-fields.ts';
import { quote, refusalsOf, says } from './spec-issue.ts';

export const DEPLOYMENT_FORMAT = 'waybill-deployment/v1';

const PULL = 'Write the file again with `waybill deployment pull`.';

function text(pattern: RegExp, what: string): z.ZodString {
  return z.string().regex(pattern, { error: (issue) => says(`${quote(String(issue.input))} is not ${what}`, PULL) });
}

const bucket = text(/^(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'the name of a bucket');
const kmsKey = text(/^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/, 'the ARN of a KMS key');
const word = text(/^[\x21-\x7e]{1,512}$/, 'a name without spaces');

const deploymentSchema = closed({
  format: z.literal(DEPLOYMENT_FORMAT),
  /** The name of the deployment's log, as auditors pin it. */
  origin: text(/^[a-z0-9.-]+(\/[a-z0-9._-]+)*$/, 'an origin such as example.com/waybill'),
  account: text(/^\d{12}$/, 'an account id of twelve digits'),
  region: text(/^[a-z]{2}(-[a-z0-9]+)+-\d$/, 'a region such as eu-central-1'),
  buckets: closed({
    inbox: bucket.optional(),
    staging: bucket.optional(),
    artifacts: bucket.optional(),
    ledger: bucket.optional(),
  }),
  /** ARNs, oldest first; `data` encrypts artifacts and staging. */
  keys: closed({
    attest: z.array(kmsKey).max(100).optional(),
    log: z.array(kmsKey).max(100).optional(),
    data: kmsKey.optional(),
  }).optional(),
  /** `COMPLIANCE:3650`: mode and days of the ledger's Object Lock. */
  retention: text(/^(COMPLIANCE|GOVERNANCE):[1-9]\d{0,4}$/, 'a retention such as COMPLIANCE:3650').optional(),
  table: word.optional(),
  /** ARN of the alias that new attempts start on. */
  stateMachine: word.optional(),
  cluster: word.optional(),
  deadLetterQueues: z.array(word).max(100).optional(),
  /** By digest: `<registry>/<repository>@sha256:<hex>`. */
  images: z.array(word).max(100).optional(),
  /** Name of an EventBridge rule. */
  reconcileSchedule: word.optional(),
  /** Names of the functions that something triggers. */
  functions: z.array(word).max(100).optional(),
  /** Id of the workers' VPC. */
  network: word.optional(),
  /** ARN of the topic that alarms go to. */
  alarmTopic: word.optional(),
  /** What workers take when every slot of every queue is held. */
  vCpus: text(/^\d{1,6}(\.\d{1,3})?$/, 'a number of vCPUs such as 20 or 0.25').optional(),
});

export type Deployment = z.infer<typeof deploymentSchema>;
export type BucketRole = keyof Deployment['buckets'];

export type ParsedDeployment = { ok: true; deployment: Deployment } | { ok: false; refusals: Refusal[] };

/** Reads a deployment file; every problem at once, each DEPLOYMENT_INVALID with its path. */
export function parseDeployment(bytes: Uint8Array): ParsedDeployment {
  const read = readDocument(bytes);
  if (!read.ok) return { ok: false, refusals: read.refusals.map(ofDeployment) };
  const parsed = deploymentSchema.safeParse(read.value, { reportInput: true });
  if (parsed.success) return { ok: true, deployment: parsed.data };
  return { ok: false, refusals: refusalsOf(parsed.error.issues).map(ofDeployment) };
}

function ofDeployment(refusal: Refusal): Refusal {
  // What is too large for one is taken for a run where documents are read.
  const fix = refusal.code === 'SPEC_TOO_LARGE' ? PULL : refusal.fix;
  return { ...refusal, code: 'DEPLOYMENT_INVALID', fix };
}
