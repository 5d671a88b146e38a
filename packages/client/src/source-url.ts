import { LIMITS } from './limits.ts';

/** Where a git source may come from: a directory, or a host that is asked over https. Nothing else is handed to git. */
export type SourceUrl = { kind: 'path'; path: string } | { kind: 'file'; url: URL } | { kind: 'https'; url: string };

export type SourceUrlProblem = { kind: 'refused'; problem: string; fix: string; credential?: true };

/** Pure: reads the text alone. A path stays as written, it may be relative to the spec's directory. */
export function readSourceUrl(text: string): SourceUrl | SourceUrlProblem {
  if (text === '' || /\p{Cc}/u.test(text)) return refused('the url is empty or holds control characters');
  if (text.startsWith('-')) return refused('the url starts with `-`, which git would read as an option');
  if (/^(?:\.{0,2}\/|\.{1,2}$)/.test(text)) return { kind: 'path', path: text };
  const scheme = /^([^/]*?):/.exec(text)?.[1];
  if (scheme === undefined) return { kind: 'path', path: text };
  const url = URL.parse(text);
  if (url === null || text.startsWith(`${scheme}::`))
    return refused(`\`${scheme}:\` is not a transport that is allowed`);
  if (url.protocol === 'file:') {
    return url.host === '' ? { kind: 'file', url } : refused('a file url names a host');
  }
  if (url.protocol !== 'https:') return refused(`\`${scheme}:\` is not a transport that is allowed`);
  if (url.username !== '' || url.password !== '') {
    return {
      kind: 'refused',
      problem: 'the url holds a user name or a password',
      fix: 'Remove it; for a private repository clone it first and name the local path.',
      credential: true,
    };
  }
  return { kind: 'https', url: text };
}

/** Branch, tag, commit id, `HEAD~2`: nothing that git could read as an option, a range, a path or a search. */
export function isPlainRef(ref: string): boolean {
  if (ref.length === 0 || ref.length > LIMITS.sourceRefChars) return false;
  return /^[\p{L}\p{N}_][\p{L}\p{N}._/@+~^-]*$/u.test(ref) && !ref.includes('..') && !ref.includes('@{');
}

function refused(problem: string): SourceUrlProblem {
  return {
    kind: 'refused',
    problem,
    fix: 'Use a local path, a file:// url or an https:// url; for other hosts clone first and name the local path.',
  };
}
