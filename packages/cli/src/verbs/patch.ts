/** patch: shows the patch of an item, saves it, or applies it after a check that changes nothing. */
import { type AttemptStatus, type OutputRef, type RunStatus, TerminalError, type Transport } from '@waybill/client';
import { sigstoreBundleOf } from '@waybill/verify';
import { openBundle } from '../evidence.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { applyPatch } from '../git-apply.ts';
import { accessRun, itemOf, leftBy, outputOf } from '../run-access.ts';
import { safeBlock } from '../safe-text.ts';
import { saveFile } from '../saved-file.ts';
import type { VerbCall } from '../verb.ts';
import { counted, formatBytes } from '../view/measure.ts';
import { type Line, paintLines, toned } from '../view/styled.ts';

export async function patch(call: VerbCall): Promise<ExitCode> {
  const transport = await call.target.open();
  const { run } = await accessRun(transport, call.arg(0));
  const item = itemOf(run, call.arg(1));
  const found = outputOf(leftBy(item), 'patch');
  if (found === undefined) throw noPatch(item.id);
  const named = call.text('output');
  const file = named === '-' ? undefined : named;
  const directory = call.text('apply');
  if (file !== undefined) {
    await save(call, transport, found, file);
    await saveProvenance(call, transport, run, leftBy(item), `${file}.sigstore.json`);
  }
  if (directory !== undefined) await apply(call, transport, found, directory);
  if (file === undefined && directory === undefined) await show(call, transport, found);
  return EXIT.ok;
}

function noPatch(item: string): TerminalError {
  const problem = `the last attempt of ${item} left no patch`;
  const fix = 'Only a done item with a block `capture: patch` has one; see `waybill explain`.';
  return new TerminalError({ code: 'OBJECT_MISSING', path: 'item', problem, fix });
}

async function save(
  call: VerbCall,
  transport: Transport,
  { sha256, sizeBytes }: OutputRef,
  file: string,
): Promise<void> {
  await saveFile(file, await transport.openArtifact(sha256));
  call.terminal.emit({ saved: file, sha256, sizeBytes });
  call.terminal.say([[toned('good', 'saved'), `  ${file}  ${formatBytes(sizeBytes)}`]]);
}

/** Beside the patch, for tools that know Sigstore bundles. It exists once the run is sealed. */
async function saveProvenance(
  call: VerbCall,
  transport: Transport,
  run: RunStatus,
  { id }: Pick<AttemptStatus, 'id'>,
  file: string,
): Promise<void> {
  const bundle = run.bundle === undefined ? undefined : await sigstoreBundleOf(await openBundle(transport, run), id);
  if (bundle === undefined) {
    call.terminal.say([[toned('quiet', 'no provenance yet'), '  it is saved with the patch once the run is sealed']]);
    return;
  }
  await saveFile(file, `${JSON.stringify(bundle)}\n`);
  call.terminal.emit({ saved: file, provenance: true });
  call.terminal.say([[toned('good', 'saved'), `  ${file}  its signed provenance, a Sigstore bundle`]]);
}

async function apply(call: VerbCall, transport: Transport, { sha256 }: OutputRef, directory: string): Promise<void> {
  const files = await applyPatch(directory, await transport.openArtifact(sha256));
  call.terminal.emit({ applied: directory, sha256, files });
  call.terminal.say([[toned('good', 'applied'), `  ${counted(files.length, 'file')} in ${directory}`]]);
}

/** On a terminal line by line, with colours where they are wanted; else the bytes themselves. */
async function show(call: VerbCall, transport: Transport, { sha256 }: OutputRef): Promise<void> {
  const { terminal } = call;
  const bytes = await transport.openArtifact(sha256);
  if (!terminal.isTty) return terminal.copy(bytes);
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  terminal.print(paintLines(patchLines(Buffer.concat(chunks).toString('utf8')), { colour: terminal.colour }));
}

function patchLines(text: string): Line[] {
  return safeBlock(text)
    .replace(/\n$/, '')
    .split('\n')
    .map((line): Line => {
      if (line.startsWith('+++') || line.startsWith('---')) return [toned('strong', line)];
      if (line.startsWith('+')) return [toned('good', line)];
      if (line.startsWith('-')) return [toned('bad', line)];
      return line.startsWith('@@') || line.startsWith('diff ') ? [toned('busy', line)] : [line];
    });
}
