/** What each answer of the account means. Pure; the questions stand in questions.ts. */
import type { LogHeadRow, LogKeysRow } from '#core/rows.ts';
import { type Finding, fail, ok, warn } from './examine.ts';

const DEPLOY = 'Deploy the stacks again; what was changed by hand stands in CloudTrail.';
/** Slots that one vCPU of quota serves: the smallest task has a quarter of one. */
const TASKS_PER_VCPU = 4;

export function judgeTable(table: {
  status?: string;
  protected?: boolean;
  images?: string;
  backups?: string;
}): Finding {
  if (table.status !== 'ACTIVE') return fail(`the table is ${table.status ?? 'not there'}`, DEPLOY);
  if (table.images !== 'NEW_AND_OLD_IMAGES') return fail('the table has no stream of both images', DEPLOY);
  if (table.backups !== 'ENABLED') return fail('the table cannot be restored to a point in time', DEPLOY);
  return table.protected === true
    ? ok('active, streamed, backed up, protected')
    : warn('anybody may delete the table', DEPLOY);
}

/** @param retention as the deployment was told: `COMPLIANCE:<days>` or `GOVERNANCE:<days>` */
export function judgeLedger(bucket: { lock?: string; versioning?: string }, retention: string): Finding {
  const fix = 'Object Lock cannot be added behind your back: deploy a new ledger and keep this one.';
  if (bucket.lock !== 'Enabled') return fail('the ledger has no Object Lock', fix);
  if (bucket.versioning !== 'Enabled') return fail('the ledger keeps no versions', fix);
  const [mode = '', days = ''] = retention.split(':');
  const found = `locked, ${mode} for ${days} days`;
  if (mode === 'COMPLIANCE') return ok(found);
  return warn(found, 'GOVERNANCE can be bypassed by who is allowed to: it is for trials.');
}

export function judgeBucket(
  bucket: { versioning?: string; isPrivate: boolean; tellsEvents: boolean; expires: boolean },
  wants: { versions: boolean; events: boolean; expiry: boolean },
): Finding {
  if (!bucket.isPrivate) return fail('public access is not blocked', DEPLOY);
  if (wants.versions && bucket.versioning !== 'Enabled') return fail('it keeps no versions', DEPLOY);
  if (!wants.versions && bucket.versioning === 'Enabled') return warn('it keeps versions that nobody needs', DEPLOY);
  if (wants.events && !bucket.tellsEvents) return fail('EventBridge does not hear of its objects', DEPLOY);
  if (wants.expiry && !bucket.expires) return warn('what is staged never expires', DEPLOY);
  return ok('as deployed');
}

export function judgeKey(key: { spec?: string; usage?: string }, wanted: string): Finding {
  if (key.spec !== wanted || key.usage !== 'SIGN_VERIFY') {
    return fail(`it is a key of ${key.spec ?? 'nothing'} for ${key.usage ?? 'nothing'}, not of ${wanted}`, DEPLOY);
  }
  return ok(wanted);
}

export function judgeImages(images: readonly string[]): Finding {
  const movable = images.filter((image) => !/@sha256:[0-9a-f]{64}$/.test(image));
  if (images.length === 0) return fail('no task definition is named by the machine', DEPLOY);
  if (movable.length > 0)
    return fail(`${movable.join(', ')} may change under its name`, 'Name images by their digest.');
  return ok(`${images.length} images, each by its digest`);
}

export function judgeDeadLetters(depths: Readonly<Record<string, number>>): Finding {
  const filled = Object.entries(depths).filter(([, depth]) => depth > 0);
  if (filled.length === 0) return ok(`${Object.keys(depths).length} queues, all empty`);
  const fix = 'docs/runbook.md says how to look at them; what the rows say is taken up by the reconciler all the same.';
  return warn(filled.map(([name, depth]) => `${name}: ${depth}`).join(', '), fix);
}

export function judgeQuota(vcpus: number, slots: number): Finding {
  const found = `${vcpus} vCPUs of Fargate on demand for ${slots} slots`;
  const fix = 'Ask for more in Service Quotas (L-3032A538), or give the queues fewer slots.';
  return vcpus * TASKS_PER_VCPU < slots ? warn(found, fix) : ok(found);
}

/** @param heartbeatMs the log is never silent for longer */
export function judgeLog(
  log: { head: LogHeadRow | null; keys: LogKeysRow | null },
  nowMs: number,
  heartbeatMs: number,
): Finding {
  const { head, keys } = log;
  if (head === null || keys === null) {
    return warn('the log has not begun', 'Wait a minute after the first deployment; then look at the log of seal.');
  }
  const silentMs = nowMs - head.lastAtMs;
  if (silentMs > 2 * heartbeatMs) {
    return fail(`nothing was entered for ${Math.round(silentMs / 60_000)} minutes`, 'Look at the log of seal.');
  }
  const found = `${head.tree.size} entries, ${head.published.size} published, ${head.open} runs open`;
  return head.published.size === head.tree.size
    ? ok(found)
    : warn(found, 'The next batch of the sequencer publishes them.');
}
