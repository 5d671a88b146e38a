import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DirectoryTransport } from '@waybill/client';
import { registrySuite } from './registry.suite.ts';
import { type TransportBed, transportSuite } from './transport.suite.ts';

async function openDirectory(): Promise<TransportBed> {
  const root = mkdtempSync(join(tmpdir(), 'waybill-transport-'));
  const another = (): DirectoryTransport => new DirectoryTransport(root, { pollMs: 20 });
  const transport = another();
  const place = async (path: string, bytes: Uint8Array): Promise<void> => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), bytes);
  };
  const read = async (path: string): Promise<Uint8Array | null> => {
    try {
      return readFileSync(join(root, path));
    } catch {
      return null;
    }
  };
  return {
    transport,
    another,
    inbox: (path) => read(join('inbox', path)),
    takeAway: async (path) => rmSync(join(root, 'inbox', path)),
    upload: (hex) => read(join('uploads', transport.principal, hex)),
    answer: (path, bytes) => place(join('outbox', path), bytes),
    artifact: (digest, bytes) => place(join('artifacts', 'sha256', digest.slice(7, 9), digest.slice(7)), bytes),
    ledger: (key, bytes) => place(join('ledger', key), bytes),
    stageLog: async (attemptId, bytes) =>
      bytes === null
        ? rmSync(join(root, 'staging', attemptId, 'log'))
        : place(join('staging', attemptId, 'log'), bytes),
    close: async () => rmSync(root, { recursive: true }),
  };
}

transportSuite('directory', openDirectory);
registrySuite('directory', openDirectory);
