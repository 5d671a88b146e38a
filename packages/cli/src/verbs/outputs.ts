/** outputs: the files that `capture: outputs` took, listed, printed or saved. */
import { dirname, join } from 'node:path';
import { type OutputRef, TerminalError, type Transport } from '@waybill/client';
import { usageError } from '../error-report.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { accessRun, itemOf, leftBy } from '../run-access.ts';
import { safeCell } from '../safe-text.ts';
import { makeFolder, saveFile } from '../saved-file.ts';
import type { VerbCall } from '../verb.ts';
import { formatBytes } from '../view/measure.ts';
import { toned } from '../view/styled.ts';
import { tableLines } from '../view/table.ts';

const PREFIX = 'outputs/';

export async function outputs(call: VerbCall): Promise<ExitCode> {
  const transport = await call.target.open();
  const { run } = await accessRun(transport, call.arg(0));
  const item = itemOf(run, call.arg(1));
  const found = leftBy(item).outputs.filter(({ kind }) => kind === 'output');
  if (found.length === 0 && item.state !== 'done') throw noOutputs(item.id);
  const name = call.optionalArg(2);
  const directory = call.text('output');
  if (directory === '-') throw noDirectory();
  const chosen = name === undefined ? found : [outputNamed(found, name)];
  if (chosen.length === 0) sayNone(call, item.id);
  else if (directory !== undefined) await save(call, transport, chosen, directory);
  else if (name === undefined) list(call, found);
  else for (const one of chosen) await print(call, transport, one);
  return EXIT.ok;
}

function noOutputs(item: string): TerminalError {
  const problem = `the last attempt of ${item} left no outputs`;
  const fix = 'Only a done item with a block `capture: outputs` has them; see `waybill explain`.';
  return new TerminalError({ code: 'OBJECT_MISSING', path: 'item', problem, fix });
}

/** Of an item that is done and captured nothing: a program must not take the silence for an answer that was lost. */
function sayNone(call: VerbCall, item: string): void {
  call.terminal.emit({ item, outputs: [] });
  call.terminal.say([[toned('quiet', 'no outputs')]]);
}

function pathOf({ name }: OutputRef): string {
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name;
}

function noDirectory(): TerminalError {
  return usageError('--output', 'files are written below a directory', 'Leave it out to print one output by its name.');
}

/** By its path below outputs/, with or without that in front. */
function outputNamed(found: readonly OutputRef[], name: string): OutputRef {
  const one = found.find((output) => output.name === name || pathOf(output) === name);
  if (one !== undefined) return one;
  const problem = `the item has no output ${JSON.stringify(name)}`;
  const fix = 'Leave the name out to see what it has.';
  throw new TerminalError({ code: 'OBJECT_MISSING', path: 'name', problem, fix });
}

function list(call: VerbCall, found: readonly OutputRef[]): void {
  for (const { sha256, sizeBytes, ...one } of found) call.terminal.emit({ name: one.name, sha256, sizeBytes });
  const rows = found.map((one) => [
    { text: safeCell(pathOf(one), 120) },
    { text: formatBytes(one.sizeBytes) },
    { text: one.sha256 },
  ]);
  call.terminal.say(tableLines(['NAME', 'SIZE', 'DIGEST'], rows));
}

async function print(call: VerbCall, transport: Transport, { sha256 }: OutputRef): Promise<void> {
  await call.terminal.copy(await transport.openArtifact(sha256));
}

async function save(
  call: VerbCall,
  transport: Transport,
  chosen: readonly OutputRef[],
  directory: string,
): Promise<void> {
  for (const one of chosen) {
    const path = join(directory, ...partsOf(one));
    makeFolder(dirname(path));
    await saveFile(path, await transport.openArtifact(one.sha256));
    call.terminal.emit({ saved: path, sha256: one.sha256, sizeBytes: one.sizeBytes });
    call.terminal.say([[toned('good', 'saved'), `  ${safeCell(path, 200)}  ${formatBytes(one.sizeBytes)}`]]);
  }
}

/** The engine refuses names that leave their directory; a status document from elsewhere is not believed to. */
function partsOf(output: OutputRef): string[] {
  const parts = pathOf(output).split('/');
  if (parts.every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\\0]/.test(part))) return parts;
  const problem = `the output name ${JSON.stringify(output.name)} is no path below a directory`;
  throw new TerminalError({ code: 'KEY_INVALID', path: 'name', problem, fix: 'Print it by its name instead.' });
}
