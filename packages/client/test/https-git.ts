/** A git host on loopback: TLS, and git's own HTTP backend behind it. */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Not a tool of this repository: tests that need it are skipped where it is absent. */
export const OPENSSL = 'openssl';

/** Serves the repositories below `root`; resolves with the base url and the certificate to trust. */
export async function serveGit(context: TestContext, root: string): Promise<{ url: string; certificate: string }> {
  const key = join(root, 'key.pem');
  const certificate = join(root, 'cert.pem');
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  execFileSync(OPENSSL, [...request, '-keyout', key, '-out', certificate, ...subject], { stdio: 'ignore' });
  const server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (incoming, outgoing) => {
    const url = new URL(incoming.url ?? '/', 'https://localhost');
    const backend = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env.PATH,
        GIT_PROJECT_ROOT: root,
        GIT_HTTP_EXPORT_ALL: '1',
        GIT_PROTOCOL: String(incoming.headers['git-protocol'] ?? ''),
        REQUEST_METHOD: incoming.method,
        PATH_INFO: url.pathname,
        QUERY_STRING: url.search.slice(1),
        CONTENT_TYPE: incoming.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: incoming.headers['content-encoding'] ?? '',
        REMOTE_ADDR: '127.0.0.1',
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    incoming.pipe(backend.stdin);
    const chunks: Buffer[] = [];
    backend.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    backend.stdout.on('end', () => {
      const answer = Buffer.concat(chunks);
      const end = answer.indexOf('\r\n\r\n');
      for (const line of answer.subarray(0, Math.max(0, end)).toString('latin1').split('\r\n')) {
        const [name = '', value = ''] = line.split(': ');
        if (name === 'Status') outgoing.statusCode = Number.parseInt(value, 10);
        else if (name !== '') outgoing.setHeader(name, value);
      }
      outgoing.end(answer.subarray(end + 4));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  context.after(() => server.close());
  return { url: `https://localhost:${(server.address() as AddressInfo).port}`, certificate };
}
