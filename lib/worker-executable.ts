/** What manifests name as the executable of an attempt in two containers; docs/formats/manifest.md has its form. */
import { createHash } from 'node:crypto';

/**
 * @param worker digest of the worker's bundle
 * @param image of the blocks, by digest
 */
export function workerExecutable(worker: string, image: string): string {
  const written = JSON.stringify({ environment: digestOfImage(image), worker });
  return `sha256:${createHash('sha256').update(written).digest('hex')}`;
}

/** `sha256:<hex>` of an image that is named by its digest. */
export function digestOfImage(image: string): string {
  return image.slice(image.indexOf('@') + 1);
}
