/** Where the files come from that a run starts with: the tree of its items, and what single items read. */
import * as z from 'zod';
import { LIMITS } from './limits.ts';
import { relativePathProblem } from './relative-path.ts';
import { isPlainRef, readSourceUrl } from './source-url.ts';
import { closed, find } from './spec-fields.ts';
import { says } from './spec-issue.ts';

export const digest: z.ZodString = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, { error: says('it is not a digest', 'Write `sha256:` and 64 hex digits.') });

export const gitSource = closed({
  git: closed({
    url: z
      .string()
      .max(LIMITS.sourceUrlChars, { abort: true })
      .superRefine((text, context) => {
        const read = readSourceUrl(text);
        if (read.kind !== 'refused') return;
        find(context, read.credential ? 'SPEC_CREDENTIAL' : 'SOURCE_INVALID', read.problem, read.fix);
      }),
    ref: z
      .string()
      .max(LIMITS.sourceRefChars, { abort: true })
      .superRefine((text, context) => {
        if (isPlainRef(text)) return;
        find(context, 'SOURCE_INVALID', 'the ref is not a plain name', 'Name a branch, a tag or a whole commit id.');
      })
      .optional(),
  }),
});

export const packedSource = closed({
  bundle: digest,
  commit: z
    .string()
    .regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, { error: says('it is not a commit id', 'Write the whole id.') }),
  sizeBytes: z.int().min(1).max(LIMITS.sourceBytes),
});

const below = z
  .string()
  .min(1)
  .max(LIMITS.outputPathChars, { abort: true })
  .superRefine((text, context) => {
    const problem = relativePathProblem(text.replace(/^\.\//, ''));
    if (problem === null) return;
    find(context, 'SOURCE_INVALID', `the path ${problem}`, 'Name a file or a directory below that of the spec.');
  });

const packedRead = closed({ sha256: digest, sizeBytes: z.int().min(0).max(LIMITS.sourceBytes) });

/** Told as what it is, where a schema that knows no such key would have one of the two removed. */
const neither = z
  .unknown()
  .superRefine((_git, context) => find(context, 'SPEC_INVALID', 'it has both `path` and `git`', 'Keep one of them.'))
  .meta({ not: {} })
  .optional() as unknown as z.ZodOptional<z.ZodUndefined>;

/** `path` and `git` are packed by the client: a directory and a commit as one tar file. */
export const readSource = z.union([closed({ path: below, git: neither }), gitSource, packedRead], {
  error: says('it is no source to read', 'Write `{ path: <below the spec> }`, or `{ git: { url, ref } }`.'),
});
