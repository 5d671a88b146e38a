/** Documents of an outbox from their bytes. What is none is named by its place, and never believed in part. */
import type { Receipt, RunStatus, ScheduleList } from './documents.ts';
import { RetryableError } from './errors.ts';

/** Where a document was read, and what can be done about one that is broken there. */
export interface DocumentPlace {
  path: string;
  fix: string;
}

/** Throws RetryableError STORE_FAILED. */
export function statusFrom(bytes: Uint8Array, place: DocumentPlace): RunStatus {
  const status = parsed<RunStatus>(bytes, place);
  const { run, name, state, openedAt, principal, submissionId, counts, items } = status ?? {};
  const texts = [run, name, state, openedAt, principal, submissionId];
  const isWhole = texts.every((text) => typeof text === 'string') && typeof counts === 'object' && Array.isArray(items);
  if (status === null || !isWhole) throw broken(place, 'it is no status of a run');
  return status as RunStatus;
}

/** Throws RetryableError STORE_FAILED. */
export function receiptFrom(bytes: Uint8Array, place: DocumentPlace): Receipt {
  const receipt = parsed<Receipt>(bytes, place);
  const isWhole = typeof receipt?.status === 'string' && Array.isArray(receipt.reasons);
  if (!isWhole) throw broken(place, 'it is no receipt');
  return receipt as Receipt;
}

/** Throws RetryableError STORE_FAILED. */
export function schedulesFrom(bytes: Uint8Array, place: DocumentPlace): ScheduleList {
  const list = parsed<ScheduleList>(bytes, place);
  if (!Array.isArray(list?.schedules)) throw broken(place, 'it is no list of schedules');
  return list as ScheduleList;
}

function parsed<T>(bytes: Uint8Array, place: DocumentPlace): Partial<T> | null {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Partial<T> | null;
  } catch (cause) {
    throw broken(place, 'it is not JSON', cause);
  }
}

function broken({ path, fix }: DocumentPlace, problem: string, cause?: unknown): RetryableError {
  return new RetryableError({ code: 'STORE_FAILED', path, problem, fix }, { cause });
}
