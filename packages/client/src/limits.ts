/**
 * Every limit of a submission, stated once. A limit is inclusive: the value itself is accepted, one more is refused.
 * Sizes are bytes of UTF-8, durations are milliseconds. The schema, the compiler, the tests and the reference read them here.
 */
export const LIMITS = {
  /** A spec as written, and as the canonical JSON that is submitted. */
  specBytes: 4 * 1024 * 1024,
  /** Objects and lists inside each other. */
  nesting: 64,
  /** Values in a document once aliases are expanded. */
  values: 1_000_000,
  /** Uses of YAML anchors in one file. */
  aliases: 1_000,
  /** Reasons in one refusal; the last one says how many more there are. */
  refusals: 200,

  items: 10_000,
  /** Items in a row that wait for each other. */
  chainDepth: 10_000,
  /** Dependencies of all items together. */
  edges: 200_000,
  needsPerItem: 128,
  /** Alternatives of one need. */
  sourcesPerNeed: 32,
  /** Values and states that one condition asks for, all together. */
  testsPerCondition: 32,
  /** A text that a condition compares with. */
  conditionTextChars: 256,
  pointerChars: 256,
  /** `all`, `any` and `not` inside each other. */
  conditionNesting: 6,
  /** All needs of one item and its condition, as they are sealed: with 500 dependencies and 32 locks they still fit into one event line. */
  needsBytes: 24 * 1024,
  /** Those that become ready together are sealed in one event. */
  reviewersPerGate: 16,
  /** One claim takes all locks of an item in one transaction: 32 keep it within 80 actions. */
  locksPerItem: 32,
  blocksPerPipeline: 16,

  nameChars: 63,
  lockNameChars: 128,
  labels: 32,
  labelValueChars: 256,
  outputPathChars: 512,
  sourceUrlChars: 2_048,
  sourceRefChars: 256,

  /** A shell script written in the spec. Longer scripts belong into the source. */
  runBytes: 64 * 1024,
  argvEntries: 256,
  argvEntryBytes: 32 * 1024,
  envEntries: 64,
  envNameChars: 128,
  envValueBytes: 8 * 1024,
  /** Names and values of one item's environment together, after the defaults. */
  envBytes: 32 * 1024,

  maxAttempts: 10,
  priority: 100,
  minTimeoutMs: 1_000,
  maxTimeoutMs: 24 * 3_600_000,
  minBackoffMs: 100,
  maxBackoffMs: 3_600_000,
  /** Deadline of an item and wall clock of a run. */
  minDeadlineMs: 1_000,
  maxDeadlineMs: 30 * 24 * 3_600_000,

  timeZoneChars: 64,
  cronChars: 200,
  /** Runs that one look may start for slots that were missed. */
  missedSlots: 10,

  /** One packed source. */
  sourceBytes: 1024 * 1024 * 1024,
  /** Dependencies in one sealed plan entry; an event line holds at most 65,535 bytes. */
  depsPerPlanEntry: 500,
} as const;

/** What a client takes of a flow before it compiles it; a run spec comes out, so an engine never meets these. */
export const FLOW_LIMITS = {
  loopRounds: 20,
  presetsPerTask: 8,
  /** Presets, and agents, of one file. */
  namedEntries: 1_000,
  /** Included files; one that is included twice counts twice. */
  includes: 32,
  /** Included files that include each other in a row. */
  includeDepth: 8,
  includePathChars: 512,
  /** All files of one flow together. */
  flowBytes: 4 * 1024 * 1024,
} as const;

/** What an inbox reads of one object before it is refused unread. */
export const MAX_SPEC_BYTES: number = LIMITS.specBytes;

export type Limits = { readonly [K in keyof typeof LIMITS]: number };

/** What an item gets when neither it nor `spec.defaults` says anything. */
export const DEFAULTS = {
  queue: 'default',
  timeoutMs: 15 * 60_000,
  priority: 50,
  environment: 'default',
  maxAttempts: 1,
  backoffMs: 1_000,
  maxBackoffMs: 60_000,
} as const;
