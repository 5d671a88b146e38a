import { RetryableError, type Transport, type WaitOptions, WaybillError } from '@waybill/client';
import type { Deployment } from '@waybill/client/deployment';
import type { TrustFile } from '@waybill/verify';
import { readDeploymentFile } from './deployment-file.ts';
import type { EngineOptions } from './engine-process.ts';
import { usageError } from './error-report.ts';
import type { Target } from './target.ts';

/** A submission passes two queues, and functions that sleep until they are needed. */
const PATIENCE_MS = 120_000;

/** A deployment in AWS. Nothing is read or loaded before something is asked of it. */
export class DeployedTarget implements Target {
  readonly kind = 'aws';
  readonly where: string;
  readonly trustPlace = 'public keys from KMS';
  readonly #file: string;
  #deployment: Promise<Deployment> | undefined;
  #transport: Promise<Transport> | undefined;

  /** @param file the deployment file */
  constructor(file: string) {
    this.#file = file;
    this.where = `the deployment of ${file}`;
  }

  get deployment(): Promise<Deployment> {
    this.#deployment ??= readDeploymentFile(this.#file);
    return this.#deployment;
  }

  open(): Promise<Transport> {
    this.#transport ??= this.#open();
    return this.#transport;
  }

  openNew(): Promise<Transport> {
    return this.open();
  }

  async ensure(options: EngineOptions): Promise<null> {
    const given = options.concurrency !== undefined || options.noSandbox === true || options.unsandboxed === true;
    if (!given) return null;
    const problem = 'an engine that this command starts has such options, and a deployment is none';
    throw usageError('--target aws', problem, 'Leave out --concurrency, --no-sandbox and --unsandboxed.');
  }

  async answered<T>(ask: (wait: WaitOptions) => Promise<T>): Promise<T> {
    try {
      return await ask({ timeoutMs: PATIENCE_MS });
    } catch (error) {
      if (!(error instanceof WaybillError) || error.code !== 'TIMED_OUT') throw error;
      const problem = `the deployment did not answer: ${error.problem}`;
      const fix = `${error.fix} \`waybill doctor --deployed\` says what stands still.`;
      throw new RetryableError({ code: 'ENGINE_UNREACHABLE', path: this.#file, problem, fix }, { cause: error });
    }
  }

  guard(_options: EngineOptions, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async trust(): Promise<TrustFile> {
    const deployment = await this.deployment;
    const { readTrust } = await import('@waybill/client/aws');
    return readTrust(deployment);
  }

  async ledgerPlace(key: string): Promise<string> {
    const { buckets } = await this.deployment;
    return `s3://${buckets.ledger ?? ''}/${key}`;
  }

  isWorking(): boolean {
    return true;
  }

  async #open(): Promise<Transport> {
    const deployment = await this.deployment;
    const { openS3Transport } = await import('@waybill/client/aws');
    return openS3Transport(deployment);
  }
}
