/** The verbs of the registry, as data. */
import type { Verb } from './verb.ts';

export const REGISTRY_VERBS: readonly Verb[] = [
  {
    name: 'register',
    args: '<kind> <path>',
    summary: 'register a folder as pack or capability, or a file of values, under a name that runs can say',
    options: [{ flags: '--name <name>', summary: 'what it is called (default: the name of the folder or file)' }],
    load: async () => (await import('./verbs/registry.ts')).register,
  },
  {
    name: 'sync',
    args: '<folder>',
    summary: 'register what has changed below a folder: packs/, capabilities/ and values/',
    options: [],
    load: async () => (await import('./verbs/registry.ts')).sync,
  },
  {
    name: 'registry list',
    args: '[kind]',
    summary: 'list what is registered',
    options: [],
    load: async () => (await import('./verbs/registry.ts')).registryList,
  },
  {
    name: 'registry show',
    args: '<kind> <name>',
    summary: 'show what a name means, what it meant before, and what it holds',
    options: [],
    load: async () => (await import('./verbs/registry.ts')).registryShow,
  },
];
