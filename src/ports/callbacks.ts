/**
 * Callbacks: tells somebody outside, by name, that a run has ended.
 *
 * Contract
 * - `endpoints` are the names that specs may give. Where each leads, and by which key what is sent there is signed, is the
 *   deployment's matter and known to nobody else.
 * - `send` makes one try, within a bounded time, and never throws: it resolves with what is known to have become of it.
 *   `undelivered` says that it certainly was not taken, `unknown` that nobody can tell.
 * - Of what is answered nothing is kept but a status.
 */
export interface Callbacks {
  endpoints: ReadonlySet<string>;
  send(endpoint: string, body: Uint8Array): Promise<Delivery>;
}

export interface Delivery {
  state: 'delivered' | 'undelivered' | 'unknown';
  /** For people: printable ASCII. */
  detail: string;
}
