/** A server of models that answers as it is told, over real HTTP on the loopback, and keeps what it was asked. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ScriptedAnswer {
  /** 200 without it. */
  status?: number;
  headers?: Record<string, string>;
  /** Written one by one. */
  chunks?: Buffer[];
  /** Then the connection breaks. */
  isCut?: true;
  /** It never comes. */
  isSilent?: true;
}

export interface AskedModel {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: Record<string, unknown>;
  /** Of the body, as it came. */
  text: string;
}

export class ModelServer {
  readonly asked: AskedModel[] = [];
  readonly url: string;
  readonly #server: Server;
  #script: ScriptedAnswer[] = [];
  heard: () => void = () => {};

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async open(): Promise<ModelServer> {
    let model: ModelServer | null = null;
    const server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.once('end', () => {
        const { method = '', url: path = '', headers } = request;
        const text = Buffer.concat(parts).toString();
        model?.asked.push({ method, path, headers, body: JSON.parse(text), text });
        const { status = 200, headers: said = {}, chunks = [], isCut, isSilent } = model?.next() ?? { status: 599 };
        model?.heard();
        if (isSilent === true) return;
        response.writeHead(status, said);
        // Each chunk has left before the next one is written.
        const write = ([chunk, ...rest]: Buffer[]): void => {
          if (chunk !== undefined) response.write(chunk, () => write(rest));
          else if (isCut === true) response.destroy();
          else response.end();
        };
        write(chunks);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    model = new ModelServer(server);
    return model;
  }

  /** Forgets what was asked before; when no answer is left, the last one is given again. */
  script(...answers: ScriptedAnswer[]): void {
    this.asked.length = 0;
    this.#script = answers;
  }

  /** Resolves with the next request. */
  wasAsked(): Promise<void> {
    return new Promise((resolve) => {
      this.heard = resolve;
    });
  }

  next(): ScriptedAnswer | undefined {
    return this.#script.length > 1 ? this.#script.shift() : this.#script[0];
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
