import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalArtifacts } from '#adapters/local/artifacts.ts';
import { artifactsSuite } from './artifacts.suite.ts';

artifactsSuite('directory', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-artifacts-'));
  return {
    artifacts: createLocalArtifacts(directory),
    reopen: () => createLocalArtifacts(directory),
    rot(digest, text) {
      const path = join(directory, 'sha256', digest.slice(7, 9), digest.slice(7));
      chmodSync(path, 0o600);
      writeFileSync(path, text);
    },
    count: () =>
      readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length,
    async close() {
      rmSync(directory, { recursive: true, force: true });
    },
  };
});
