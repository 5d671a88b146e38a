/** What a control plane needs of this package: parsing and compiling. Pure: no file, no process, no clock. */

export {
  type Extended,
  type Extension,
  extensionProblems,
  inRun,
  namedBy,
  planExtension,
} from './compile-extension.ts';
export { type Compiled, type CompiledItems, compile, compileItems, queueOf } from './compile-plan.ts';
export { type CronFields, readCron } from './cron.ts';
export { pinProblems } from './item-pins.ts';
export { LATEST_RUN, refuseRunId } from './object-names.ts';
export { type ParsedControl, type ParsedRun, parseControl, parseRun } from './parse-spec.ts';
export type { Block, Plan, PlanEntry, PlanItem, PlanNeed, PlanSource } from './plan.ts';
export { planEdges, planEntries } from './plan-entries.ts';
export type { Shared } from './plan-item.ts';
export { type MissedRule, placedInSchedule, runOf, type ScheduleSpec } from './schedule.ts';
export type { Addition, ControlSpec, ItemSpec, RunSpec, RunVerb, ScheduleVerb } from './spec.ts';
