/** A witness for transparency logs, to be run beside something else; `waybill-witness` is the same as a command. */
export { type RunningWitness, startWitness, type WitnessSettings } from './server.ts';
export type { Conflict, LogHead, WitnessState } from './state.ts';
export { WitnessError, type WitnessErrorCode } from './witness-error.ts';
