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
  /** Items that one with `forEach` becomes: no attempt leaves more outputs. All are sealed in one event line. */
  branchesPerItem: 300,
  /** Items that are added to a run at once, and what they may take as they are sealed: one transaction begins it. */
  itemsPerExtension: 500,
  extensionBytes: 512 * 1024,
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
  /** Items that one gate is about; they are read in the transaction in which it begins to wait. */
  reviewsPerGate: 32,
  /** One claim takes all locks of an item in one transaction: 32 keep it within 80 actions. */
  locksPerItem: 32,
  blocksPerPipeline: 16,
  /** Outputs that one item declares. */
  typedOutputs: 16,
  secretsPerBlock: 16,

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

  /** Of a cap, and of what one attempt may cost. */
  usd: 1_000_000,

  timeZoneChars: 64,
  cronChars: 200,
  /** Runs that one look may start for slots that were missed. */
  missedSlots: 10,

  /** One packed source. */
  sourceBytes: 1024 * 1024 * 1024,
  /** Dependencies in one sealed plan entry; an event line holds at most 65,535 bytes. */
  depsPerPlanEntry: 500,
} as const;

/** Of what is asked of a run that is there. */
export const CONTROL_LIMITS = {
  /** What somebody answers to a question of an item. */
  answerChars: 16 * 1024,
  /** How often an attempt of one item may be stopped for others: each is kept in its row. */
  requeuesPerItem: 100,
  /** How often one item may be opened again after its end; each brings all of its attempts anew. */
  retriesPerItem: 50,
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

/** Of what items take of a registry. */
export const PIN_LIMITS = {
  perItem: 16,
  /** Names that one run looks up, of each kind. */
  perRun: 128,
  /** With what stands before it, it is a key of an input. */
  capabilityNameChars: 52,
  /** All values of one run, as canonical JSON. */
  valuesBytes: 128 * 1024,
  /** One archive: a folder of most files, each with a header and padding. */
  archiveBytes: 80 * 1024 * 1024,
} as const;

/** Of what is registered, and of what an item takes of it. */
export const REGISTRY_LIMITS = {
  /** All files of one folder; a worker holds them in memory while it unpacks. */
  folderBytes: 64 * 1024 * 1024,
  /** Files and links of one folder. */
  files: 10_000,
} as const;

/** What a client takes of a pack; an engine never meets one. */
export const PACK_LIMITS = {
  /** Shapes of a pack; parameters, inputs and files of a shape. */
  entries: 64,
  descriptionChars: 1_024,
  files: 256,
  folderBytes: 8 * 1024 * 1024,
  /** Packs that one document names. */
  packs: 32,
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
  branches: 100,
  branchKey: 'item',
  maxAttempts: 1,
  backoffMs: 1_000,
  maxBackoffMs: 60_000,
  /** What the models of an attempt with an agent are reckoned at, unless the deployment's price table says otherwise. */
  agentMicroUsd: 1_000_000,
} as const;
