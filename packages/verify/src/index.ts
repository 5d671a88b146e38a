/** Evidence of Waybill runs: its formats, and the judgement over them. */
export {
  importPublicKey,
  type PublicKey,
  type SignatureAlgorithm,
  sha256,
  sha256Hex,
  verifySignature,
} from '#crypto';
export type { CheckId } from './checks/check.ts';
export { fromBase64, toBase64 } from './crypto/base64.ts';
export { bytesOfHex, concatBytes, equalBytes, hexOf, utf8 } from './crypto/bytes.ts';
export { type Digest, digestOf, runningDigest } from './crypto/digest.ts';
export { EvidenceError, type EvidenceErrorCode } from './evidence-error.ts';
export {
  canonicalize,
  decodeUtf8,
  type JsonLimits,
  MAX_JSON_DEPTH,
  MAX_JSON_NODES,
  parseCanonical,
} from './json/jcs.ts';
export { pathTextProblem } from './json/path-text.ts';
export { ITEM_ID, isTime, SEALED_NAME } from './json/scalars.ts';
export { KeyHistory, type TrustedKey } from './keys/key-history.ts';
export {
  isKeyEntry,
  type KeyEntry,
  type KeyStatement,
  keyStatementHeader,
  keyStatementText,
} from './keys/key-statement.ts';
export { loadTrust, type Trust, type TrustedAttestKey, type TrustedLogKey, type TrustFile } from './keys/trust.ts';
export { type Checkpoint, formatCheckpoint, parseCheckpoint } from './log/checkpoint.ts';
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
} from './log/cosignature.ts';
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
} from './log/log-entry.ts';
export { emptyRoot, leafHash, type NodeSink, nodeHash, TreeBuilder, type TreeState } from './log/merkle.ts';
export {
  consistencyProof,
  inclusionProof,
  type ReadHash,
  verifyConsistency,
  verifyInclusion,
} from './log/merkle-proof.ts';
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
} from './log/note.ts';
export { LedgerUnreachable } from './log/tile-source.ts';
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
} from './log/tiles.ts';
export {
  evaluateQuorum,
  type PolicyLog,
  type PolicyWitness,
  parseTlogPolicy,
  type QuorumResult,
  type TlogPolicy,
} from './log/tlog-policy.ts';
export { formatTlogProof, parseTlogProof, type TlogProof } from './log/tlog-proof.ts';
export { CHECKPOINT_KEY, CHECKPOINT_OUTCOMES } from './record/checkpoint.ts';
export {
  ABSENT,
  conditionHolds,
  type EndState,
  type Operand,
  type PlannedCondition,
  type SealedValue,
  sealedValue,
  testsOf,
  UNREADABLE,
  type ValueTest,
} from './record/condition.ts';
export { type ClaimedUsage, isUnaccounted, MAX_MICRO_USD, mostOfModels, type SettledCost } from './record/cost.ts';
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
} from './record/dsse.ts';
export { type ClaimedEgress, EGRESS_REFUSALS, type EgressRefusal, type EgressSeen } from './record/egress.ts';
export { eventProblem, MAX_EVENT_BYTES } from './record/event-line.ts';
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
  InvalidOutput,
  Isolation,
  PlannedForEach,
  PlannedItem,
  PlannedLock,
  PlannedNeed,
  PlannedOutput,
  PlannedRead,
  PlannedShape,
  Pseudonym,
  RecordedOutput,
  ReusedFrom,
  RunCounts,
  RunEvent,
  SealedOutcome,
  SealedSource,
} from './record/events.ts';
export {
  ALL_DONE,
  branchDeps,
  branchId,
  branchIds,
  branchNeeds,
  branchSpec,
  eachKey,
  NO_OUTPUTS,
  outputsUnder,
  spreadNeeds,
  TOO_MANY_OUTPUTS,
} from './record/growth.ts';
export { deriveAttemptId, deriveRunId } from './record/ids.ts';
export { type DigestSet, type NamedDigest, STATEMENT_TYPE, type Statement } from './record/in-toto.ts';
export { INTENT_PREFIX, INTENT_REASONS, isIntent, type JudgedIntent } from './record/intent.ts';
export {
  ATTEMPT_BUILD_TYPE,
  BUILDER_ID,
  PROVENANCE_PREDICATE,
  type ProvenancePredicate,
  type ProvenanceStatement,
} from './record/provenance.ts';
export type { ReadLimits } from './record/read-limits.ts';
export { type ReuseFacts, recipeOf, reuseKey } from './record/reuse.ts';
export { reviewDigest } from './record/review.ts';
export { SIGSTORE_BUNDLE_TYPE, type SigstoreBundle, sigstoreBundleOf } from './record/sigstore-bundle.ts';
export {
  DISPATCH_PREDICATE,
  type DispatchPredicate,
  type DispatchStatement,
  type ManifestInput,
  RUN_SEAL_PREDICATE,
  type RunSealPredicate,
  type RunSealStatement,
  requireDispatchStatement,
} from './record/statement.ts';
export { CAPABILITY_KEY, MAX_QUESTIONS, PLAIN_LINES, TALK_KEY, talkInputs } from './record/talk.ts';
export { TEST_RESULT_PREDICATE, type TestResultPredicate, type TestResultStatement } from './record/test-result.ts';
export { declaredOutputs, SHAPE_NAME } from './record/typed-output.ts';
export { NO_COUNTS } from './replay/end-rules.ts';
export { RECORD_FULL } from './replay/replayed-item.ts';
export { type Dependent, firstDone, type Meaning, meaningOf, type UpstreamEnd } from './replay/upstream.ts';
export { bareTimestamp } from './rfc3161/bare-timestamp.ts';
export type { TimestampInput } from './rfc3161/stamp.ts';
export { type TimestampCheckId, TimestampError } from './rfc3161/timestamp-error.ts';
export { type TimeInterval, timestampInterval } from './rfc3161/timestamp-interval.ts';
export { timestampRequest } from './rfc3161/timestamp-request.ts';
export { type TimestampStatus, timestampStatus } from './rfc3161/timestamp-response.ts';
export { type VerifiedTimestamp, verifyTimestamp } from './rfc3161/verify-timestamp.ts';
export type { AnchorCapture } from './verdict/anchor-object.ts';
export type { AnchorUrls, Fetch } from './verdict/anchor-online.ts';
export type { CheckResult, CheckStatus } from './verdict/check-run.ts';
export {
  discloseItem,
  ItemAbsent,
  type ItemFacts,
  type ItemOptions,
  type ItemReport,
  verifyDisclosure,
} from './verdict/disclosure.ts';
export {
  DEMANDABLE,
  type Demands,
  type Facets,
  type IntegrityTier,
  REQUIRABLE,
  readDemands,
  type TimeTier,
} from './verdict/facets.ts';
export { loadPolicy, type Policy, type PolicyFile } from './verdict/policy.ts';
export { escapeText, renderReport } from './verdict/report.ts';
export type { Verdict, VerifiedFacts, VerifyReport } from './verdict/verdict.ts';
export { VERDICTS, type VerdictCode } from './verdict/verdict-code.ts';
export { type VerifyOptions, verifyBundle } from './verdict/verify-bundle.ts';
export { type StateFile, VerifyState } from './verdict/verify-state.ts';
