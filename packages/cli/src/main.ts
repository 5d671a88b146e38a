/** `waybill`: reads the process, runs the program, sets the exit code. */
import { reportError } from './error-report.ts';
import { EXIT } from './exit-codes.ts';
import { runProgram } from './program.ts';
import { unwritable } from './saved-file.ts';
import { Terminal } from './terminal.ts';
import { wordsOf } from './typed-words.ts';

const streams = { out: process.stdout, err: process.stderr, env: process.env };

// what no caller waits for, such as a stream that breaks later, would otherwise end in Node's own stack and exit code 1
process.on('uncaughtException', (error) => {
  process.exit(reportError(chosenTerminal(), error));
});

// what cannot be said on standard error is said by the exit code
process.stderr.on('error', () => {});

function chosenTerminal(): Terminal {
  const json = process.argv.includes('--json');
  return new Terminal({ ...streams, json, plain: !json });
}

// a reader that has seen enough (`waybill logs … | head`) is no error, but neither does it make a verdict or a run good
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  const [verb] = wordsOf(process.argv.slice(2));
  if (error.code !== 'EPIPE') {
    // the verifier has one code of its own for everything that keeps it from a verdict
    if (verb === 'audit') throw error;
    process.exit(reportError(chosenTerminal(), unwritable('standard output', error)));
  }
  if (verb === 'audit') return;
  process.exit(verb === 'run' || verb === 'watch' ? EXIT.interrupted : EXIT.ok);
});

function interruption(): AbortSignal {
  const controller = new AbortController();
  // from now on the verb says what an interrupt means
  process.removeAllListeners('SIGINT');
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}

process.exitCode = await runProgram(process.argv.slice(2), { ...streams, interruption });
