/** The composition root of embedded mode: every port gets its adapter in a directory of this machine. */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { SecretFolder } from '@waybill/client/secret-folder';
import type { TrustedKey } from '@waybill/verify';
import { type CallbackEndpoint, createHttpCallbacks } from '#adapters/http/callbacks.ts';
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
import { createSecretVault } from '#composition/secret-vault.ts';
import { EGRESS_FIX, type EgressSettings, readEgressSettings } from '#core/egress-settings.ts';
import { DENY_ALL, INTENTS_FIX, type IntentPolicy, readIntentPolicy } from '#core/intent.ts';
import { Mistakes } from '#core/mistakes.ts';
import { MODELS_FIX } from '#core/model-settings.ts';
import { LOCAL_PRICES, pricingOf } from '#core/price-table.ts';
import { DEFAULT_CAPS } from '#core/purse.ts';
import { QUEUES_FIX, type QueueDefinitions, readQueues } from '#core/queue-definition.ts';
import type { Spending } from '#core/spending.ts';
import { CALLBACKS_FIX, readCallbacksFile } from '#embedded/callbacks-file.ts';
import { readEvidenceFile } from '#embedded/evidence-file.ts';
import { keptSecrets } from '#embedded/kept-secrets.ts';
import { checkModelsFile } from '#embedded/models-file.ts';
import { readSpendingFile } from '#embedded/spending-file.ts';
import { written } from '#embedded/written.ts';
import type { FlowDeps } from '#flow/deps.ts';
import type { SecretKeeping } from '#flow/release.ts';
import type { Callbacks } from '#ports/callbacks.ts';
import type { Chance, Clock } from '#ports/clock.ts';
import { buildWorker } from '#worker-bundle';

export interface EmbeddedOptions {
  directory: string;
  /** Slots of the queue `default`; what queues.json says wins. */
  concurrency: number;
  sandbox: 'auto' | 'none';
  allowUnsandboxedAgents: boolean;
  /** Throws where the directory is no longer the one that it was. */
  requireState?(): void;
}

/** A worker that is silent for this long is lost; local workers beat every second. */
const LEASE_MS = 30_000;
const HEARTBEAT_MS = 1_000;
const MODELS = 'models.json';
const CALLBACKS = 'callbacks.json';

export interface Embedded {
  deps: Omit<FlowDeps, 'hints' | 'lane'>;
  store: LocalRunStore;
  inbox: LocalInbox;
  mailbox: LocalMailbox;
  queues: QueueDefinitions;
  /** What spending.json says. */
  spending: Spending;
  /** What evidence.json says. */
  evidence: Evidence;
  callbacks: Callbacks;
  secrets: SecretKeeping;
  isolationDetail: string;
  /** Removes the trees of attempts whose worker was killed with an earlier engine; call it once those have been stopped. */
  removeLeftovers(): Promise<void>;
}

/** Opens the state directory. Throws TerminalError ENGINE_RUNNING when another engine has it. */
export async function composeEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const at = (...names: string[]): string => join(options.directory, ...names);
  const clock = createLocalClock();
  const chance = createLocalChance();
  const { queues, spending, intentPolicy, egress, evidence, endpoints } = settingsOf(options, { clock, chance });
  const callbacks = createHttpCallbacks(endpoints, clock);
  const store = openLocalRunStore(at('store.sqlite'));
  const signer = openLocalSigner(at('keys'), at('ledger'));
  const artifacts = createLocalArtifacts(at('artifacts'));
  const mailbox = createLocalMailbox({ stagingDir: at('staging'), artifacts, chance, clock });
  await mailbox.listen();
  const inbox = createLocalInbox(options.directory, options.requireState);
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
    ...(existsSync(at(MODELS)) ? { modelsFile: at(MODELS) } : {}),
  });
  const folder = new SecretFolder(options.directory);
  const probed = await launcher.probe();
  return {
    store,
    inbox,
    mailbox,
    queues,
    spending,
    evidence,
    callbacks,
    // Read each time: a secret that is changed is another one from the next attempt on.
    secrets: { vault: createSecretVault(async (name) => folder.read(name)), channel: mailbox },
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
      pricing: pricingOf(spending.prices),
      intentPolicy,
      callbacks: callbacks.endpoints,
      egress,
      worker: {
        isolation: probed.isolation,
        executable: probed.executable,
        allowUnsandboxedAgents: options.allowUnsandboxedAgents,
        givesSecrets: keptSecrets(folder),
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
): Pick<Embedded, 'queues' | 'spending' | 'evidence'> & {
  intentPolicy: IntentPolicy;
  egress: EgressSettings;
  endpoints: ReadonlyMap<string, CallbackEndpoint>;
} {
  const mistakes = new Mistakes();
  const queues = mistakes.reading(() => readQueues(written(directory, 'queues.json', QUEUES_FIX), 'queues.json'));
  const spending = mistakes.reading(() => readSpendingFile(directory));
  const intentPolicy = mistakes.reading(() =>
    readIntentPolicy(written(directory, 'intents.json', INTENTS_FIX), 'intents.json'),
  );
  const egress = mistakes.reading(() =>
    readEgressSettings(written(directory, 'egress.json', EGRESS_FIX), 'egress.json'),
  );
  const evidence = mistakes.reading(() => readEvidenceFile(directory, ports));
  mistakes.reading(() => checkModelsFile(directory, written(directory, MODELS, MODELS_FIX)));
  const endpoints = mistakes.reading(() => readCallbacksFile(directory, written(directory, CALLBACKS, CALLBACKS_FIX)));
  mistakes.settle();
  return {
    queues: { default: { concurrency }, ...queues },
    spending: spending ?? { caps: DEFAULT_CAPS, prices: LOCAL_PRICES },
    intentPolicy: intentPolicy ?? DENY_ALL,
    egress: egress ?? {},
    evidence: evidence ?? NO_EVIDENCE,
    endpoints: endpoints ?? new Map(),
  };
}
