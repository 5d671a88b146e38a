/** Submit work to a Waybill deployment, watch it, fetch what came of it. Verbs of an operator are in `./operator`. */
export type { WaitOptions } from './await-receipt.ts';
export * from './compile.ts';
export { type CompiledFlow, compileFlow } from './compile-flow.ts';
export { DirectoryTransport, type DirectoryTransportOptions } from './directory-transport.ts';
export * from './documents.ts';
export { durationMs, formatDuration } from './duration.ts';
export * from './errors.ts';
export type { FlowFile, FlowFiles } from './flow-parts.ts';
export { DEFAULTS, LIMITS, type Limits } from './limits.ts';
export { locateRefusals, type TextPlace } from './locate-refusals.ts';
export { type GitSource, type PackedSource, type PackPlace, packSource } from './pack-source.ts';
export type * from './plan.ts';
export { readSpec, type WrittenSpec } from './read-spec.ts';
export { findRun, listRuns } from './runs.ts';
export { SpecRefused } from './spec-refused.ts';
export { type PreparedRun, prepareRun, type SubmitOptions, submitRun } from './submit.ts';
export type { PutResult, SubmissionRef, Transport } from './transport.ts';
export { isEnded, watchRun } from './watch.ts';
