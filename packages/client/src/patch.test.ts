import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TerminalError } from './errors.ts';
import { parsePatch } from './patch.ts';

const A = 'a'.repeat(40);
const B = 'b'.repeat(40);

function parse(text: string): ReturnType<typeof parsePatch> {
  return parsePatch(Buffer.from(text, 'latin1'));
}

function refuses(text: string, problem: RegExp): void {
  assert.throws(
    () => parse(text),
    (error) => error instanceof TerminalError && error.code === 'RESULT_INVALID' && problem.test(error.message),
  );
}

const modified = (name: string, hunk = '@@ -1 +1 @@\n-x\n+y\n'): string =>
  `diff --git a/${name} b/${name}\nindex ${A}..${B} 100644\n--- a/${name}\n+++ b/${name}\n${hunk}`;
const added = (name: string, mode = '100644'): string =>
  `diff --git a/${name} b/${name}\nnew file mode ${mode}\nindex ${'0'.repeat(40)}..${B}\n--- /dev/null\n+++ b/${name}\n@@ -0,0 +1 @@\n+y\n`;
const renamed = (from: string, to: string): string =>
  `diff --git a/${from} b/${to}\nsimilarity index 100%\nrename from ${from}\nrename to ${to}\n`;

describe('patch:', () => {
  it('zero bytes are no change', () => {
    assert.deepEqual(parse('').files, []);
  });

  it('a modification is named with its lines and mode', () => {
    const hunks =
      '@@ -1,2 +1,3 @@ heading in \xe9\n a\n-b\n+c\n+d\n@@ -9 +10 @@\n-x\n\\ No newline at end of file\n+y\n\\ No newline at end of file\n';
    assert.deepEqual(parse(modified('dir/file', hunks)).files, [
      {
        change: 'modified',
        path: 'dir/file',
        oldMode: '100644',
        newMode: '100644',
        binary: false,
        added: 3,
        removed: 2,
      },
    ]);
  });

  it('additions, deletions, renames, copies and mode changes are told apart', () => {
    const text = [
      added('new', '100755'),
      `diff --git a/gone b/gone\ndeleted file mode 120000\nindex ${A}..${'0'.repeat(40)}\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n`,
      renamed('from', 'to'),
      renamed('c', 'd').replaceAll('rename', 'copy'),
      'diff --git a/run b/run\nold mode 100644\nnew mode 100755\n',
      `diff --git a/empty b/empty\nnew file mode 100644\nindex ${'0'.repeat(40)}..${B}\n`,
    ].join('');
    assert.deepEqual(
      parse(text).files.map(({ change, path, from, oldMode, newMode }) => [change, path, from, oldMode, newMode]),
      [
        ['added', 'new', undefined, null, '100755'],
        ['deleted', 'gone', undefined, '120000', null],
        ['renamed', 'to', 'from', null, null],
        ['copied', 'd', 'c', null, null],
        ['modified', 'run', undefined, '100644', '100755'],
        ['added', 'empty', undefined, null, '100644'],
      ],
    );
  });

  it('binary content is recognised in both directions', () => {
    const text = `diff --git a/b b/b\nindex ${A}..${B} 100644\nGIT binary patch\nliteral 3\nKcmZQzWMT#Y01f~L\n\ndelta 4\nLcmZQzWMXDv00aO5\n\n`;
    assert.equal(parse(text).files[0]?.binary, true);
    refuses(text.replace('KcmZ', 'ZcmZ'), /binary hunk/);
    refuses(text.replace('KcmZQ', 'Kcm Q'), /binary hunk/);
    refuses(text.replace('literal 3', 'literal x'), /binary hunk/);
  });

  it('names keep spaces, quotes and any encoding', () => {
    assert.equal(parse(modified('a b c').replace('--- a/a b c', '--- a/a b c\t')).files[0]?.path, 'a b c');
    const quoted = (name: string): string =>
      modified('X').replaceAll('a/X', `"a/${name}"`).replaceAll('b/X', `"b/${name}"`);
    assert.equal(parse(quoted('\\303\\274ber \\"q\\"')).files[0]?.path, 'über "q"');
    assert.equal(parse(quoted('caf\\351')).files[0]?.path, 'caf\\351');
    assert.equal(parse(modified('x b/x')).files[0]?.path, 'x b/x');
  });

  it('a file that becomes a link is a deletion and an addition', () => {
    const gone = `diff --git a/f b/f\ndeleted file mode 100644\nindex ${A}..${'0'.repeat(40)}\n--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n`;
    assert.equal(parse(gone + added('f', '120000')).files.length, 2);
    refuses(added('f') + gone, /twice/);
    refuses(gone + modified('other') + added('f'), /twice/);
  });

  describe('refuses', () => {
    for (const [title, text, problem] of [
      ['garbage', 'hello\n', /not the start/],
      ['a mail header before the patch', `From: x\n${modified('f')}`, /not the start/],
      ['garbage after the patch', `${modified('f')}-- \n2.39\n`, /not the start|not a line/],
      ['a path that climbs', modified('../f'), /leads elsewhere/],
      ['a path that climbs in the middle', modified('a/../../f'), /leads elsewhere/],
      ['an absolute path', modified('/etc/passwd'), /empty segment/],
      ['an empty segment', modified('a//b'), /empty segment/],
      ['a rename that climbs', renamed('f', '../g'), /leads elsewhere/],
      ['a rename from outside', renamed('../f', 'g'), /leads elsewhere/],
      ['the repository itself', added('.git/hooks/post-checkout'), /\.git/],
      ['the repository by another name', added('sub/.GIT/config'), /\.git/],
      ['the repository with dots behind', added('.git. ./config'), /\.git/],
      ['the repository by a short name', added('git~1/config'), /\.git/],
      ['a backslash', modified('X').replaceAll('a/X', '"a/a\\\\b"').replaceAll('b/X', '"b/a\\\\b"'), /backslash/],
      ['a line feed in a name', modified('X').replaceAll('a/X', '"a/a\\nb"').replaceAll('b/X', '"b/a\\nb"'), /U\+000A/],
      [
        'a climb behind escapes',
        modified('X').replaceAll('a/X', '"a/\\056\\056/f"').replaceAll('b/X', '"b/\\056\\056/f"'),
        /leads elsewhere/,
      ],
      ['a submodule', added('sub', '160000'), /no file or symbolic link/],
      ['a mode with a set-uid bit', added('f', '104755'), /no file or symbolic link/],
      ['a header that names another file', modified('f').replace('+++ b/f', '+++ b/g'), /another file/],
      ['two names without a rename', modified('f').replace('b/f\nindex', 'b/g\nindex'), /without a rename/],
      ['a rename whose header differs', renamed('f', 'g').replace('b/g\n', 'b/h\n'), /other files/],
      ['a rename with one end', renamed('f', 'g').replace('rename to g\n', ''), /halfway/],
      ['short object names', modified('f').replace(A, 'abcdef'), /abbreviates/],
      ['no object names', modified('f').replace(/index .*\n/, ''), /without naming/],
      ['a hunk that is too short', modified('f', '@@ -1,2 +1 @@\n-x\n+y\n'), /missing|not a line/],
      ['a hunk that is too long', modified('f', '@@ -1 +1 @@\n-x\n+y\n+z\n'), /not the start/],
      ['a hunk of nothing', modified('f', '@@ -1,0 +1,0 @@\n'), /no lines/],
      [
        'a binary file without content',
        `diff --git a/b b/b\nindex ${A}..${B}\nBinary files a/b and b/b differ\n`,
        /another file/,
      ],
      ['a patch cut off in a line', modified('f').slice(0, -2), /line feed/],
      ['a header without a change', 'diff --git a/f b/f\n', /without a change/],
      ['one file twice', modified('f') + modified('f'), /twice/],
      ['a repeated header line', modified('f').replace('index', 'old mode 100644\nold mode 100644\nindex'), /repeats/],
      ['raw bytes in a header', modified('caf\xe9'), /quoted/],
    ] as const) {
      it(title, () => refuses(text, problem));
    }
  });

  it('never throws anything but its refusal, whatever the bytes', () => {
    const valid = Buffer.from(modified('f') + renamed('g', 'h') + added('i'));
    const mutate = fc
      .tuple(fc.nat(valid.length - 1), fc.uint8Array({ maxLength: 4 }), fc.nat(3))
      .map(([at, insert, drop]) => Buffer.concat([valid.subarray(0, at), insert, valid.subarray(at + drop)]));
    fc.assert(
      fc.property(fc.oneof(mutate, fc.uint8Array({ maxLength: 200 })), (bytes) => {
        try {
          parsePatch(bytes);
        } catch (error) {
          assert.ok(error instanceof TerminalError && error.code === 'RESULT_INVALID', String(error));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('reads 5 MB of changes in linear time', () => {
    const started = performance.now();
    const { files } = parse(Array.from({ length: 20_000 }, (_, n) => modified(`dir/file-${n}`)).join(''));
    assert.equal(files.length, 20_000);
    assert.ok(performance.now() - started < 5_000);
  });
});
