/** Evidence of Waybill runs: its formats, and the judgement over them. */
export {
  importPublicKey,
  type PublicKey,
  type SignatureAlgorithm,
  sha256,
  sha256Hex,
  verifySignature,
} from '#crypto';

export type { AnchorCapture } from './anchor-object.ts';
export type { AnchorUrls, Fetch } from './anchor-online.ts';
export { fromBase64, toBase64 } from './base64.ts';
export { bytesOfHex, concatBytes, equalBytes, hexOf, utf8 } from './bytes.ts';
export type { CheckResult, CheckStatus } from './check-run.ts';
export { type Checkpoint, formatCheckpoint, parseCheckpoint } from './checkpoint.ts';
export type { CheckId } from './checks/check.ts';
export {
  type Cosignature,
  cosignedMessage,
  formatCosignature,
  formatWitnessVkey,
  parseCosignature,
  parseWitnessVkey,
  verifyCosignatures,
  type Witnessing,
  type WitnessKey,
  witnessKeyHash,
} from './cosignature.ts';
export { type Digest, digestOf, runningDigest } from './digest.ts';
export { discloseItem, type ItemFacts, type ItemOptions, type ItemReport, verifyDisclosure } from './disclosure.ts';
export {
  type AttestKey,
  type DsseEnvelope,
  type DsseSignature,
  formatEnvelope,
  IN_TOTO_PAYLOAD_TYPE,
  type OpenedEnvelope,
  openEnvelope,
  pae,
  verifyEnvelope,
} from './dsse.ts';
export { eventLineProblem, MAX_EVENT_BYTES } from './event-line.ts';
export type {
  AttemptClaim,
  ClaimedBlock,
  ClaimedResult,
  EventData,
  EventFrame,
  EventLine,
  EventOf,
  EventType,
  FencedLock,
  Isolation,
  PlannedItem,
  PlannedLock,
  PlannedNeed,
  Pseudonym,
  RecordedOutput,
  RunCounts,
  RunEvent,
  SealedOutcome,
  SealedSource,
} from './events.ts';
export { EvidenceError, type EvidenceErrorCode } from './evidence-error.ts';
export {
  DEMANDABLE,
  type Demands,
  type Facets,
  type IntegrityTier,
  REQUIRABLE,
  readDemands,
  type TimeTier,
} from './facets.ts';
export { deriveAttemptId, deriveRunId } from './ids.ts';
export { type DigestSet, type NamedDigest, STATEMENT_TYPE, type Statement } from './in-toto.ts';
export { canonicalize, decodeUtf8, type JsonLimits, MAX_JSON_DEPTH, MAX_JSON_NODES, parseCanonical } from './jcs.ts';
export { KeyHistory, type TrustedKey } from './key-history.ts';
export {
  isKeyEntry,
  type KeyEntry,
  type KeyStatement,
  keyStatementHeader,
  keyStatementText,
} from './key-statement.ts';
export {
  type AnchorReceiptEntry,
  type HeartbeatEntry,
  type KeyAddedEntry,
  type KeyRetiredEntry,
  type KeyRevokedEntry,
  type LogEntry,
  type LogEntryType,
  type PolicyChangedEntry,
  type RunAbortedEntry,
  type RunAddendumEntry,
  type RunCheckpointEntry,
  type RunEntry,
  type RunOpenedEntry,
  type RunSealedEntry,
  requireLogEntry,
} from './log-entry.ts';
export { emptyRoot, leafHash, type NodeSink, nodeHash, TreeBuilder, type TreeState } from './merkle.ts';
export {
  consistencyProof,
  inclusionProof,
  type ReadHash,
  verifyConsistency,
  verifyInclusion,
} from './merkle-proof.ts';
export {
  formatNote,
  formatVkey,
  type NoteAlgorithm,
  type NoteKey,
  type NoteSignature,
  noteKeyHash,
  parseNote,
  parseVkey,
  type SignedNote,
  verifyNote,
  vkeyOf,
} from './note.ts';
export { pathTextProblem } from './path-text.ts';
export { loadPolicy, type Policy, type PolicyFile } from './policy.ts';
export {
  ATTEMPT_BUILD_TYPE,
  BUILDER_ID,
  PROVENANCE_PREDICATE,
  type ProvenancePredicate,
  type ProvenanceStatement,
} from './provenance.ts';
export type { ReadLimits } from './read-limits.ts';
export { escapeText, renderReport } from './report.ts';
export { bareTimestamp } from './rfc3161/bare-timestamp.ts';
export type { TimestampInput } from './rfc3161/stamp.ts';
export { type TimestampCheckId, TimestampError } from './rfc3161/timestamp-error.ts';
export { type TimeInterval, timestampInterval } from './rfc3161/timestamp-interval.ts';
export { timestampRequest } from './rfc3161/timestamp-request.ts';
export { type TimestampStatus, timestampStatus } from './rfc3161/timestamp-response.ts';
export { type VerifiedTimestamp, verifyTimestamp } from './rfc3161/verify-timestamp.ts';
export { NO_COUNTS } from './run-machine.ts';
export { isTime } from './scalars.ts';
export { SIGSTORE_BUNDLE_TYPE, type SigstoreBundle, sigstoreBundleOf } from './sigstore-bundle.ts';
export {
  DISPATCH_PREDICATE,
  type DispatchPredicate,
  type DispatchStatement,
  type ManifestInput,
  RUN_SEAL_PREDICATE,
  type RunSealPredicate,
  type RunSealStatement,
  requireDispatchStatement,
} from './statement.ts';
export { TEST_RESULT_PREDICATE, type TestResultPredicate, type TestResultStatement } from './test-result.ts';
export { LedgerUnreachable } from './tile-source.ts';
export {
  decodeEntries,
  encodeEntries,
  TILE_HEIGHT,
  TILE_WIDTH,
  type TileRef,
  tileHashReader,
  tileOf,
  tilePath,
  tilesBetween,
} from './tiles.ts';
export {
  evaluateQuorum,
  type PolicyLog,
  type PolicyWitness,
  parseTlogPolicy,
  type QuorumResult,
  type TlogPolicy,
} from './tlog-policy.ts';
export { formatTlogProof, parseTlogProof, type TlogProof } from './tlog-proof.ts';
export { loadTrust, type Trust, type TrustedAttestKey, type TrustedLogKey, type TrustFile } from './trust.ts';
export type { Verdict, VerifiedFacts, VerifyReport } from './verdict.ts';
export { VERDICTS, type VerdictCode } from './verdict-code.ts';
export { type VerifyOptions, verifyBundle } from './verify-bundle.ts';
export { type StateFile, VerifyState } from './verify-state.ts';
