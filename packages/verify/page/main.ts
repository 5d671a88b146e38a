/** The page: takes files, verifies them here, shows what came of it. It asks nothing of any network. */
import { EvidenceError } from '../src/evidence-error.ts';
import { DEFAULT_LIMITS } from '../src/record/read-limits.ts';
import type { VerifyReport } from '../src/verdict/verdict.ts';
import { type VerifyOptions, verifyBundle } from '../src/verdict/verify-bundle.ts';
import { type Chosen, recognise } from './chosen-files.ts';
import { element, part, shown } from './elements.ts';
import { reportView } from './report-view.ts';
import { type Timeline, TimelineReader } from './timeline.ts';

/** Between two looks at whether somebody chose something else, and a turn for the page to draw. */
const CHUNK_BYTES = 256 << 10;
const MEGABYTE = 1e6;

class Overtaken extends Error {}

interface Outcome {
  report: VerifyReport;
  timeline: Timeline | undefined;
}

const result = part('result', HTMLElement);
const status = part('status', HTMLElement);
const progress = part('progress', HTMLProgressElement);
const expectRun = part('expect-run', HTMLInputElement);
let bundle: File | undefined;
let material: Chosen | undefined;
let anchor: Chosen | undefined;
/** Counts what was chosen, so that an earlier verification ends when a later one begins. */
let generation = 0;

async function take(files: Iterable<File>, place: 'bundle' | 'material' | 'any'): Promise<void> {
  const problems: string[] = [];
  for (const file of files) {
    const chosen = await recognise(file, place);
    if (chosen.kind === 'refused') problems.push(`${shown(file.name)}: ${chosen.problem}`);
    else if (chosen.kind === 'bundle') bundle = chosen.file;
    else if (chosen.kind === 'anchor') anchor = chosen;
    else material = chosen;
  }
  nameChosen();
  if (problems.length > 0) say(problems.join(' '), true);
  else await verify();
}

function nameChosen(): void {
  const materials = [material, anchor].filter((chosen) => chosen !== undefined);
  part('bundle-name', HTMLElement).textContent = bundle === undefined ? 'None chosen' : describe(bundle);
  part('material-name', HTMLElement).textContent =
    materials.length === 0
      ? 'None: without keys nothing can be authenticated'
      : materials.map(({ kind, file }) => `${describe(file)}, ${kind}`).join('; ');
}

function describe({ name, size }: File): string {
  return `${shown(name)} (${size < MEGABYTE ? `${size.toLocaleString('en')} bytes` : `${(size / MEGABYTE).toFixed(1)} MB`})`;
}

async function verify(): Promise<void> {
  const mine = ++generation;
  if (bundle === undefined) return say('Now choose the audit bundle.', false);
  result.replaceChildren();
  progress.hidden = false;
  try {
    const { report, timeline } = await judge(bundle, () => mine !== generation);
    if (mine !== generation) return;
    result.replaceChildren(reportView(report, timeline));
    say('', false);
    part('verdict', HTMLElement).focus();
  } catch (error) {
    if (error instanceof Overtaken || mine !== generation) return;
    say(problemOf(error), true);
  } finally {
    if (mine === generation) progress.hidden = true;
  }
}

async function judge(file: File, isOvertaken: () => boolean): Promise<Outcome> {
  const reader = new TimelineReader(DEFAULT_LIMITS);
  let isReadable = true;
  const report = await verifyBundle(chunksOf(file, read, isOvertaken), optionsOf());
  return { report, timeline: isReadable ? reader.timeline() : undefined };

  /** The timeline is made of the very bytes that are judged; where it stumbles, the verifier says why. */
  function read(chunk: Uint8Array): void {
    if (!isReadable) return;
    try {
      reader.read(chunk);
    } catch {
      isReadable = false;
    }
  }
}

function optionsOf(): VerifyOptions {
  const options: VerifyOptions = {};
  if (material?.kind === 'keys') options.trust = material.keys;
  if (material?.kind === 'policy') options.policy = material.policy;
  if (anchor?.kind === 'anchor') options.anchor = anchor.capture;
  if (expectRun.value !== '') options.expectRun = expectRun.value;
  return options;
}

async function* chunksOf(
  file: File,
  read: (chunk: Uint8Array) => void,
  isOvertaken: () => boolean,
): AsyncGenerator<Uint8Array> {
  progress.max = Math.max(1, file.size);
  let done = 0;
  const stream = file.stream().getReader();
  for (let next = await stream.read(); !next.done; next = await stream.read()) {
    for (let at = 0; at < next.value.length; at += CHUNK_BYTES) {
      const chunk = next.value.subarray(at, at + CHUNK_BYTES);
      read(chunk);
      yield chunk;
      done += chunk.length;
      progress.value = done;
      status.textContent = `Verified ${(done / MEGABYTE).toFixed(1)} of ${(file.size / MEGABYTE).toFixed(1)} MB`;
      await new Promise((resolve) => setTimeout(resolve));
      if (isOvertaken()) throw new Overtaken('something else was chosen');
    }
  }
}

function problemOf(error: unknown): string {
  const reason = shown(error instanceof Error ? error.message : String(error));
  if (error instanceof EvidenceError) return `What you supplied to verify with cannot be used: ${reason}.`;
  const name = error instanceof Error ? error.name : '';
  if (name === 'NotSupportedError') {
    return 'This browser lacks a signature algorithm that the evidence needs. Use Chrome 137, Firefox 130, Safari 17 or later, or the waybill-verify command.';
  }
  if (name === 'NotReadableError' || name === 'NotFoundError') {
    return `The file cannot be read, or changed while it was read: ${reason}. Choose it again.`;
  }
  return `The verifier itself failed, and nothing is concluded: ${reason}.`;
}

function say(text: string, isProblem: boolean): void {
  status.textContent = text;
  status.className = isProblem ? 'problem' : '';
  if (isProblem) {
    progress.hidden = true;
    result.replaceChildren();
  }
}

function pick(id: string, place: 'bundle' | 'material'): void {
  const input = part(id, HTMLInputElement);
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])];
    // So that choosing the same file again is a change.
    input.value = '';
    void take(files, place);
  });
}

function begin(): void {
  pick('bundle', 'bundle');
  pick('material', 'material');
  expectRun.addEventListener('change', () => {
    if (expectRun.reportValidity()) void verify();
  });
  const over = (event: DragEvent): void => {
    event.preventDefault();
    document.body.classList.toggle('dropping', event.type === 'dragover');
  };
  addEventListener('dragover', over);
  addEventListener('dragleave', over);
  addEventListener('drop', (event) => {
    over(event);
    void take([...(event.dataTransfer?.files ?? [])], 'any');
  });
  if (!isSecureContext || crypto.subtle === undefined) {
    say('This browser offers no cryptography here. Open the page from disk, or over https.', true);
    result.append(element('p', {}, 'Nothing can be verified on this page as it was opened.'));
  }
}

begin();
