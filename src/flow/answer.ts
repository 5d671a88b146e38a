import type { ReceiptStatus } from '@waybill/client/documents';
import type { Refusal } from '@waybill/client/errors';

/** What becomes of one object: a receipt without the parts that are the same for all. */
export interface Answer {
  status: ReceiptStatus;
  run?: string;
  reasons: Refusal[];
}

/** An answer with one reason. */
export function refuse(status: ReceiptStatus, reason: Refusal): Answer {
  const { code, path, problem, fix } = reason;
  return { status, reasons: [{ code, path, problem, fix }] };
}
