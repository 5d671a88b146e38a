import assert from 'node:assert/strict';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, type Stats, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { it } from 'node:test';
import { RetryableError } from '@waybill/client/errors';
import {
  DEVICES,
  makeDeviceNodes,
  NO_NODES,
  removeDeviceNodes,
  requireOwnNodes,
  stateOfNodes,
} from './device-nodes.ts';

const left = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('waybill-devices-'));
const ownsThoseOfHost = lstatSync('/dev/null').uid === process.getuid?.();

it('device nodes: whoever owns those of the host has others of the same devices, which nobody else reaches', (t) => {
  if (!ownsThoseOfHost) return t.skip('the control needs root, who owns the device nodes here');
  const before = left();
  const nodes = makeDeviceNodes();
  if (nodes.lack !== null) return t.skip(`own device nodes: ${nodes.lack}`);
  const { place } = nodes;
  assert.ok(place);
  assert.equal(dirname(place), tmpdir());
  assert.equal(lstatSync(place).mode & 0o777, 0o700);
  for (const name of DEVICES) {
    const host = lstatSync(join('/dev', name));
    const own: Stats = lstatSync(join(place, name));
    assert.ok(own.isCharacterDevice());
    assert.deepEqual([own.rdev, own.mode, own.uid], [host.rdev, host.mode, host.uid], name);
    assert.notDeepEqual([own.dev, own.ino], [host.dev, host.ino], name);
  }
  writeFileSync(join(place, 'null'), 'away');
  assert.equal(readFileSync(join(place, 'null')).length, 0);
  removeDeviceNodes(nodes);
  assert.deepEqual(left(), before);
});

it('device nodes: none are made for a user who owns none of the host, and it is no lack', () => {
  assert.deepEqual(makeDeviceNodes('/dev', lstatSync('/dev/null').uid + 1), NO_NODES);
});

it('device nodes: where none can be made, it is said why, and nothing is left behind', () => {
  const host = mkdtempSync(join(tmpdir(), 'waybill-test-'));
  try {
    // What is copied is no device then, as where nobody may make one.
    for (const name of DEVICES) writeFileSync(join(host, name), '');
    const before = left();
    assert.deepEqual(makeDeviceNodes(host), { place: null, lack: `none can be made in ${tmpdir()}` });
    assert.deepEqual(left(), before);
  } finally {
    rmSync(host, { recursive: true });
  }
});

it('device nodes: a machine that takes seconds to copy them still makes them', (t) => {
  if (!ownsThoseOfHost) return t.skip('the control needs root, who owns the device nodes here');
  const usual = makeDeviceNodes();
  removeDeviceNodes(usual);
  if (usual.lack !== null) return t.skip(`own device nodes: ${usual.lack}`);
  const slow = mkdtempSync(join(tmpdir(), 'waybill-test-'));
  const before = process.env.PATH;
  try {
    writeFileSync(join(slow, 'cp'), `#!/bin/sh\nsleep 3\nPATH='${before}' exec cp "$@"\n`, { mode: 0o755 });
    process.env.PATH = `${slow}${delimiter}${before}`;
    const nodes = makeDeviceNodes();
    removeDeviceNodes(nodes);
    assert.equal(nodes.lack, null);
  } finally {
    process.env.PATH = before;
    rmSync(slow, { recursive: true });
  }
});

it('device nodes: where they are required, there are some, or it is said why not and that it may pass', () => {
  requireOwnNodes({ place: tmpdir(), lack: null });
  const refused = (problem: RegExp) => (error: unknown) =>
    error instanceof RetryableError && error.code === 'LAUNCH_FAILED' && problem.test(error.problem);
  assert.throws(() => requireOwnNodes({ place: null, lack: 'none can be made' }), refused(/since none can be made,/));
  assert.throws(() => requireOwnNodes(NO_NODES), refused(/since this user owns none/));
});

it('device nodes: without any, their state is nothing that could change', () => {
  assert.equal(stateOfNodes(NO_NODES), '');
});
