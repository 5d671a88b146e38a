/** A session with one model: short credentials that a worker, and no block, signs its requests with. Sealed as secrets are. */
import { readDocument } from './document-reader.ts';

/** No session lasts longer: STS gives a function, which acts in a role itself, no more. */
export const SESSION_MS = 3_600_000;

export interface SessionCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
}

export interface ModelSession extends SessionCredentials {
  /** Where requests go: an origin. */
  url: string;
  /** What they are signed for. */
  region: string;
}

const MAX_TEXT = 8_192;
const ORIGIN = /^https?:\/\/[a-z0-9.:-]+$/;

/** Throws TerminalError LEASE_INVALID unless the bytes are exactly one canonical session. */
export function parseModelSession(bytes: Uint8Array): ModelSession {
  const root = readDocument(bytes, { code: 'LEASE_INVALID', name: 'session' });
  return root.close({
    accessKeyId: root.string('accessKeyId', 128, /^\w+$/),
    region: root.string('region', 32, /^[a-z0-9-]+$/),
    secretAccessKey: root.string('secretAccessKey', 128, /^[!-~]+$/),
    sessionToken: root.string('sessionToken', MAX_TEXT, /^[!-~]+$/),
    url: root.string('url', 256, ORIGIN),
  });
}
