/** What somebody dropped or picked: told by what stands in the file, never by its name. */

import type { TrustFile } from '../src/keys/trust.ts';
import type { PolicyFile } from '../src/verdict/policy.ts';

export type Chosen =
  | { kind: 'bundle'; file: File }
  | { kind: 'keys'; file: File; keys: TrustFile }
  | { kind: 'policy'; file: File; policy: PolicyFile }
  | { kind: 'anchor'; file: File; capture: unknown }
  | { kind: 'refused'; file: File; problem: string };

/** Keys, policies and captures are small; whatever is longer is read as a bundle. */
const MAX_DOCUMENT_BYTES = 4 << 20;
const MATERIAL = 'public keys, a policy or an anchor capture';

/** @param place what the file was picked for; `any` when it was dropped */
export async function recognise(file: File, place: 'bundle' | 'material' | 'any'): Promise<Chosen> {
  // Picked as a bundle it is judged as one: the verdict says best what is wrong with it.
  if (place === 'bundle') return { kind: 'bundle', file };
  const document = file.size > MAX_DOCUMENT_BYTES ? undefined : readDocument(await file.text());
  const format = document?.format;
  if (format === 'waybill-keys/v1') return { kind: 'keys', file, keys: document as unknown as TrustFile };
  if (format === 'waybill-policy/v1') return { kind: 'policy', file, policy: document as unknown as PolicyFile };
  if (format === 'waybill-anchor-capture/v1') return { kind: 'anchor', file, capture: document };
  if (place === 'material') return { kind: 'refused', file, problem: `This file holds no ${MATERIAL}.` };
  if (document === undefined) return { kind: 'bundle', file };
  return { kind: 'refused', file, problem: `This file is neither an audit bundle nor ${MATERIAL}.` };
}

/** One JSON object; undefined for anything else, such as the lines of a bundle. */
function readDocument(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
