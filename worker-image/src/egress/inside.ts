/**
 * In the sandbox: runs the command of a block with a port of its loopback that leads to the proxy outside, and with the variables by
 * which tools find proxies. It decides nothing: whoever is in the sandbox may do to it what they like.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { ProxyVariable } from '@waybill/client/egress';
import { openBridge } from '../agent/bridge.ts';

/** As a first argument of the worker; the command follows. */
export const EGRESS_FLAG = '--egress';
export const EGRESS_SOCKET = 'WAYBILL_EGRESS_SOCKET';

/** As a shell says it. */
const NOT_STARTED_EXIT = 127;
/** What is in the sandbox is reached without a proxy. */
const INSIDE = 'localhost,127.0.0.1,::1';

/** Resolves with the exit code of the command. */
export async function runWithEgress(socket: string, [file = '', ...args]: string[]): Promise<number> {
  const { url } = await openBridge(socket);
  const ways: Record<ProxyVariable, string> = {
    ALL_PROXY: url,
    HTTP_PROXY: url,
    HTTPS_PROXY: url,
    NO_PROXY: INSIDE,
    NODE_USE_ENV_PROXY: '1',
  };
  const lower = Object.fromEntries(Object.entries(ways).map(([name, value]) => [name.toLowerCase(), value]));
  // It is of the same group and is told as well; how it ends is how the block does.
  process.on('SIGTERM', () => {});
  const env = { ...process.env, ...ways, ...lower };
  const child = spawn(file, args, { stdio: 'inherit', env });
  return await new Promise((resolve) => {
    child.once('error', (error) => {
      process.stderr.write(`${error.message}\n`);
      resolve(NOT_STARTED_EXIT);
    });
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}
