/**
 * Packs a git source into one content-addressed file: the source bundle.
 *
 * The bundle is a git packfile (version 2, as `git pack-objects` writes it) that holds exactly one commit, all trees and
 * all blobs reachable from that commit's tree, and nothing else: no parent, no ref, no tag object, no config. It is made
 * without deltas, so unpacking costs what its size says; the same commit packed by the same git gives the same bytes.
 * Its name is the SHA-256 of its bytes. What travels with it is the commit id: 40 hex digits for a SHA-1 repository,
 * 64 for a SHA-256 one.
 *
 * Unpacking, in this order (git >= 2.38):
 *
 *     git init --object-format=<sha1 when the commit id has 40 digits, else sha256> .
 *     printf '%s\n' <commit> > .git/shallow          before the next step: it says that the parents are meant to be absent
 *     git index-pack --stdin --strict  < bundle         (never thin: no --fix-thin)
 *     git checkout --detach <commit>                 with hooks, filters and system configuration off
 *
 * `--strict` refuses malformed objects, missing trees and blobs, and paths such as `.git` or `..`. The reader must also
 * check the bundle's SHA-256 and size before it hands a byte to git, and that the commit is the one it was promised.
 *
 * What is not packed, on purpose
 * - Submodules: they stay gitlinks, entries without content; `gitlinks` counts them so that a caller can say so.
 * - Git LFS: pointer files stay pointers. Filters never run.
 * - Uncommitted changes of a local repository: a source is a commit.
 */
