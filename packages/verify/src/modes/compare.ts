/** `waybill-verify compare <a> [<b>]`: two signed heads of one log, or a proof of a fork that somebody saved. */
import { type Bridge, type Comparison, compareHeads, FORK_FORMAT, readForkProof, UNDECIDED } from '../audit/compare.ts';
import { type LogHead, readLogHead } from '../audit/log-head.ts';
import { fromBase64 } from '../crypto/base64.ts';
import { EvidenceError } from '../evidence-error.ts';
import { loadTrust, type TrustFile } from '../keys/trust.ts';
import { LedgerUnreachable } from '../log/tile-source.ts';
import { tileHashReader } from '../log/tiles.ts';
import { parseTlogProof } from '../log/tlog-proof.ts';
import { LineSplitter } from '../record/line-splitter.ts';
import { escapeText } from '../verdict/report.ts';
import { pinnedKeys, sourceOf } from './log.ts';
import { fileProblem, type Io, isSystemError, readChunks, readWhole, UsageError } from './mode.ts';
import { COMPARE_FLAGS, flagLines, type ReadFlags, readFlags } from './mode-flags.ts';
import { replaceFile } from './replaced-file.ts';
import { tileReader } from './verify-flags.ts';

export const USAGE: string = `Usage: waybill-verify compare <head> <head> [flags]
       waybill-verify compare <fork proof> [flags]

  <head>                   a signed checkpoint, a bundle, a disclosure file, or a log proof
${flagLines(COMPARE_FLAGS)}  --json                   the result as JSON (waybill-compare-report/v1)

Exit codes: 0 consistent, 1 a fork, 2 undecided, 3 malformed, 4 usage or a file of yours, 5 the ledger could not be asked,
70 internal
`;

type Exit = 0 | 1 | 2 | 3 | 5;
const EXIT: Record<Comparison['outcome'], Exit> = { same: 0, consistent: 0, fork: 1, undecided: 2 };

export async function run(args: readonly string[], io: Io): Promise<number> {
  const flags = readFlags(args, COMPARE_FLAGS, USAGE);
  const trust = pinnedKeys(flags);
  try {
    const { heads, bridge } = await readInputs(flags);
    const compared = await compareHeads(...heads, trust === undefined ? undefined : loadTrust(trust), bridge);
    const saved = flags.text('save-proof');
    if (compared.outcome === 'fork' && saved !== undefined) {
      replaceFile('--save-proof', saved, `${JSON.stringify(compared.proof, null, 2)}\n`);
    }
    io.out(flags.has('json') ? `${asJson(heads, compared)}\n` : render(heads, compared, trust));
    return EXIT[compared.outcome];
  } catch (error) {
    if (error instanceof LedgerUnreachable) return refused(io, 5, 'UNREACHABLE', error.message);
    if (!(error instanceof EvidenceError)) throw error;
    return refused(io, 3, 'MALFORMED', error.message);
  }
}

function refused(io: Io, exit: Exit, headline: string, problem: string): Exit {
  io.out(`${headline}: ${escapeText(problem)}\n`);
  return exit;
}

async function readInputs(flags: ReadFlags): Promise<{ heads: [LogHead, LogHead]; bridge: Bridge | undefined }> {
  const [first, second, ...others] = flags.positionals;
  const [ledger, proof] = [flags.text('ledger'), flags.text('proof')];
  if (first === undefined || others.length > 0) throw new UsageError('expected two heads, or one proof', USAGE);
  if (second === undefined) {
    const text = asText(first);
    if (!text.startsWith('{')) throw new UsageError('one file alone has to be a proof of a fork', USAGE);
    const read = readForkProof(asJsonValue(text));
    return { heads: read.heads, bridge: { fork: read.proof } };
  }
  if (ledger !== undefined && proof !== undefined) throw new UsageError('give --ledger or --proof, not both', USAGE);
  const heads: [LogHead, LogHead] = [await readHead(first), await readHead(second)];
  if (proof !== undefined) {
    const hashes = asText(proof)
      .split('\n')
      .filter((line) => line !== '');
    return { heads, bridge: { proof: hashes.map((hash) => fromBase64(hash)) } };
  }
  return { heads, bridge: ledger === undefined ? undefined : ledgerBridge(ledger, flags.has('online')) };
}

