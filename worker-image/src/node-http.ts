/**
 * Node's HTTP, got without an import. An import of one of Node's modules reads all that the module exports, and `node:http` exports
 * what loads a whole other client: it took more processor time than all else of a worker's start.
 */
const http: typeof import('node:http') = process.getBuiltinModule('node:http');

export const createServer: typeof http.createServer = http.createServer;
export const globalAgent: typeof http.globalAgent = http.globalAgent;
export const request: typeof http.request = http.request;

/** Loaded by who asks: a worker on the machine of its engine never does. */
export function requestTls(...asked: Parameters<typeof request>): ReturnType<typeof request> {
  return process.getBuiltinModule('node:https').request(...asked);
}
