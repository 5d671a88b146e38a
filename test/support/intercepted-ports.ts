/** Ports whose calls a test sees, holds back, counts or swallows before the adapter gets them. */
import type { FlowDeps } from '#flow/deps.ts';

const PORTS = ['store', 'inbox', 'artifacts', 'ledger', 'signer', 'mailbox', 'launcher'] as const;

export type Port = (typeof PORTS)[number] | 'witness' | 'timestampAuthority';

export interface PortCall {
  port: Port;
  method: string;
  args: unknown[];
}

type Deps = Omit<FlowDeps, 'hints' | 'lane'>;

/** Synchronous methods and registrations have no effect that could be cut off; they go straight through. */
const STRAIGHT_THROUGH = new Set(['onArrival', 'onStaged', 'onStopped', 'handleOf', 'pseudonym']);

/** `around` stands before every asynchronous call of every port; `proceed` makes the call. */
export function interceptPorts(deps: Deps, around: (call: PortCall, proceed: () => unknown) => unknown): Deps {
  const intercepted = PORTS.map((port) => [port, intercept(port, deps[port], around)]);
  const authority = deps.timestampAuthority;
  return {
    ...deps,
    ...Object.fromEntries(intercepted),
    witnesses: deps.witnesses.map((witness) => intercept('witness', witness, around)),
    timestampAuthority: authority && intercept('timestampAuthority', authority, around),
  };
}

function intercept<P extends object>(
  port: Port,
  target: P,
  around: (call: PortCall, proceed: () => unknown) => unknown,
): P {
  return new Proxy(target, {
    get(_target, method) {
      const value: unknown = Reflect.get(target, method, target);
      if (typeof value !== 'function' || typeof method !== 'string') return value;
      const call = value.bind(target);
      if (STRAIGHT_THROUGH.has(method)) return call;
      return (...args: unknown[]) => around({ port, method, args }, () => call(...args));
    },
  });
}
