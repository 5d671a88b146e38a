/**
 * What stands for the internet, behind the proxy of a block: servers of this machine, by whatever name and address they are
 * asked for. Beside the proxy stands a naive one, which does what it is told: the control of every attempt.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttp, type Server as HttpServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcp, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTls } from 'node:tls';
import type { ClaimedEgress } from '@waybill/verify';
import { type AttemptTree, createAttemptTree, removeAttemptTree } from '#worker/attempt-tree.ts';
import { runBlock } from '#worker/block-process.ts';
import { openProxy } from '#worker/egress/proxy.ts';
import type { Lists, Outside } from '#worker/egress/reach.ts';
import { EgressTally } from '#worker/egress/tally.ts';
import { SANDBOX_VIEW, sandboxCommand, sandboxerEnvironment } from '#worker/sandbox.ts';

export const LISTS: Lists = {
  ask: [
    'registry.example.org',
    '*.files.example.org',
    'inner.example.org',
    'mapped.example.org',
    'cloud.example.org',
    'extra.example.org',
  ],
  allow: ['registry.example.org', '*.files.example.org', '*.example.org', 'other.example.com'],
  deny: ['secret.files.example.org', '*.files.example.org:80'],
};

/** Where names lead; all others are somewhere public. */
const PRIVATE: Readonly<Record<string, string>> = {
  'inner.example.org': '10.0.0.1',
  'mapped.example.org': '::ffff:127.0.0.1',
  'cloud.example.org': '169.254.169.254',
};
const PUBLIC = '93.184.216.34';
const MOST_BYTES = 4 * 1024 * 1024;

export interface Ended {
  exit: number | null;
  said: string;
  /** Names that were looked up. */
  asked: string[];
  /** Addresses and ports that were connected to. */
  connected: string[];
  claimed: ClaimedEgress | undefined;
  notes: string[];
}

export class EgressBed {
  readonly #directory = mkdtempSync(join(tmpdir(), 'egress-'));
  readonly #servers: (Server | HttpServer)[] = [];
  #tlsPort = 0;
  #httpPort = 0;
  #runs = 0;

  get httpPort(): number {
    return this.#httpPort;
  }

  static async open(): Promise<EgressBed> {
    const bed = new EgressBed();
    const psk = Buffer.from('shared');
    // Without certificates: a key that both know.
    const tls = createTls({ pskCallback: () => psk, ciphers: 'PSK', maxVersion: 'TLSv1.2' }, (socket) => {
      socket.on('error', () => {});
      socket.end(`reached ${socket.servername || 'nameless'}`);
    });
    // What says anything but TLS is answered too.
    const front = createTcp((socket) => {
      socket.on('error', () => {});
      socket.once('data', (first) => {
        socket.pause();
        if (first[0] !== 22) return void socket.end('reached in the clear');
        socket.unshift(first);
        tls.emit('connection', socket);
      });
    });
    tls.on('tlsClientError', () => {});
    const http = createHttp((asked, answer) => {
      let bytes = 0;
      asked.on('data', (part: Buffer) => {
        bytes += part.length;
      });
      asked.on('end', () => {
        answer.setHeader('x-hops', `${asked.headers.connection} ${asked.headers['proxy-authorization'] ?? 'none'}`);
        answer.end(`reached ${asked.headers.host} ${asked.method} ${asked.url} ${bytes}`);
      });
    });
    bed.#tlsPort = await bed.#listen(front);
    bed.#httpPort = await bed.#listen(http);
    return bed;
  }

  /** In its sandbox, through the proxy. The script finds the socket in `WAY`. */
  async run(script: string, lists: Lists = LISTS, more: Partial<Outside> = {}): Promise<Ended> {
    const tree = createAttemptTree('egress');
    try {
      return await this.#through(tree, script, lists, more);
    } finally {
      await removeAttemptTree(tree);
    }
  }

  async #through(tree: AttemptTree, script: string, lists: Lists, more: Partial<Outside>): Promise<Ended> {
    const [asked, connected, notes] = [[], [], []] as [string[], string[], string[]];
    const outside: Outside = {
      resolve: async (host) => {
        asked.push(host);
        return [PRIVATE[host] ?? PUBLIC];
      },
      connect: (address, port) => {
        connected.push(`${address}:${port}`);
        return this.#dial(port);
      },
      ...more,
    };
    const tally = new EgressTally();
    mkdirSync(tree.door, { mode: 0o700 });
    const path = join(tree.door, 'egress.sock');
    const note = (line: string): void => void notes.push(line);
    const shown = (host: string): string => host;
    const proxy = await openProxy({ lists, block: 0, path, tally, outside, mostBytes: MOST_BYTES, shown, note });
    const env = { PATH: SANDBOX_VIEW.path, WAY: '/waybill/door/egress.sock' };
    const { argv, feed } = sandboxCommand(tree, env, ['node', '-e', script]);
    const { exit, said } = await ended(argv, tree.workspace, sandboxerEnvironment(), feed);
    await proxy.close();
    return { exit, said, asked, connected, claimed: tally.claimed(), notes };
  }

  /** Without a sandbox, and through a proxy that judges nothing. */
  async runNaive(script: string): Promise<Pick<Ended, 'exit' | 'said'>> {
    this.#runs += 1;
    const path = join(this.#directory, `${this.#runs}.sock`);
    const naive = createTcp((near) => this.#obey(near));
    await new Promise<void>((resolve) => naive.listen(path, resolve));
    const work = join(this.#directory, `work-${this.#runs}`);
    mkdirSync(work);
    try {
      const env = { PATH: process.env.PATH ?? '', WAY: path };
      return await ended([process.execPath, '-e', script], work, env);
    } finally {
      naive.close();
    }
  }

  close(): void {
    for (const server of this.#servers) server.close();
    rmSync(this.#directory, { recursive: true });
  }

  #obey(near: Socket): void {
    near.on('error', () => {});
    near.once('data', (head: Buffer) => {
      const isTunnel = head.toString('latin1').startsWith('CONNECT ');
      const far = this.#dial(isTunnel ? 443 : 80);
      far.on('error', () => near.destroy());
      if (isTunnel) near.write('HTTP/1.1 200 OK\r\n\r\n');
      else far.write(withoutNamed(head.toString('latin1')), 'latin1');
      near.pipe(far).pipe(near);
    });
  }

  #dial(port: number): Socket {
    return connect({ host: '127.0.0.1', port: port === 80 ? this.#httpPort : this.#tlsPort });
  }

  async #listen(server: Server | HttpServer): Promise<number> {
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }
}

/** As whoever believes `Connection` hands on a request. */
function withoutNamed(head: string): string {
  const [, named = ''] = /^connection: (.*)\r$/im.exec(head) ?? [];
  return head.replace(new RegExp(`^${named}: .*\r\n`, 'im'), '');
}

async function ended(
  argv: string[],
  cwd: string,
  env: Record<string, string>,
  sandbox?: Parameters<typeof runBlock>[0]['sandbox'],
): Promise<{ exit: number | null; said: string }> {
  let said = '';
  const { exit } = await runBlock({
    argv,
    cwd,
    env,
    ...(sandbox === undefined ? {} : { sandbox }),
    timeoutMs: 30_000,
    signal: new AbortController().signal,
    forceAtOnce: () => true,
    onOutput: (bytes) => {
      said += Buffer.from(bytes).toString();
    },
  });
  return { exit, said };
}
