/** Mailbox and launcher of a simulated deployment, as one container sees them. */
import { RetryableError } from '@waybill/client/errors';
import type { Launcher } from '#ports/launcher.ts';
import type { Mailbox } from '#ports/mailbox.ts';
import { type Attempts, SIMULATED_WORKER } from './attempts.ts';
import type { Container } from './container.ts';
import { streamOf } from './object-stores.ts';

export function mailboxOf({ boxes }: Attempts, container: Container): Mailbox {
  return {
    post: (lease) =>
      container.call(`mailbox post ${lease.attemptId}`, () => {
        const empty = { heartbeat: null, heartbeatAtMs: null, outputs: null, result: null };
        const box = boxes.get(lease.attemptId) ?? { lease, ...empty };
        boxes.set(lease.attemptId, { ...box, lease: { ...lease, cancel: lease.cancel || box.lease.cancel } });
        return `simulated:${lease.attemptId}`;
      }),
    renew: (attemptId) => container.call(`mailbox renew ${attemptId}`, () => {}),
    cancel: (attemptId) =>
      container.call(`mailbox cancel ${attemptId}`, () => {
        const box = boxes.get(attemptId);
        if (box !== undefined) box.lease = { ...box.lease, cancel: true };
      }),
    staged: (attemptId) =>
      container.call(
        `mailbox staged ${attemptId}`,
        () => {
          const { heartbeat = null, heartbeatAtMs = null, result = null } = boxes.get(attemptId) ?? {};
          return { heartbeat, heartbeatAtMs, result };
        },
        { isRead: true },
      ),
    openOutputs: (attemptId) =>
      container.call(
        `mailbox outputs ${attemptId}`,
        () => {
          const outputs = boxes.get(attemptId)?.outputs;
          if (!outputs) throw missing(attemptId);
          return streamOf(outputs);
        },
        { isRead: true },
      ),
    openLog: async () => null,
    close: (attemptId) => container.call(`mailbox close ${attemptId}`, () => void boxes.delete(attemptId)),
    onStaged: () => {},
  };
}

/** Executions are named after attempts: a second start meets the first one. */
export function launcherOf(attempts: Attempts, container: Container): Launcher {
  const attemptOf = (handle: string): string => handle.slice('execution:'.length);
  const isRunning = (attemptId: string): boolean => attempts.workers.get(attemptId)?.isRunning === true;
  return {
    probe: async () => ({ isolation: 'container', executable: SIMULATED_WORKER, detail: 'simulated' }),
    handleOf: (attemptId) => `execution:${attemptId}`,
    launch: ({ attemptId }) =>
      container.call(
        `launch ${attemptId}`,
        () => {
          if (!attempts.hasRoom) throw noRoom(attemptId);
          attempts.start(attemptId);
          return `execution:${attemptId}`;
        },
        { refusal: () => notLaunched(attemptId) },
      ),
    stop: (handle, graceMs) =>
      container.call(`stop ${attemptOf(handle)}`, () => attempts.stop(attemptOf(handle), graceMs)),
    alive: (handles) =>
      container.call('alive', () => new Set(handles.filter((handle) => isRunning(attemptOf(handle))))),
    keep: (handle) => container.call(`keep ${attemptOf(handle)}`, () => {}),
    onStopped: () => {},
  };
}

function notLaunched(attemptId: string): RetryableError {
  const problem = 'the platform did not start it, or did not say so';
  return new RetryableError({ code: 'LAUNCH_FAILED', path: attemptId, problem, fix: 'It is tried again.' });
}

function noRoom(attemptId: string): RetryableError {
  const problem = 'there is no room for another worker';
  return new RetryableError({ code: 'LAUNCH_DEFERRED', path: attemptId, problem, fix: 'It is tried again.' });
}

function missing(attemptId: string): RetryableError {
  const problem = 'nothing is staged';
  return new RetryableError({ code: 'OBJECT_MISSING', path: attemptId, problem, fix: 'Post the lease first.' });
}
