/**
 * Timestamp authority: somebody else's clock, which signs what it has seen and when (RFC 3161).
 *
 * Contract
 * - `stamp` sends the hash of the message, never the message, and resolves with a TimeStampResp in DER that has been
 *   verified: it answers this very request (hash and nonce), and its certificates lead to a root that the adapter was
 *   made with, for time stamping, at the time in it. Nothing is in it that nobody signed, so that the same token has
 *   one form.
 * - Asking again is harmless and gives another token with a later time. Whoever needs one keeps the first.
 * - Throws RetryableError TSA_UNREACHABLE: away, slow, overloaded, or an answer that is not to this request, as a
 *   proxy's page or another's answer is. Throws TerminalError TSA_REFUSED: the authority does not want to stamp this;
 *   and TSA_INVALID: it answers, and its token is not one to keep (an untrusted root, a wrong purpose, another policy).
 *   Asking again without a change would not help.
 * - Every call settles within the timeout that the adapter was made with, so that nobody has to be waited for.
 * - What is thrown holds printable ASCII only: the words of an authority are a stranger's.
 */
export interface TimestampAuthority {
  stamp(message: Uint8Array): Promise<Uint8Array>;
}
