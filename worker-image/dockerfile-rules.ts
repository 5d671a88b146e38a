/** What every Dockerfile of this repository must hold, as rules over its instructions. */
import { WORKER_USER, type WorkerContainer } from '../lib/worker-containers.ts';

export interface Instruction {
  word: string;
  rest: string;
}

/** Comments and continuation lines are gone. */
export function instructionsOf(dockerfile: string): Instruction[] {
  return dockerfile
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [word = '', ...rest] = line.trim().split(/\s+/);
      return { word: word.toUpperCase(), rest: rest.join(' ') };
    });
}

const ALLOWED = ['ARG', 'FROM', 'WORKDIR', 'COPY', 'RUN', 'VOLUME', 'USER', 'ENTRYPOINT'];
const OWNER = `${WORKER_USER.uid}:${WORKER_USER.gid}`;

/** What is wrong with it, in a sentence each; nothing when it may be built. */
export function problemsOf(dockerfile: string, container: WorkerContainer): string[] {
  const all = instructionsOf(dockerfile);
  const restsOf = (word: string): string[] => all.filter((each) => each.word === word).map(({ rest }) => rest);
  const stages = restsOf('FROM').map((rest) => / AS (\w+)$/.exec(rest)?.[1] ?? '');
  const listed = (rest: string | undefined): unknown => {
    try {
      return JSON.parse(rest ?? '');
    } catch {
      return null;
    }
  };
  const volumes = container.mounts.map(({ path }) => path);
  const problems: [string, boolean][] = [
    ['an instruction that no rule knows', all.some(({ word }) => !ALLOWED.includes(word))],
    ['a base that is no argument', restsOf('FROM').some((rest) => !/^(\$\{[A-Z]+\}|scratch)( AS \w+)?$/.test(rest))],
    [
      'a default for a base',
      restsOf('ARG').some((rest) => rest.includes('=') && !rest.startsWith('SOURCE_DATE_EPOCH=')),
    ],
    ['a step that runs in a shell or fetches', restsOf('RUN').some((rest) => listed(rest) === null)],
    [
      'a copy between stages that leaves the owner open',
      restsOf('COPY').some((rest) => rest.includes('--from=') && !/--chown=(0:0|10001:10001) /.test(rest)),
    ],
    [
      'a copy from an image that is no stage',
      restsOf('COPY').some(
        (rest) => rest.includes('--from=') && !stages.includes(/--from=(\S+)/.exec(rest)?.[1] ?? ''),
      ),
    ],
    ['another user', restsOf('USER').at(-1) !== OWNER],
    [
      'another entry point',
      JSON.stringify(listed(restsOf('ENTRYPOINT').at(-1))) !== JSON.stringify(container.entryPoint),
    ],
    ['other volumes', JSON.stringify(listed(restsOf('VOLUME').at(-1))) !== JSON.stringify(volumes)],
  ];
  return problems.filter(([, holds]) => holds).map(([problem]) => problem);
}