function ledgerBridge(ledger: string, isOnline: boolean): Bridge {
  const read = tileReader(sourceOf(ledger, isOnline, USAGE));
  return { readHash: (size) => tileHashReader(size, read) };
}

/** The head in a file, whichever kind of evidence it is. What cannot be read as one is told with the file that it is about. */
async function readHead(path: string): Promise<LogHead> {
  try {
    return await headIn(path);
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    throw new EvidenceError(error.code, `${path}: ${error.message}`);
  }
}

async function headIn(path: string): Promise<LogHead> {
  const start = await startOf(path);
  if (start.startsWith('{')) return readLogHead(parseTlogProof(await firstProof(path)).checkpoint);
  const text = asText(path);
  return readLogHead(start.startsWith('c2sp.org/tlog-proof@v1') ? parseTlogProof(text).checkpoint : text);
}

const SMALL_BYTES = 1_048_576;

async function startOf(path: string): Promise<string> {
  for await (const chunk of readChunks('file', path)) return new TextDecoder().decode(chunk.subarray(0, 64));
  throw new EvidenceError('CHECKPOINT', 'it is empty');
}

function asJsonValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new EvidenceError('JSON_SYNTAX', 'it is not JSON');
  }
}

function asText(path: string): string {
  try {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(readWhole(path, SMALL_BYTES));
  } catch (error) {
    throw isSystemError(error) ? fileProblem('file', path, error) : error;
  }
}

/** A bundle and a disclosure carry their checkpoint in the proofs of their log records. */
async function firstProof(path: string): Promise<string> {
  const splitter = new LineSplitter({ lineBytes: SMALL_BYTES, fileBytes: 1_073_741_824 });
  const decoder = new TextDecoder();
  for await (const chunk of readChunks('file', path)) {
    for (const line of splitter.push(chunk)) {
      const text = decoder.decode(line);
      if (!text.startsWith('{"entry":')) continue;
      const { proof } = asJsonValue(text) as { proof?: unknown };
      if (typeof proof === 'string') return proof;
    }
  }
  throw new EvidenceError('CONTAINER', 'it holds no log record, and is no signed checkpoint');
}

function asJson(heads: readonly LogHead[], compared: Comparison): string {
  const described = heads.map(({ text, checkpoint: { origin, size } }) => ({ origin, size, note: text }));
  return JSON.stringify(
    { format: 'waybill-compare-report/v1', exitCode: EXIT[compared.outcome], heads: described, ...compared },
    null,
    2,
  );
}

const HEADLINES: Record<Comparison['outcome'], string> = {
  same: 'SAME: both heads are of one and the same log.',
  consistent: 'CONSISTENT: the smaller log is the beginning of the larger one.',
  fork: 'FORK: the holder of the log key has signed two logs that exclude each other. Both notes together prove it.',
  undecided: 'UNDECIDED: neither a fork nor its absence is shown.',
};

function render(heads: readonly LogHead[], compared: Comparison, trust: TrustFile | undefined): string {
  const reason = compared.outcome === 'undecided' ? `${compared.code}: ${UNDECIDED[compared.code]}; ` : '';
  const isSaidTwice = reason.includes(compared.detail);
  const lines = [
    HEADLINES[compared.outcome],
    `  ${escapeText(isSaidTwice ? reason.slice(0, -2) : reason + compared.detail)}`,
  ];
  if (compared.outcome === 'fork') {
    for (const { text } of heads) lines.push('', ...text.split('\n').map((line) => `  | ${escapeText(line)}`));
    lines.push(`Keep both (--save-proof writes ${FORK_FORMAT}); log ${escapeText(trust?.origin ?? '')}.`);
  }
  return `${lines.join('\n')}\n`;
}
