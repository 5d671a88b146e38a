/** The way from a name to a connection: looked up once, judged, and connected to by the address that was judged. */
import { lookup } from 'node:dns/promises';
import { connect, type Socket } from 'node:net';
import { type EgressPolicy, isHostName, namesHost } from '@waybill/client/egress';
import type { EgressRefusal } from '@waybill/verify';
import { isPublic } from './addresses.ts';

/** What is outside of this machine. */
export interface Outside {
  /** Addresses of a name; throws where there are none. */
  resolve(host: string): Promise<string[]>;
  /** A socket that is about to connect. */
  connect(address: string, port: number): Socket;
}

export const THE_INTERNET: Outside = {
  resolve: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  connect: (host, port) => connect({ host, port }),
};

/** For looking up, and for each address. */
const PATIENCE_MS = 10_000;
const MAX_ADDRESSES = 4;

export interface Lists extends EgressPolicy {
  ask: readonly string[];
}

/** By the name alone, which is in lower case. */
export function refusalOf(host: string, port: number, { ask, allow, deny }: Lists): EgressRefusal | null {
  if (!isHostName(host)) return 'address';
  if (!namesHost(ask, host, port)) return 'not_asked';
  if (!namesHost(allow, host, port)) return 'not_allowed';
  return namesHost(deny, host, port) ? 'denied' : null;
}

/** A connected socket, or why there is none. Whatever the name leads to a moment later, this is where it is connected to. */
export async function reach(host: string, port: number, outside: Outside): Promise<Socket | EgressRefusal> {
  const found = await inTime(outside.resolve(host)).catch(() => null);
  if (found === null || found.length === 0) return 'unreachable';
  const open = found.filter(isPublic).slice(0, MAX_ADDRESSES);
  if (open.length === 0) return 'private';
  for (const address of open) {
    const socket = await connected(outside.connect(address, port));
    if (socket !== null) return socket;
  }
  return 'unreachable';
}

async function inTime<T>(promise: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, PATIENCE_MS, null);
  });
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function connected(socket: Socket): Promise<Socket | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => socket.destroy(), PATIENCE_MS);
    const settle = (outcome: Socket | null): void => {
      clearTimeout(timer);
      resolve(outcome);
    };
    socket.once('connect', () => settle(socket));
    socket.once('close', () => settle(null));
    socket.on('error', () => {});
  });
}
