/** The secrets that an engine keeps now, by name: what it may refuse at submit rather than in the middle of an attempt. */
import { TerminalError } from '@waybill/client/errors';
import type { SecretFolder } from '@waybill/client/secret-folder';
import type { KnownSecrets } from '#flow/deps.ts';

export function keptSecrets(folder: Pick<SecretFolder, 'list'>): KnownSecrets {
  /** Null while the folder is open to others: nobody looks into it, and an attempt is told so that names one. */
  const names = (): string[] | null => {
    try {
      return folder.list();
    } catch (error) {
      if (error instanceof TerminalError) return null;
      throw error;
    }
  };
  return {
    has: (name) => names()?.includes(name) ?? true,
    [Symbol.iterator]: () => (names() ?? []).values(),
  };
}
