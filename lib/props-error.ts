/** Says all that is wrong with the properties at once: each line begins with the property's name and ends with what it has to be. */
export class WaybillPropsError extends TypeError {
  readonly problems: readonly string[];

  /** @param what holds the properties: a file, when they come from one */
  constructor(problems: readonly string[], what = 'Waybill') {
    const lines = problems.map((problem) => `- ${problem}`).join('\n');
    super(`${what} cannot be deployed like this:\n${lines}\nlib/waybill-props.ts describes every property.`);
    this.name = 'WaybillPropsError';
    this.problems = problems;
  }
}

/** One line of it. */
export function isNot(path: string, value: unknown, wanted: string): string {
  return value === undefined
    ? `${path}: is missing; it has to be ${wanted}`
    : `${path}: is ${shown(value)}; it has to be ${wanted}`;
}

const MAX_SHOWN = 60;

function shown(value: unknown): string {
  if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint') return `a ${typeof value}`;
  let text: string;
  try {
    text = JSON.stringify(value);
  } catch {
    return 'an object';
  }
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

export function isWhole(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= most;
}
