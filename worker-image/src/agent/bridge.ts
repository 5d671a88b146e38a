/** Lets a command line tool reach the door of its block, which is a Unix socket: a port of the loopback that the sandbox has to itself. */
import { createConnection, createServer } from 'node:net';

export interface Bridge {
  /** Origin of an HTTP server; without a `/` at the end. */
  url: string;
  close(): void;
}

export async function openBridge(socket: string): Promise<Bridge> {
  const server = createServer((near) => {
    const far = createConnection(socket);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => other.destroy());
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  // It keeps no block from ending.
  server.unref();
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return { url: `http://127.0.0.1:${port}`, close: () => void server.close() };
}
