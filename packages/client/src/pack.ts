/** A pack as it is used, once it has been looked at. */
import type { Digest } from '@waybill/verify';
import type { Refusal } from './errors.ts';
import type { JsonSchema } from './output-schema.ts';
import type { ShapeInput, ShapeParam, WrittenShape } from './pack-format.ts';
import type { DeclaredOutputs } from './spec-outputs.ts';

export interface PackFile {
  sha256: Digest;
  sizeBytes: number;
  bytes: Uint8Array;
}

export interface Shape {
  name: string;
  description: string;
  params: Readonly<Record<string, ShapeParam>>;
  inputs: Readonly<Record<string, TypedInput>>;
  outputs: DeclaredOutputs;
  /** What it says of its outputs to people. */
  about: Readonly<Record<string, string>>;
  /** By file name under inputs/. */
  files: Readonly<Record<string, PackFile>>;
  settings: Pick<WrittenShape, 'effect' | 'timeout'>;
  /** With its prompts as texts, and places for parameters. */
  pipeline: readonly Record<string, unknown>[];
  digest: Digest;
}

export type TypedInput = Omit<ShapeInput, 'schema'> & { schema?: JsonSchema };

export interface Pack {
  name: string;
  description: string;
  /** Of the whole folder. */
  digest: Digest;
  shapes: ReadonlyMap<string, Shape>;
}

export type ReadPack = { ok: true; pack: Pack } | { ok: false; refusals: Refusal[] };

/** By path in the folder. */
export type PackFiles = ReadonlyMap<string, Uint8Array>;

/** Takes what is wrong with a shape, by its path there. */
export type Say = (path: PropertyKey[], problem: string, fix: string, code?: Refusal['code']) => void;
