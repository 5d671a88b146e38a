/**
 * Which hosts outside of its sandbox an item asks for, and which a deployment lets it reach: lists of rules that are kept apart. A
 * host passes that a rule of each list names, and none of what is denied.
 */

/** What an operator lets the items of a queue reach. */
export interface EgressPolicy {
  allow: string[];
  /** Whatever else says that they pass. */
  deny: string[];
}

/** Ports of a rule that names none. */
const WEB_PORTS: readonly number[] = [80, 443];
const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
/** The last label begins with a letter, which that of no address does, however it is written. */
const HOST = new RegExp(`^(?=.{1,253}$)(?:${LABEL}\\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$`);
const RULE = new RegExp(`^(?:\\*\\.)?((?:${LABEL}\\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)(?::([1-9][0-9]{0,4}))?$`);
const MAX_PORT = 65_535;

/** Those by which tools find proxies. The worker sets them to its own for every block of an item with egress; some tools read them in lower case. */
const PROXY_VARIABLES = ['ALL_PROXY', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'NODE_USE_ENV_PROXY'] as const;
export type ProxyVariable = (typeof PROXY_VARIABLES)[number];

/** In any case of its letters: which one counts is for the tool to say. */
export function isProxyVariable(name: string): boolean {
  return PROXY_VARIABLES.some((one) => one === name.toUpperCase());
}

/** A name of a host, in lower case and with a dot in it; never an address. */
export function isHostName(text: string): boolean {
  return HOST.test(text);
}

/** A host name, or one whose first label is `*`, which stands for exactly one label; perhaps with a port. */
export function isEgressRule(text: string): boolean {
  const [, host = '', port = '443'] = RULE.exec(text) ?? [];
  return isHostName(host) && Number(port) <= MAX_PORT;
}

/** Whether one of the rules names the host on this port. */
export function namesHost(rules: readonly string[], host: string, port: number): boolean {
  const asked = [host, `*${host.slice(host.indexOf('.'))}`];
  return rules.some((rule) => {
    const { host: named, ports } = partsOf(rule);
    return ports.includes(port) && asked.includes(named);
  });
}

/** Whether all that a rule names may be reached: every port of it is in what is allowed, and none in what is denied. */
export function mayAsk(rule: string, { allow, deny }: EgressPolicy): boolean {
  const { host, ports } = partsOf(rule);
  return ports.every((port) => namesHost(allow, host, port) && !namesHost(deny, host, port));
}

function partsOf(rule: string): { host: string; ports: readonly number[] } {
  const [host = '', port] = rule.split(':');
  return { host, ports: port === undefined ? WEB_PORTS : [Number(port)] };
}
