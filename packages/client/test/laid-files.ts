/** Folders of one test, with files laid into them, and a registry that begins empty. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { DirectoryTransport } from '../src/directory-transport.ts';

export function scratch(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), 'waybill-registry-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

export function lay(root: string, files: Record<string, string>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

export function transportIn(t: TestContext): DirectoryTransport {
  return new DirectoryTransport(scratch(t));
}
