/** A finding of one of the textual rules: where, and what. */
export interface Finding {
  path: string;
  line: number;
  found: string;
}

export interface SourceText {
  path: string;
  text: string;
}

const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)*$/;
/** Names that say nothing about what is inside. */
const EMPTY_NAMES = new Set(['utils', 'util', 'helpers', 'helper', 'common', 'misc', 'types', 'shared', 'lib']);
const EMPTY_WORDS = /(^|-)(manager|service|impl|provider)($|-)/;

/** A code file is kebab-case and named after the one concept that it holds. */
export function badFileNames(paths: readonly string[]): string[] {
  return paths.filter((path) => {
    const file = path.split('/').at(-1) ?? path;
    const stem = file.split('.')[0] ?? file;
    return !KEBAB_CASE.test(file) || EMPTY_NAMES.has(stem) || EMPTY_WORDS.test(stem);
  });
}

/**
 * Words that no file may hold. They are put together here from halves, because this file is searched as well.
 * Markers of unfinished work belong to the issue tracker, where they are seen.
 */
const FORBIDDEN_WORDS = [
  ['TO', 'DO'],
  ['FIX', 'ME'],
  ['XX', 'X'],
  ['HA', 'CK'],
].map((halves) => halves.join(''));

/** References that a reader of the published repository cannot follow: tickets, unpublished notes, somebody's machine. */
const DEAD_REFERENCES = ['\\bissue #?\\d+', '\\bdesign \\d\\d\\b', '/[w]ork/', '/home/[a-z]+/', '/Users/[a-z]+/'];

function findAll({ path, text }: SourceText, pattern: RegExp): Finding[] {
  return text.split('\n').flatMap((content, index) => {
    const found = content.match(pattern)?.[0];
    return found === undefined ? [] : [{ path, line: index + 1, found }];
  });
}

export function forbiddenWords(source: SourceText): Finding[] {
  return findAll(source, new RegExp(`\\b(${FORBIDDEN_WORDS.join('|')})\\b|${DEAD_REFERENCES.join('|')}`));
}

/** `new Error(...)` says neither who has to act nor whether trying again helps. Comments may name it. */
export function plainErrors({ path, text }: SourceText): Finding[] {
  const code = text.replace(/^\s*(\/\/|\/?\*).*$/gm, '');
  return findAll({ path, text: code }, /\bnew Error\(/);
}

/** A file of tests shares its process with others, and a hook that stands in no suite is run around all of their tests. */
export function hooksOfAll(source: SourceText): Finding[] {
  return findAll(source, /^(?:beforeEach|afterEach)\(/);
}

/**
 * What looks a program up by its bare name and fetches it from a registry when it is not installed, or installs it from
 * there by that name: the names of this repository belong to nobody, or to a stranger.
 */
export function fetchingCommands(source: SourceText): Finding[] {
  const runs = '\\b(?:npx|bunx|npm exec|npm x|pnpm dlx|yarn dlx)\\s+(?:-\\S+\\s+)*@?waybill\\b';
  const installs = '\\b(?:npm|pnpm|yarn) (?:install|i|add|link)\\s+(?:-(?!-prefix)\\S+\\s+)*@?waybill\\b';
  return findAll(source, new RegExp(`${runs}|${installs}`));
}

/** Relative links of a Markdown text, without their fragments. */
export function relativeLinks(markdown: string): string[] {
  const prose = markdown.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').replace(/`[^`\n]*`/g, '');
  const targets = [...prose.matchAll(/\]\(([^)\s]+)(?:\s[^)]*)?\)/g)].map(([, target = '']) => target);
  return targets
    .filter((target) => !/^([a-z][a-z0-9+.-]*:|#|\/\/)/i.test(target))
    .map((target) => target.replace(/#.*$/, ''));
}
