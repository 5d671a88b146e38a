/** The sequencer reads no mailbox: what an attempt had staged when its run was aborted is of no use to anybody. */
import type { Mailbox } from '#ports/mailbox.ts';

const nothing = async (): Promise<void> => {};
const refused = (): Promise<never> => Promise.reject(new TypeError('the sequencer has no mailboxes'));

export const unstaged: Mailbox = {
  staged: async () => ({ heartbeat: null, heartbeatAtMs: null, result: null }),
  post: refused,
  renew: nothing,
  cancel: nothing,
  close: nothing,
  openOutputs: refused,
  openLog: async () => null,
  onStaged: () => {},
};
