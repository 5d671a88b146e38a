/**
 * Secret channel: how a worker asks for secrets and is answered, by two objects of its mailbox that only jobs with secrets have.
 *
 * Contract
 * - `asked` is the public key that the worker of an attempt has staged, to which they are to be sealed; null where there is none, or
 *   nothing of the kind: whatever a worker writes is no trouble of ours. A key is staged once, with `If-None-Match: *`.
 * - `answer` leaves what was sealed for the worker to take. It is write-once: false when something lies there, the key is
 *   gone, or the mailbox is closed.
 * - The worker takes both away, the key first. It may stage another key then, which `asked` tells of like the first.
 */
export interface SecretChannel {
  asked(attemptId: string): Promise<string | null>;
  answer(attemptId: string, sealed: string): Promise<boolean>;
}
