/** A server that gives the answers of AWS word by word, for what no emulator can be brought to say. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export interface CannedAnswer {
  status: number;
  /** The S3 error code; a HEAD has no room for one. */
  code?: string;
  body?: string;
  etag?: string;
  /** Ends the connection in the middle of the body. */
  breaksOff?: true;
}

export interface CannedRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  /** Of If-None-Match. */
  etag: string | undefined;
}

export interface CannedAws {
  url: string;
  /** `GET /bucket/key`, in the order in which they came. */
  asked: string[];
}

export async function cannedAws(
  context: TestContext,
  answer: (request: CannedRequest) => CannedAnswer,
): Promise<CannedAws> {
  const asked: string[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://x');
    const method = request.method ?? '';
    const path = decodeURIComponent(pathname);
    asked.push(`${method} ${path}`);
    request.resume().on('end', () => {
      const { status, code, body, breaksOff, etag } = answer({
        method,
        path,
        query: searchParams,
        etag: request.headers['if-none-match'],
      });
      const xml = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>as AWS says</Message></Error>`;
      const text = body ?? (code === undefined ? '' : xml);
      response.writeHead(status, {
        'content-type': 'application/xml',
        ...(etag === undefined ? {} : { etag }),
        'content-length': text.length + (breaksOff ? 9 : 0),
      });
      if (method === 'HEAD') response.end();
      else if (breaksOff) response.write(text, () => response.destroy());
      else response.end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}
