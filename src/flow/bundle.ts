/**
 * The audit file of a run, from what stands in the ledger already: header, segments, seal, log records, end. It only
 * reads; the leaves are hashed once more on the way, so that a segment that was damaged never becomes a file that is
 * written once.
 */
import { TerminalError } from '@waybill/client/errors';
import {
  canonicalize,
  type DsseEnvelope,
  equalBytes,
  leafHash,
  TreeBuilder,
  type TreeState,
  toBase64,
} from '@waybill/verify';
import type { FlowDeps } from '#flow/deps.ts';
import { proveEntry, readEntry } from '#flow/log.ts';
import { isEvent, linesOf, segmentFolder } from '#flow/sequence.ts';
import { readStamp } from '#flow/stamp.ts';

const LISTED = 500;

export interface BundleParts {
  run: string;
  /** The run's tree as it was sealed. */
  tree: TreeState;
  seal: DsseEnvelope;
  openedIndex: number;
  sealedIndex: number;
  /** Size of the checkpoint that the proofs lead to. */
  sealedSize: number;
  /** The bundle carries the timestamp of that checkpoint. */
  timed: boolean;
}

export async function* bundleOf(deps: FlowDeps, parts: BundleParts): AsyncGenerator<Uint8Array> {
  let lines = 0;
  const encoder = new TextEncoder();
  const encode = (line: object): Uint8Array => {
    lines += 1;
    return encoder.encode(`${canonicalize(line)}\n`);
  };
  yield encode({ format: 'waybill-audit/v1', origin: deps.origin, run: parts.run });
  const tree = new TreeBuilder();
  for await (const segment of segments(deps, parts.run)) {
    for (const line of linesOf(segment)) {
      lines += 1;
      if (isEvent(line)) tree.append(leafHash(line));
    }
    yield segment;
  }
  const { size } = parts.tree;
  if (tree.size !== size || !equalBytes(tree.root(), TreeBuilder.from(parts.tree).root())) {
    throw damaged(parts.run, `they hold ${tree.size} events that do not have the root of the ${size} that were sealed`);
  }
  yield encode({ record: 'seal', dsse: parts.seal });
  for (const index of [parts.openedIndex, parts.sealedIndex]) {
    const entry = await readEntry(deps, index, parts.sealedSize);
    yield encode({ record: 'log', entry, proof: await proveEntry(deps, index, parts.sealedSize) });
  }
  const response = parts.timed ? await readStamp(deps, parts.sealedSize) : null;
  if (response !== null) yield encode({ record: 'time', tsr: toBase64(response) });
  yield encode({ end: { lines } });
}

/** Their names are their places, so they are listed in order. */
export async function* segments(deps: FlowDeps, run: string): AsyncGenerator<Uint8Array> {
  let after: string | undefined;
  do {
    const names = await deps.ledger.list(segmentFolder(run), {
      limit: LISTED,
      ...(after === undefined ? {} : { after }),
    });
    for (const name of names) {
      const bytes = await deps.ledger.get(name);
      if (bytes === null) throw damaged(run, `${name} is gone`);
      yield bytes;
    }
    after = names.length < LISTED ? undefined : names.at(-1);
  } while (after !== undefined);
}

function damaged(run: string, problem: string): TerminalError {
  return new TerminalError({
    code: 'OBJECT_CONFLICT',
    path: segmentFolder(run),
    problem: `the segments were changed: ${problem}`,
    fix: 'Find out who changed them, and restore them; the engine tries again within the hour, and when it starts.',
  });
}
