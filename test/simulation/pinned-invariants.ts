/**
 * What a worker is given is what its item was submitted with: the capabilities that their names meant then, the variables, the hosts.
 * Whoever is let out is allowed to be when its attempt begins.
 */
import { canonicalize, type DispatchStatement, digestOf } from '@waybill/verify';
import { type AttemptRow, type ItemRow, keys, type RunRow } from '#core/rows.ts';
import type { LeaseDraft } from '#ports/mailbox.ts';
import type { ItemDraft } from '../support/run-spec.ts';
import { type EgressPlan, egressAt } from './egress-plan.ts';
import type { Around } from './pin-plan.ts';
import type { RowTable } from './row-table.ts';
import { mustHold } from './violation.ts';

/** Clocks are so wrong at most, and a decision takes so long. */
const SKEW_MS = 250;

interface Written {
  spec: Around & { items?: ItemDraft[] };
}

export class PinnedInvariants {
  readonly #table: RowTable;
  readonly #egress: EgressPlan;
  /** Runs and what was added to them, by the digest of what a client has written. */
  readonly #written = new Map<string, Written>();

  constructor(table: RowTable, egress: EgressPlan) {
    this.#table = table;
    this.#egress = egress;
  }

  /** A client writes an object. */
  arrived(bytes: Uint8Array, document: object): void {
    const written = document as Written;
    if (written.spec?.items !== undefined) this.#written.set(digestOf(bytes), written);
  }

  launched(attempt: AttemptRow, { job, inputs, manifest }: LeaseDraft): void {
    const { run } = attempt;
    const [id = ''] = attempt.item.split('~');
    const own = this.#written.get(this.#table.body<RunRow>(keys.run(run))?.submission ?? '')?.spec;
    const { addedBy } = this.#table.body<ItemRow>(keys.item(run, id)) ?? {};
    const added = addedBy !== undefined && 'control' in addedBy ? this.#written.get(addedBy.control)?.spec : undefined;
    const item = (added ?? own)?.items?.find((one) => one.id === id);
    // Of a slot of a schedule, which nothing is pinned for.
    if (own === undefined || item === undefined) return;
    const at = `${attempt.item} of ${run}`;
    const expected = expectedOf(item, own, added ?? {});
    const given = inputs.filter(({ key }) => key.startsWith('capability.')).map(({ key, sha256 }) => [key, sha256]);
    mustBeSame(given, expected.folders, `${at} is given capabilities`);
    mustBeSame(job.capabilities ?? [], expected.names, `${at} lays over each other`);
    mustBeSame(sorted(job.env), sorted(expected.env), `${at} has the variables`);
    this.#mustBeLetOut(attempt, job, item.egress ?? [], at);
    if (expected.folders.length === 0 && job.egress === undefined) return;
    const { predicate } = JSON.parse(Buffer.from(manifest.payload, 'base64').toString()) as DispatchStatement;
    const named = (predicate.reads ?? []).filter(({ key }) => key.startsWith('capability.'));
    const folders = named.map(({ key, sha256 }) => [key, sha256]);
    mustBeSame(folders, expected.folders, `the manifest of ${at} names capabilities`);
    mustHold(predicate.job === digestOf(canonicalize(job)), 'I11', `the manifest of ${at} is of another job`);
  }

  #mustBeLetOut(
    { queue, manifest }: AttemptRow,
    { egress, isolation }: LeaseDraft['job'],
    asked: readonly string[],
    at: string,
  ): void {
    mustBeSame(egress?.ask ?? [], asked.toSorted(), `${at} asks for`);
    if (egress === undefined) return;
    mustHold(isolation === 'bubblewrap', 'I11', `${at} is let out, and nothing holds it`);
    const issuedAtMs = manifest?.issuedAtMs ?? 0;
    const policies = [issuedAtMs - SKEW_MS, issuedAtMs + SKEW_MS].map((ms) => egressAt(this.#egress, queue, ms));
    const isAllowed = policies.some(
      ({ allow, deny }) =>
        JSON.stringify([allow, deny]) === JSON.stringify([egress.allow, egress.deny]) &&
        asked.every((host) => allow.includes(host) && !deny.includes(host)),
    );
    mustHold(isAllowed, 'I11', `${at} is let out to ${asked}, which ${queue} may not reach`);
  }
}

interface Expected {
  names: string[];
  folders: [key: string, sha256: string][];
  env: Record<string, string>;
}

/** What stands beside the item wins over what its run says; only what a name means, the run says first. */
function expectedOf(item: ItemDraft, own: Around, added: Around): Expected {
  const defaults = { ...own.defaults, ...added.defaults };
  const names = item.capabilities ?? defaults.capabilities ?? [];
  const folders = names.map((name): [string, string] => {
    const pin = own.pins?.capabilities[name] ?? added.pins?.capabilities[name];
    return [`capability.${name}`, pin?.sha256 ?? 'nothing'];
  });
  const sets = (item.values ?? defaults.values ?? []).map(
    (name) => (own.pins?.values[name] ?? added.pins?.values[name])?.env,
  );
  const env = Object.assign({}, ...sets, own.defaults?.env, added.defaults?.env, item.env) as Record<string, string>;
  return { names, folders: folders.sort(([a], [b]) => (a < b ? -1 : 1)), env };
}

function sorted(env: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1));
}

function mustBeSame(found: unknown, expected: unknown, what: string): void {
  const [is, was] = [JSON.stringify(found), JSON.stringify(expected)];
  mustHold(is === was, 'I11', `${what} ${is}, and was submitted with ${was}`);
}
