/** audit log and audit compare: the verifier's own modes, with the state directory's ledger and keys at hand. */
import { existsSync } from 'node:fs';
import { main } from '@waybill/verify/command';
import { COMPARE_FLAGS, LOG_FLAGS, type ModeFlag } from '@waybill/verify/flags';
import type { VerbCall } from '../verb.ts';
import { toned } from '../view/styled.ts';

/** Answers with the verifier's own exit codes. Without a ledger it is this engine's own, with its own keys. */
export async function auditLog(call: VerbCall): Promise<number> {
  const named = call.optionalArg(0);
  const keys = call.home.keysPath();
  const isOwn = call.text('keys') === undefined && call.text('policy') === undefined && existsSync(keys);
  if (named !== undefined || !isOwn) return mode(call, LOG_FLAGS, ['log', named ?? call.home.at('ledger')]);
  call.terminal.say([[toned('quiet', `keys  ${keys} (this engine's own; an outsider uses --keys)`)], []]);
  return mode(call, LOG_FLAGS, ['log', call.home.at('ledger'), '--keys', keys]);
}

/** Answers with the verifier's own exit codes. */
export async function auditCompare(call: VerbCall): Promise<number> {
  const second = call.optionalArg(1);
  return mode(call, COMPARE_FLAGS, ['compare', call.arg(0), ...(second === undefined ? [] : [second])]);
}

function mode(call: VerbCall, flags: readonly ModeFlag[], args: readonly string[]): Promise<number> {
  const { terminal } = call;
  const all = [
    ...args,
    ...flags.flatMap((flag) => chosen(call, flag)),
    ...(terminal.mode === 'json' ? ['--json'] : []),
  ];
  return main(all, {
    out: (text) => terminal.print(text),
    err: (text) => void terminal.err.write(text),
    stdin: process.stdin,
  });
}

function chosen(call: VerbCall, { name, value }: ModeFlag): string[] {
  const key = name.replace(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase());
  if (value === undefined) {
    // commander keeps `--no-x` as an x that is false
    const isGiven = name.startsWith('no-') ? call.refuses(name.slice(3)) : call.flag(key);
    return isGiven ? [`--${name}`] : [];
  }
  const given = call.all(key) ?? [];
  return (typeof given === 'string' ? [given] : given).flatMap((one) => [`--${name}`, one]);
}
