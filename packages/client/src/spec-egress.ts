/** The hosts that an item asks for, as its author writes them. */
import * as z from 'zod';
import { isEgressRule } from './egress.ts';
import { quote, says } from './spec-issue.ts';

const MAX_RULES = 32;

export const egress = z
  .array(
    z.string().refine(isEgressRule, {
      error: (issue) =>
        says(
          `${quote(String(issue.input))} names no host that could be allowed`,
          'Write a host name in lower case, perhaps with `*.` for its first label or a port: registry.npmjs.org, *.example.org:443. Addresses never pass.',
        ),
    }),
  )
  .min(1)
  .max(MAX_RULES)
  .describe('Hosts outside of the sandbox that its blocks may reach, where the deployment allows them too.');
