/**
 * Shows the log of an item while it is written. What a worker puts while it runs is shown as it comes and proves nothing;
 * when an attempt has ended, its sealed log decides: the rest of it follows, or all of it where something else was shown.
 */
import { createHash } from 'node:crypto';
import type { AttemptStatus, ItemStatus, RunStatus, SubmissionRef, Transport } from '@waybill/client';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { isSealed } from './follow.ts';
import { createLogScreen, type LogScreen } from './log-screen.ts';
import { isCaredFor, itemOf, outputOf } from './run-access.ts';
import type { VerbCall } from './verb.ts';

export interface FollowedItem {
  transport: Transport;
  ref: SubmissionRef;
  item: string;
  /** The number of the one attempt to show; else from the newest one to the last. */
  only?: number;
}

const MORE_TO_COME: ReadonlySet<ItemStatus['state']> = new Set(['pending', 'ready', 'running', 'suspended']);

/** Resolves when the item has ended, or the one attempt, or nobody works on the run any more, or at the interruption. */
export async function followLog(call: VerbCall, { transport, ref, item: id, only }: FollowedItem): Promise<ExitCode> {
  let next = only;
  let shown: ShownAttempt | null = null;
  const signal = call.interruption();
  for await (const _hint of transport.changes(ref, signal)) {
    const run = await transport.readStatus(ref);
    if (run === null) continue;
    const item = itemOf(run, id);
    next ??= item.attempts.at(-1)?.attempt ?? 1;
    for (;;) {
      const attempt = item.attempts.find(({ attempt: number }) => number >= (next ?? 1));
      if (attempt === undefined) break;
      if (shown?.number !== attempt.attempt)
        shown = new ShownAttempt(
          transport,
          attempt,
          createLogScreen(call.terminal, call.flag('json'), attempt.attempt),
        );
      if (attempt.endedAt === undefined) {
        await shown.showLive();
        break;
      }
      await shown.showSealed(attempt);
      if (only !== undefined) return EXIT.ok;
      next = attempt.attempt + 1;
    }
    if (isOver(run, item)) return EXIT.ok;
    if (!isCaredFor(call, run)) {
      const goOn = `\`waybill watch ${run.run.slice(0, 12)}\` goes on with it`;
      call.terminal.err.write(`waybill: no engine works on the run, so nothing more comes: ${goOn}.\n`);
      return EXIT.engineUnreachable;
    }
  }
  return EXIT.interrupted;
}

function isOver(run: RunStatus, item: ItemStatus): boolean {
  return isSealed(run) || !MORE_TO_COME.has(item.state);
}

/** One attempt, of which so much is on the screen. */
class ShownAttempt {
  readonly number: number;
  readonly #transport: Transport;
  readonly #id: string;
  readonly #screen: LogScreen;
  #shownBytes = 0;
  readonly #shown = createHash('sha256');

  constructor(transport: Transport, { id, attempt }: AttemptStatus, screen: LogScreen) {
    this.#transport = transport;
    this.#id = id;
    this.#screen = screen;
    this.number = attempt;
  }

  async showLive(): Promise<void> {
    const log = await this.#transport.openLiveLog(this.#id, this.#shownBytes);
    if (log === null) return;
    for await (const chunk of log) {
      this.#shown.update(chunk);
      this.#shownBytes += chunk.byteLength;
      this.#screen.show(chunk);
    }
  }

  async showSealed(attempt: AttemptStatus): Promise<void> {
    const sealed = outputOf(attempt, 'log');
    if (sealed === undefined) {
      this.#screen.note('it left no log that was kept');
    } else {
      const chunks: Uint8Array[] = [];
      for await (const chunk of await this.#transport.openArtifact(sealed.sha256)) chunks.push(chunk);
      const log = Buffer.concat(chunks);
      const same =
        createHash('sha256').update(log.subarray(0, this.#shownBytes)).digest('hex') === this.#shown.digest('hex');
      if (!same) this.#screen.note('what was shown so far is not what was kept; the log that was kept follows, whole');
      this.#screen.show(same ? log.subarray(this.#shownBytes) : log);
    }
    this.#screen.end(attempt);
  }
}
