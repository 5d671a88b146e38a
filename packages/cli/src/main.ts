/** `waybill`: reads the process, runs the program, sets the exit code. */
import { reportError } from './error-report.ts';
import { EXIT } from './exit-codes.ts';
import { runProgram } from './program.ts';
import { Terminal } from './terminal.ts';

const streams = { out: process.stdout, err: process.stderr, env: process.env };

// what no caller waits for, such as a stream that breaks later, would otherwise end in Node's own stack and exit code 1
process.on('uncaughtException', (error) => {
  const json = process.argv.includes('--json');
  process.exit(reportError(new Terminal({ ...streams, json, plain: !json }), error));
});

// a reader that has seen enough (`waybill logs … | head`) is no error, but neither does it make a verdict or a run good
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  const verb = verbIn(process.argv.slice(2));
  if (verb === 'audit') return;
  process.exit(verb === 'run' || verb === 'watch' ? EXIT.interrupted : EXIT.ok);
});

/** The first word that is neither an option that may stand before it nor the value of one. */
function verbIn(words: readonly string[]): string {
  const isValue = (at: number): boolean => ['--target', '--deployment'].includes(words[at - 1] ?? '');
  return words.find((word, at) => !word.startsWith('-') && !isValue(at)) ?? '';
}

function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}

process.exitCode = await runProgram(process.argv.slice(2), { ...streams, interruption });
