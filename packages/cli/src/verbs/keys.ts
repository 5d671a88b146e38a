/** keys: which keys the deployment's evidence stands on, in forms to pin and to print, and their changes. */
import type { TrustedKey, TrustFile } from '@waybill/verify';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { runOffline } from '../offline-program.ts';
import { saveEvidence } from '../saved-file.ts';
import type { VerbCall } from '../verb.ts';
import { type Line, toned } from '../view/styled.ts';
import { tableLines } from '../view/table.ts';

export async function keysList(call: VerbCall): Promise<ExitCode> {
  const { keys } = await ownKeys(call);
  for (const key of keys) call.terminal.emit(key);
  const rows = keys.map((key) => [
    { text: key.use },
    { text: key.alg },
    { text: key.keyid },
    { text: rangeOf(key), ...(key.to === undefined ? { tone: 'good' as const } : { tone: 'quiet' as const }) },
  ]);
  call.terminal.say(tableLines(['use', 'algorithm', 'key id', 'log indexes'], rows));
  return EXIT.ok;
}

/** For the annex of a contract: everything that an auditor has to compare, in groups that can be read aloud. */
export async function keysFingerprint(call: VerbCall): Promise<ExitCode> {
  const trust = await ownKeys(call);
  const lines: Line[] = [[toned('strong', `Keys of the log ${trust.origin}`)]];
  for (const key of trust.keys) {
    const fingerprint = groupsOf(key.keyid);
    call.terminal.emit({ origin: trust.origin, ...key, fingerprint });
    lines.push([], [toned('strong', `${key.use} key`), ` (${key.alg}), ${rangeOf(key)}`]);
    lines.push(
      [`  SHA-256 of the public key  ${fingerprint.slice(0, 39)}`],
      [`${' '.repeat(29)}${fingerprint.slice(40)}`],
    );
    if (key.use === 'log') lines.push([`  verifier key               ${key.vkey}`]);
  }
  call.terminal.say(lines);
  return EXIT.ok;
}

export async function keysExport(call: VerbCall): Promise<ExitCode> {
  const trust = await ownKeys(call);
  const text = `${JSON.stringify(trust, null, 2)}\n`;
  const file = call.text('output') ?? 'waybill-keys.json';
  if (file === '-') {
    call.terminal.print(text);
    return EXIT.ok;
  }
  await saveEvidence(file, text, call.flag('force'));
  call.terminal.emit({ exported: file, origin: trust.origin, keys: trust.keys.length });
  call.terminal.say([[toned('good', 'exported'), `  ${file}: hand it to auditors by another way than bundles`]]);
  return EXIT.ok;
}

export async function keysRotate(call: VerbCall): Promise<ExitCode> {
  return changed(call, 'in force', ['rotate', call.arg(0), ...option(call, 'alg')]);
}

export async function keysAdd(call: VerbCall): Promise<ExitCode> {
  return changed(call, 'in force', ['add', call.arg(0), ...option(call, 'alg')]);
}

export async function keysRevoke(call: VerbCall): Promise<ExitCode> {
  return changed(call, 'revoked', ['revoke', call.arg(0), ...option(call, 'from'), ...option(call, 'reason')]);
}

async function changed(call: VerbCall, what: string, words: readonly string[]): Promise<ExitCode> {
  const key = await runOffline<TrustedKey>(call.home, 'keys', words);
  call.terminal.emit(key);
  call.terminal.say([
    [toned('good', what), `  ${key.use} key ${key.keyid}, ${rangeOf(key)}`],
    [toned('quiet', `Hand out the keys again: ${call.command('keys export --force')}`)],
  ]);
  return EXIT.ok;
}

function option(call: VerbCall, name: string): string[] {
  const value = call.text(name);
  return value === undefined ? [] : [`--${name}`, value];
}

function ownKeys(call: VerbCall): Promise<TrustFile> {
  return call.target.trust();
}

function rangeOf({ from, to, revoked }: TrustedKey): string {
  if (to === undefined) return `from ${from}`;
  return revoked === undefined ? `from ${from}, retired at ${to}` : `from ${from}, revoked from ${to} on (${revoked})`;
}

/** Four digits each, sixteen groups. */
function groupsOf(hex: string): string {
  return (hex.match(/.{4}/g) ?? []).join(' ');
}
