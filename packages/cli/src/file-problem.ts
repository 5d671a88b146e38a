const READ_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory',
  ENOTDIR: 'a part of its path is no directory',
  EISDIR: 'it is a directory',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  FIFO: 'it is a pipe, not a file',
};

/** Why a file cannot be read, in words, or as the system calls it. */
export function readProblem(cause: unknown): string {
  const { code = 'unknown' } = cause as NodeJS.ErrnoException;
  return READ_PROBLEMS[code] ?? `it cannot be read (${code})`;
}
