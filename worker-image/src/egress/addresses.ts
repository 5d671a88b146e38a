/**
 * Which addresses are those of the internet: handed out to anybody, and to nobody on this machine. Who stands behind one is not seen: a machine of
 * the same network that has a public address passes, and so does a way into version 4 under a prefix of the network's own (NAT64, 6rd).
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';

/** What is special of version 4: this network, private, shared, loopback, link-local, tests, relays, multicast, reserved. */
const NOT_PUBLIC_4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
  // A cloud answers its machines here, in the middle of addresses that are anybody's.
  ['168.63.129.16', 32],
];
/** Of version 6 only these are handed out; in them stand tunnels, which lead to an address of version 4, and examples. */
const GLOBAL_6 = ['2000::', 3] as const;
const NOT_PUBLIC_6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

/** Under any prefix, a tunnel to the address of version 4 that follows. */
const ISATAP = /^(0|200):5efe:/;

const special = new BlockList();
for (const [address, bits] of NOT_PUBLIC_4) special.addSubnet(address, bits, 'ipv4');
for (const [address, bits] of NOT_PUBLIC_6) special.addSubnet(address, bits, 'ipv6');
const global = new BlockList();
global.addSubnet(...GLOBAL_6, 'ipv6');

/** False for what is no address. This machine is no place outside, by whatever address it is known. */
export function isPublic(address: string): boolean {
  if (isIPv4(address)) return !special.check(address, 'ipv4') && !isOwn(address, 'ipv4');
  // A zone names a way out of this machine, which is no part of a public address.
  if (!isIPv6(address) || address.includes('%')) return false;
  if (ISATAP.test(lastGroups(address))) return false;
  return global.check(address, 'ipv6') && !special.check(address, 'ipv6') && !isOwn(address, 'ipv6');
}

/** Of version 6: the latter half, as groups in base 16. */
function lastGroups(address: string): string {
  const [before = '', after] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const [first, last] = [before, after ?? ''].map((part) => (part === '' ? [] : part.split(':'))) as [
    string[],
    string[],
  ];
  const between = Array<string>(8 - first.length - last.length).fill('0');
  return [...first, ...between, ...last].slice(4).join(':');
}

function isOwn(address: string, family: 'ipv4' | 'ipv6'): boolean {
  const own = new BlockList();
  for (const { address: mine, family: of } of Object.values(networkInterfaces()).flatMap((all) => all ?? [])) {
    if (of.toLowerCase() === family) own.addAddress(mine, family);
  }
  return own.check(address, family);
}
