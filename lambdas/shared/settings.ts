/** What a function is told of its deployment. The names stand in the deployment's templates too. */
import { TerminalError } from '@waybill/client/errors';
import type { Digest } from '@waybill/verify';
import { type QueueDefinitions, readQueues } from '#core/queue-definition.ts';

export function setting(name: string): string {
  const value = process.env[name];
  if (value !== undefined && value !== '') return value;
  throw wrong(name, 'is not set');
}

/** Comma-separated; empty parts are none. */
export function listSetting(name: string): string[] {
  return setting(name)
    .split(',')
    .filter((part) => part !== '');
}

/** Undefined when it is not set. Throws TerminalError USAGE for what is no JSON. */
export function jsonSetting(name: string): unknown {
  const value = process.env[name];
  if (value === undefined || value === '') return undefined;
  try {
    return JSON.parse(value);
  } catch {
    throw wrong(name, 'is no JSON');
  }
}

/** The queues of the deployment and what they may start. */
export function queuesSetting(): QueueDefinitions {
  try {
    return readQueues(jsonSetting('WAYBILL_QUEUES'), 'queues');
  } catch (error) {
    throw wrong('WAYBILL_QUEUES', `is no list of queues: ${String(error)}`);
  }
}

/** A toolchain beside the one called `default`. */
export interface OtherEnvironment {
  /** ARN of the alias of its machine. */
  machine: string;
  /** What runs in it, as manifests name it. */
  executable: Digest;
}

/** By name. Functions that neither take in nor dispatch are told of none. */
export function otherEnvironments(): ReadonlyMap<string, OtherEnvironment> {
  return new Map(Object.entries((jsonSetting('WAYBILL_ENVIRONMENTS') ?? {}) as Record<string, OtherEnvironment>));
}

/** ARNs of the secrets of the deployment, by the names that blocks use. */
export function secretArns(): ReadonlyMap<string, string> {
  return new Map(Object.entries((jsonSetting('WAYBILL_SECRETS') ?? {}) as Record<string, string>));
}

/** What attempts may be given; nothing where the deployment keeps no secrets. */
export function givenSecrets(): { givesSecrets?: ReadonlySet<string> } {
  const names = process.env.WAYBILL_SECRET_NAMES ?? '';
  return names === '' ? {} : { givesSecrets: new Set(names.split(',')) };
}

/** Where each name that specs may give leads, and the ARN of its key. */
export function callbackEndpoints(): ReadonlyMap<string, { url: URL; secret: string }> {
  const told = (jsonSetting('WAYBILL_CALLBACKS') ?? {}) as Record<string, { url: string; secret: string }>;
  return new Map(
    Object.entries(told).map(([name, { url: text, secret }]) => {
      const url = new URL(text);
      if (url.protocol !== 'https:') throw wrong('WAYBILL_CALLBACKS', `has ${name} elsewhere than at https`);
      return [name, { url, secret }];
    }),
  );
}

/** Whom specs may name to be told of the end of a run. */
export function callbackNames(): { callbacks?: ReadonlySet<string> } {
  const names = process.env.WAYBILL_CALLBACK_NAMES ?? '';
  return names === '' ? {} : { callbacks: new Set(names.split(',')) };
}

/** What a request for a model has to be allowed on: ARNs, by the names that blocks use. */
export function modelArns(): ReadonlyMap<string, readonly string[]> {
  return new Map(Object.entries((jsonSetting('WAYBILL_MODEL_ARNS') ?? {}) as Record<string, string[]>));
}

/** With which models attempts are given sessions; nothing where the deployment has none. */
export function givenModels(): { givesModels?: ReadonlySet<string> } {
  const names = process.env.WAYBILL_MODEL_NAMES ?? '';
  return names === '' ? {} : { givesModels: new Set(names.split(',')) };
}

function wrong(name: string, problem: string): TerminalError {
  const fix = 'Deploy again: the stacks of lib/ set it.';
  return new TerminalError({ code: 'USAGE', path: name, problem, fix });
}
