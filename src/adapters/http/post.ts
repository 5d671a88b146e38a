/** One POST and one small answer. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

export interface PostRequest {
  type: string;
  body: Uint8Array;
  /** For the whole call, from the name lookup to the last byte of the answer. */
  timeoutMs: number;
  /** 0: the status is all that is waited for. */
  maxAnswerBytes: number;
  /** Beside those that say what the body is. */
  headers?: Readonly<Record<string, string>>;
}

export interface HttpAnswer {
  status: number;
  /** Media type without its parameters, in lower case. */
  type: string;
  /** null when it was longer than allowed; the rest of it was not read. */
  body: Uint8Array | null;
}

/**
 * Redirects are not followed and nothing is decompressed: whoever answers, answers here and in plain bytes. Rejects with
 * the cause when there is no whole answer in time.
 */
export function post(
  endpoint: URL,
  { type, body, timeoutMs, maxAnswerBytes, headers }: PostRequest,
): Promise<HttpAnswer> {
  const request = endpoint.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const call = request(endpoint, {
      method: 'POST',
      // Checkpoints are rare: a connection kept since the last one would often turn out to be closed.
      agent: false,
      signal: AbortSignal.timeout(timeoutMs),
      headers: { ...headers, 'content-type': type, 'content-length': body.length },
    });
    call.once('error', reject);
    call.once('response', (response) => {
      const answer = {
        status: response.statusCode ?? 0,
        type: (response.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '',
      };
      if (maxAnswerBytes === 0) {
        resolve({ ...answer, body: null });
        call.destroy();
        return;
      }
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      response.on('data', (chunk: Uint8Array) => {
        bytes += chunk.length;
        if (bytes <= maxAnswerBytes) return void chunks.push(chunk);
        resolve({ ...answer, body: null });
        call.destroy();
      });
      response.once('error', reject);
      response.once('end', () => resolve({ ...answer, body: Buffer.concat(chunks) }));
    });
    call.end(body);
  });
}
