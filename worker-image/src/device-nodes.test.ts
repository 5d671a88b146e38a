import assert from 'node:assert/strict';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, type Stats, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import { DEVICES, makeDeviceNodes, NO_NODES, removeDeviceNodes, stateOfNodes } from './device-nodes.ts';

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

it('device nodes: without any, their state is nothing that could change', () => {
  assert.equal(stateOfNodes(NO_NODES), '');
});
