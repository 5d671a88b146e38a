/** Verbs about packs, of the table in verbs.ts. */
import type { Verb } from './verb.ts';

export const PACK_VERBS: readonly Verb[] = [
  {
    name: 'pack list',
    args: '',
    summary: 'list the packs that items can use by name, with their shapes',
    options: [],
    load: async () => (await import('./verbs/pack.ts')).packList,
  },
  {
    name: 'pack show',
    args: '<pack>',
    summary: 'show the shapes of a pack, or <pack>/<shape> with its parameters, inputs and outputs',
    options: [],
    load: async () => (await import('./verbs/pack.ts')).packShow,
  },
  {
    name: 'pack validate',
    args: '<folder>',
    summary: 'check a pack and list everything that is wrong with it',
    options: [],
    load: async () => (await import('./verbs/pack.ts')).packValidate,
  },
];
