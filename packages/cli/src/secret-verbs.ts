/** The verbs about secrets. None takes a value as an argument: those are open to everybody on the machine. */
import type { Verb } from './verb.ts';

export const SECRET_VERBS: readonly Verb[] = [
  {
    name: 'secret set',
    args: '<name>',
    summary: 'keep a secret for blocks that name it, from standard input or a file; its value is never shown again',
    options: [{ flags: '--from <file>', summary: 'a file that holds it (default: standard input)' }],
    isEmbeddedOnly: true,
    load: async () => (await import('./verbs/secret.ts')).secretSet,
  },
  {
    name: 'secret list',
    args: '',
    summary: 'list the names of the secrets that are kept',
    options: [],
    isEmbeddedOnly: true,
    load: async () => (await import('./verbs/secret.ts')).secretList,
  },
  {
    name: 'secret remove',
    args: '<name>',
    summary: 'take a secret away; attempts that name it fail from now on',
    options: [],
    isEmbeddedOnly: true,
    load: async () => (await import('./verbs/secret.ts')).secretRemove,
  },
];
