/** How a bug is planted: a port that does not do what the flow asked for, or a row that is seen as it is not. */
import type { FlowDeps } from '#flow/deps.ts';
import type { Action, Row, RunStore } from '#ports/run-store.ts';
import type { Container } from './container.ts';

export interface PlantedBug {
  name: string;
  /** How the violation of the rule begins that must find it: another that it happens to break proves nothing about this one. */
  breaks: RegExp;
  plant(deps: FlowDeps, container: Container): FlowDeps;
}

export type Put = Extract<Action, { do: 'put' }>;

/** Writes go through `change`, which may replace an action or leave it out. */
function writing(change: (action: Action, deps: FlowDeps) => Action | null): PlantedBug['plant'] {
  return (deps) => {
    const transact: RunStore['transact'] = (actions) =>
      deps.store.transact(actions.map((action) => change(action, deps)).filter((action) => action !== null));
    return { ...deps, store: { ...deps.store, transact } };
  };
}

/** Puts of these rows alone. */
export function putting(is: (action: Put) => boolean, change: (action: Put) => Action | null): PlantedBug['plant'] {
  return writing((action) => (action.do === 'put' && is(action) ? change(action) : action));
}

/** Rows are seen as `change` makes them, in these functions. */
export function seeing(functions: readonly string[], change: (row: Row) => Row | null): PlantedBug['plant'] {
  return (deps, { name }) => {
    if (!functions.includes(name)) return deps;
    const get: RunStore['get'] = async (keys) => (await deps.store.get(keys)).map((row) => row && change(row));
    return { ...deps, store: { ...deps.store, get } };
  };
}

/** Where claims are made a field is seen as it is not; it is written as it was. */
export function pretending(
  is: (row: Row) => boolean,
  field: string,
  change: (value: unknown) => unknown,
): PlantedBug['plant'] {
  return (deps, container) => {
    const seen = new Map<string, unknown>();
    const functions = ['advance', 'reconcile'];
    const pretend = seeing(functions, (row) => {
      if (!is(row)) return row;
      seen.set(`${row.pk} ${row.sk}`, row.body[field]);
      return { ...row, body: { ...row.body, [field]: change(row.body[field]) } };
    });
    const truly = putting(
      ({ pk, sk }) => seen.has(`${pk} ${sk}`) && functions.includes(container.name),
      (action) => ({ ...action, body: { ...action.body, [field]: seen.get(`${action.pk} ${action.sk}`) } }),
    );
    return pretend(truly(deps, container), container);
  };
}

export const leavingOut = (is: (action: Put) => boolean): PlantedBug['plant'] => putting(is, () => null);
export const isNew = ({ expect }: Put): boolean => expect === 0;
export const tellsOf =
  (type: string) =>
  ({ sk, body }: Put): boolean =>
    sk.startsWith('event/') && (body as { tail: string }).tail.includes(`"${type}"`);
