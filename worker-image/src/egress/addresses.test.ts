import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { describe, it } from 'node:test';
import { isPublic } from './addresses.ts';

const INSIDE = [
  ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '100.100.100.200', '127.0.0.1', '127.255.255.255', '169.254.169.254'],
  ...['169.254.170.2', '172.16.0.1', '172.31.255.255', '192.0.0.1', '192.168.1.1', '198.18.0.1', '198.19.255.255'],
  ...['203.0.113.5', '224.0.0.1', '255.255.255.255', '240.0.0.1', '168.63.129.16'],
  ...[
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:a9fe:a9fe',
    '::ffff:93.184.216.34',
    '::127.0.0.1',
    'fe80::1',
    'fe80::1%eth0',
  ],
  ...['fc00::1', 'fd00:ec2::254', 'ff02::1', '64:ff9b::a9fe:a9fe', '2002:a9fe:a9fe::1', '2001::1', '2001:db8::1'],
  ...[
    '2000::5efe:10.0.0.1',
    '2606:4700::200:5efe:10.0.0.1',
    '2A00:1450:1:2:0:5EFE:0A00:1',
    '2a00:1450:1:2:200:5efe:a00:1',
  ],
  ...['2606:4700::1%eth0', '3fff::1', '100::1', 'localhost', '', '1.2.3', '0x7f.1', '2130706433', '1.2.3.4 '],
];
const OUTSIDE = [
  '93.184.216.34',
  '1.1.1.1',
  '172.15.0.1',
  '172.32.0.1',
  '223.255.255.1',
  '2606:4700::1',
  '2606:4700::5efe:1',
  '2a00:1450:1:2:3:5efe:a00:1',
  '2a00:1450:1:0:5efe:1:2:3',
  '2a00:1450::1',
];

describe('addresses:', () => {
  for (const address of INSIDE)
    it(`${JSON.stringify(address)} is nothing outside`, () => assert.equal(isPublic(address), false));
  for (const address of OUTSIDE) it(`${address} is outside`, () => assert.equal(isPublic(address), true));
  it('no address of this machine is outside', () => {
    for (const all of Object.values(networkInterfaces()))
      for (const { address } of all ?? []) assert.equal(isPublic(address), false);
  });
});
