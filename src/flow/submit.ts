/**
 * Submit: one object of the inbox becomes one run, or an answer that says why not. Replaying it, in whole or from any
 * point at which it was cut off, gives the same run and the same answer.
 */
import { compile, parseSubmission, type Plan, planEntries, planEdges } from '@waybill/client/compile';
import { TerminalError, WaybillError } from '@waybill/client/errors';
import { type Digest, leafHash } from '@waybill/verify';
import { admissionRows, type NewRow, openingRows, planEvents } from '#core/admission.ts';
import { eventLine, openedEvent } from '#core/evidence.ts';
import { runIdOf } from '#core/ids.ts';
import { MAX_ENGINE_ACTIONS } from '#core/names.ts';
import { keys, type QueueRow, type RunRow } from '#core/rows.ts';
import { chunk } from '#core/sets.ts';
import { readyRoots } from '#flow/advance.ts';
import type { FlowDeps } from '#flow/deps.ts';
import type { Answer } from '#flow/inbox.ts';
import { decide, Draft } from '#flow/transaction.ts';
import type { InboxObject } from '#ports/inbox.ts';
