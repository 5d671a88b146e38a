/** The composition root of embedded mode: every port gets its adapter in a directory of this machine. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TerminalError } from '@waybill/client/errors';
import type { TrustedKey } from '@waybill/verify';
import { createLocalArtifacts } from '#adapters/local/artifacts.ts';
import { createLocalChance, createLocalClock } from '#adapters/local/clock.ts';
import { createLocalInbox, type LocalInbox } from '#adapters/local/inbox.ts';
import { createLocalLauncher } from '#adapters/local/launcher.ts';
import { createLocalMailbox, type LocalMailbox } from '#adapters/local/mailbox.ts';
import { removeAttemptTree } from '#adapters/local/remove-tree.ts';
import { createLocalRootLedger } from '#adapters/local/root-ledger.ts';
import { type LocalRunStore, openLocalRunStore } from '#adapters/local/run-store.ts';
import { createLocalScheduler } from '#adapters/local/scheduler.ts';
import { openLocalSigner } from '#adapters/local/signer.ts';
import { type Evidence, NO_EVIDENCE } from '#composition/evidence.ts';
import { Mistakes } from '#core/mistakes.ts';
import { QUEUES_FIX, type QueueDefinitions, readQueues } from '#core/queue-definition.ts';
import { readEvidenceFile } from '#embedded/evidence-file.ts';
import type { FlowDeps } from '#flow/deps.ts';
import type { Chance, Clock } from '#ports/clock.ts';
import { buildWorker } from '#worker-bundle';

export interface EmbeddedOptions {
  directory: string;
  /** Slots of the queue `default`; what queues.json says wins. */
  concurrency: number;
  sandbox: 'auto' | 'none';
  allowUnsandboxedAgents: boolean;
}

/** A worker that is silent for this long is lost; local workers beat every second. */
const LEASE_MS = 30_000;
const HEARTBEAT_MS = 1_000;

export interface Embedded {
  deps: Omit<FlowDeps, 'hints' | 'lane'>;
  store: LocalRunStore;
  inbox: LocalInbox;
  mailbox: LocalMailbox;
  queues: QueueDefinitions;
  /** What evidence.json says. */
  evidence: Evidence;
  isolationDetail: string;
  /** Removes the trees of attempts whose worker was killed with an earlier engine; call it once those have been stopped. */
  removeLeftovers(): Promise<void>;
}

/** Opens the state directory. Throws TerminalError ENGINE_RUNNING when another engine has it. */
export async function composeEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const at = (...names: string[]): string => join(options.directory, ...names);
  const clock = createLocalClock();
  const chance = createLocalChance();
  const { queues, evidence } = settingsOf(options, { clock, chance });
  const store = openLocalRunStore(at('store.sqlite'));
  const signer = openLocalSigner(at('keys'), at('ledger'));
  const artifacts = createLocalArtifacts(at('artifacts'));
  const mailbox = createLocalMailbox({ stagingDir: at('staging'), artifacts, chance, clock });
  await mailbox.listen();
  const inbox = createLocalInbox(options.directory);
  await inbox.watch();
  const workerFile = at('worker.mjs');
  await buildWorker(workerFile);
  const workDir = at('work');
  mkdirSync(workDir, { recursive: true, mode: 0o700 });
  const leftovers = readdirSync(workDir);
  const launcher = createLocalLauncher({
    workerFile,
    workDir,
    // Asked for at each launch: the log may know of a rotation that the key files do not show yet.
    get keys() {
      const isGood = ({ use, revoked }: TrustedKey): boolean => use === 'attest' && revoked === undefined;
      return signer.trust.keys.filter(isGood).map(({ spki }) => spki);
    },
    origin: signer.origin,
    isolationWanted: options.sandbox,
    allowUnsandboxed: options.allowUnsandboxedAgents,
  });
  const probed = await launcher.probe();
  return {
    store,
    inbox,
    mailbox,
    queues,
    evidence,
    isolationDetail: probed.detail,
    async removeLeftovers() {
      for (const name of leftovers) await removeAttemptTree(join(workDir, name));
    },
    deps: {
      ...evidence.outsiders,
      origin: signer.origin,
      store,
      inbox,
      artifacts,
      ledger: createLocalRootLedger(at('ledger')),
      signer,
      mailbox,
      launcher,
      scheduler: createLocalScheduler(clock),
      clock,
      chance,
      worker: {
        isolation: probed.isolation,
        executable: probed.executable,
        allowUnsandboxedAgents: options.allowUnsandboxedAgents,
        leaseMs: LEASE_MS,
        startMs: 0,
        heartbeatMs: HEARTBEAT_MS,
        survivesRestart: false,
      },
    },
  };
}

/** What the files of the operator say; whatever is wrong with any of them is said in one error. */
function settingsOf(
  { directory, concurrency }: EmbeddedOptions,
  ports: { clock: Clock; chance: Chance },
): { queues: QueueDefinitions; evidence: Evidence } {
  const mistakes = new Mistakes();
  const queues = mistakes.reading(() => queuesOf(join(directory, 'queues.json')));
  const evidence = mistakes.reading(() => readEvidenceFile(directory, ports));
  mistakes.settle();
  return { queues: { default: { concurrency }, ...queues }, evidence: evidence ?? NO_EVIDENCE };
}

function queuesOf(file: string): QueueDefinitions {
  if (!existsSync(file)) return {};
  let written: unknown;
  try {
    written = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const problem = `is no JSON (${(error as Error).message})`;
    throw new TerminalError({ code: 'USAGE', path: file, problem, fix: QUEUES_FIX });
  }
  return readQueues(written, 'queues.json');
}
