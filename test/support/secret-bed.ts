/** An embedded engine with real workers in this process, and a search of its state directory; its workers redact, or do not. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PackedSource } from '@waybill/client';
import type { ItemStatus, RunStatus } from '@waybill/client/documents';
import { SecretFolder } from '@waybill/client/secret-folder';
import { deriveRunId, type EventLine, type VerifyReport, verifyBundle } from '@waybill/verify';
import { createLocalLauncher } from '#adapters/local/launcher.ts';
import { composeEmbedded, type Embedded } from '#embedded/compose.ts';
import { createEngine } from '#embedded/engine.ts';
import { PRINCIPAL, putInbox } from './embedded-flow.ts';
import { formsOf, withoutRedactor } from './shown-secrets.ts';

const PATIENCE_MS = 60_000;

export interface SecretBed {
  directory: string;
  folder: SecretFolder;
  upload(packed: PackedSource): void;
  submit(submissionId: string, document: object): string;
  control(submissionId: string, document: object): void;
  item(submissionId: string, id: string): ItemStatus | undefined;
  /** Of the last attempt, as it is kept. */
  output(submissionId: string, item: string, name: string): string;
  /** Whether the log of an attempt that runs says it by now. */
  shows(run: string, item: string, text: string): boolean;
  until(look: () => boolean): Promise<void>;
  sealed(submissionId: string): Promise<{ report: VerifyReport; events: EventLine[] }>;
  close(): Promise<void>;
}

/** Of a form that was cut off, more than this is found. */
const PREFIX_BYTES = 20;

/** Wherever a state directory has any of these, or what it begins with, but for where they are kept: paths of files. */
export function shownIn(directory: string, secrets: readonly string[]): string[] {
  return filesWith(
    directory,
    secrets.flatMap(formsOf).map((form) => form.subarray(0, PREFIX_BYTES)),
  );
}

export function filesWith(directory: string, forms: readonly Buffer[]): string[] {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
  return paths.filter((path) => {
    if (path.startsWith('secrets/')) return false;
    const bytes = Buffer.from(`${path}\n${readOr(join(directory, path))}`, 'latin1');
    return forms.some((form) => bytes.includes(form));
  });
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** @param isRedacting else its workers are built without what keeps secrets out */
export async function openSecretBed(directory: string, isRedacting: boolean): Promise<SecretBed> {
  mkdirSync(directory);
  const embedded = await composeEmbedded({ directory, concurrency: 3, sandbox: 'auto', allowUnsandboxedAgents: true });
  const deps = isRedacting ? embedded.deps : await notRedacting(embedded, directory);
  const errors: object[] = [];
  const engine = createEngine(deps, {
    queues: embedded.queues,
    secrets: embedded.secrets,
    selfCheck: true,
    status: true,
    log: (level, message, facts) => {
      if (level === 'error') errors.push({ message, ...facts });
    },
    onFatal: (error) => errors.push({ error }),
  });
  await engine.start();
  const status = (submissionId: string): RunStatus | null => {
    const text = readOr(join(directory, 'outbox', PRINCIPAL, submissionId, 'status.json'));
    return text === '' ? null : (JSON.parse(Buffer.from(text, 'latin1').toString()) as RunStatus);
  };
  const until = async (look: () => boolean): Promise<void> => {
    const giveUpMs = performance.now() + PATIENCE_MS;
    while (!look()) {
      const items = status('s')?.items.map(({ id, state, reason }) => `${id} ${state} ${reason}`);
      if (performance.now() > giveUpMs) throw new RangeError(`it did not happen: ${items} ${JSON.stringify(errors)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const item = (submissionId: string, id: string): ItemStatus | undefined =>
    status(submissionId)?.items.find((each) => each.id === id);
  return {
    directory,
    folder: new SecretFolder(directory),
    until,
    item,
    upload({ path, bundle }) {
      const folder = join(directory, 'uploads', PRINCIPAL);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, bundle.slice(7)), readFileSync(path));
    },
    submit(submissionId, document) {
      putInbox(directory, 'default', submissionId, JSON.stringify(document));
      return deriveRunId(PRINCIPAL, submissionId);
    },
    control: (submissionId, document) => putInbox(directory, '@control', submissionId, JSON.stringify(document)),
    output(submissionId, id, name) {
      const kept = item(submissionId, id)
        ?.attempts.at(-1)
        ?.outputs.find((output) => output.name === name);
      const hex = kept?.sha256.slice(7) ?? '';
      return readFileSync(join(directory, 'artifacts', 'sha256', hex.slice(0, 2), hex), 'utf8');
    },
    shows(_run, id, text) {
      const attempt = item('s', id)?.attempts.at(-1)?.id ?? '';
      return readOr(join(directory, 'staging', attempt, 'log')).includes(Buffer.from(text).toString('latin1'));
    },
    async sealed(submissionId) {
      await until(() => status(submissionId)?.bundle !== undefined);
      const key = status(submissionId)?.bundle?.key ?? '';
      const bytes = readFileSync(join(directory, 'ledger', ...key.split('/')));
      const lines = bytes.toString().trim().split('\n');
      const events = lines.map((line) => JSON.parse(line) as EventLine).filter(({ seq }) => seq !== undefined);
      return { report: await verifyBundle([bytes], { trust: deps.signer.trust }), events };
    },
    async close() {
      embedded.inbox.unwatch();
      await engine.stop();
      await embedded.mailbox.shutdown();
      await embedded.store.close();
    },
  };
}

/** Its worker has another digest. */
async function notRedacting(embedded: Embedded, directory: string): Promise<Embedded['deps']> {
  const { deps } = embedded;
  const bundled = readFileSync(join(directory, 'worker.mjs'), 'utf8');
  const workerFile = join(directory, 'worker-without.mjs');
  writeFileSync(workerFile, withoutRedactor(bundled));
  const launcher = createLocalLauncher({
    workerFile,
    workDir: join(directory, 'work'),
    keys: deps.signer.trust.keys.filter(({ use }) => use === 'attest').map(({ spki }) => spki),
    origin: deps.origin,
    isolationWanted: 'auto',
    allowUnsandboxed: true,
  });
  const { executable } = await launcher.probe();
  return { ...deps, launcher, worker: { ...deps.worker, executable } };
}
