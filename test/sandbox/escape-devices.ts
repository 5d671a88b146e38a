/** What a block of root tries with the device nodes of the host, which are its own to the kernel. */
import { statSync } from 'node:fs';
import { DEVICES, makeDeviceNodes, removeDeviceNodes } from '#worker/device-nodes.ts';
import { type EscapeAttempt, needsRoot } from './escape-attempts.ts';

/** Whoever does not own those of the host changes nothing of them, with a sandbox or without. */
function needsOwnNodes(): string | null {
  const nodes = makeDeviceNodes();
  removeDeviceNodes(nodes);
  return needsRoot() ?? (nodes.lack === null ? null : `own device nodes: ${nodes.lack}`);
}

/** Holds when it is the same node as that of the host. */
function isOfHost(path: string, name: string): string {
  const { dev, ino } = statSync(`/dev/${name}`);
  return `test "$(stat -Lc %d:%i ${path})" = ${dev}:${ino}`;
}

/** When those of the host were changed, in whatever way. */
const changesOfHost = (): string => DEVICES.map((name) => statSync(`/dev/${name}`, { bigint: true }).ctimeNs).join(' ');
let changesBefore = '';

export const NODES: readonly EscapeAttempt[] = [
  {
    name: 'has a device node of the host',
    run: () => DEVICES.map((name) => isOfHost(`/dev/${name}`, name)).join(' || '),
    lacks: needsOwnNodes,
  },
  {
    name: 'has the /dev/null of the host as its stdin',
    run: () => isOfHost('/dev/stdin', 'null'),
    lacks: needsOwnNodes,
  },
  {
    name: 'changes the device nodes of the host',
    // To the mode that they have.
    run: () => {
      changesBefore = changesOfHost();
      const nodes = ['/dev/stdin', ...DEVICES.map((name) => `/dev/${name}`)];
      return nodes.map((node) => `chmod "$(stat -Lc %a ${node})" ${node}`).join(' && ');
    },
    reached: () => changesOfHost() !== changesBefore,
    lacks: needsOwnNodes,
  },
];
