/** Names in the first message of TLS: those that a real client writes, and what no client should. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { connect } from 'node:tls';
import { HelloReader, MAX_HELLO_BYTES, MAX_HELLO_RECORDS } from './client-hello.ts';

/** What this Node begins with. */
async function spoken(servername: string): Promise<Buffer> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  const client = connect({ port, host: '127.0.0.1', servername }).on('error', () => {});
  const [socket] = await once(server, 'connection');
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  server.close();
  return bytes;
}

const number = (size: number, value: number): Buffer => {
  const bytes = Buffer.alloc(size);
  bytes.writeUIntBE(value, 0, size);
  return bytes;
};
const sized = (size: number, ...parts: Buffer[]): Buffer => {
  const all = Buffer.concat(parts);
  return Buffer.concat([number(size, all.length), all]);
};
const extension = (type: number, ...parts: Buffer[]): Buffer => Buffer.concat([number(2, type), sized(2, ...parts)]);
const named = (name: string, type = 0): Buffer => Buffer.concat([number(1, type), sized(2, Buffer.from(name))]);
const sni = (...names: string[]): Buffer => extension(0, sized(2, ...names.map((name) => named(name))));
function hello(...extensions: Buffer[]): Buffer {
  const fixed = [number(2, 0x0303), Buffer.alloc(32), sized(1), sized(2, number(2, 0x1301)), sized(1, number(1, 0))];
  return Buffer.concat([number(1, 1), sized(3, ...fixed, sized(2, ...extensions))]);
}
function records(message: Buffer, size: number = message.length): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < message.length; at += size)
    parts.push(Buffer.concat([number(1, 22), number(2, 0x0301), sized(2, message.subarray(at, at + size))]));
  return Buffer.concat(parts);
}

/** In parts of `size` bytes; those after the answer are not taken. */
function readHello(bytes: Buffer, size: number = bytes.length): { name: string } | string {
  const reader = new HelloReader();
  for (let at = 0; at < bytes.length; at += size) {
    const read = reader.take(bytes.subarray(at, at + size));
    if (typeof read === 'object') {
      assert.deepEqual(read.bytes, bytes.subarray(0, at + size));
      return { name: read.name };
    }
    if (read !== 'more') return read;
  }
  return 'more';
}

describe('client hello:', () => {
  it('the name is read from what a real client says, which may come in any parts', async () => {
    const bytes = await spoken('registry.example.org');
    assert.deepEqual(readHello(bytes), { name: 'registry.example.org' });
    for (let end = 0; end < bytes.length; end += 1) assert.equal(readHello(bytes.subarray(0, end)), 'more');
    for (const size of [1, 2, 7]) assert.deepEqual(readHello(bytes, size), { name: 'registry.example.org' });
    assert.deepEqual(readHello(Buffer.concat([bytes, Buffer.from('more')])), { name: 'registry.example.org' });
  });

  it('a message may be spread over records, and its name is compared in lower case', () => {
    const message = hello(extension(16), sni('A.Example.ORG'), extension(43, number(2, 1)));
    for (const size of [Math.ceil(message.length / MAX_HELLO_RECORDS), 50, message.length])
      for (const part of [1, 3, message.length])
        assert.deepEqual(readHello(records(message, size), part), { name: 'a.example.org' });
  });

  it('a message of so many records is read, and of one more it is refused as soon as it begins', () => {
    const message = hello(sni('a.example'));
    const cut = Math.ceil(message.length / MAX_HELLO_RECORDS);
    assert.deepEqual(readHello(records(message, cut)), { name: 'a.example' });
    const [most, rest] = [
      records(message.subarray(0, MAX_HELLO_RECORDS - 1), 1),
      message.subarray(MAX_HELLO_RECORDS - 1),
    ];
    assert.deepEqual(readHello(Buffer.concat([most, records(rest)])), { name: 'a.example' });
    assert.equal(readHello(Buffer.concat([most, records(rest, rest.length - 1)])), 'not_tls');
  });

  it('as many records as bytes are refused, whether they come at once or one after the other', () => {
    const flood = records(Buffer.concat([number(1, 1), number(3, MAX_HELLO_BYTES - 4), Buffer.alloc(32_000)]), 1);
    assert.equal(readHello(flood), 'not_tls');
    assert.equal(readHello(flood, 1), 'not_tls');
  });

  it('the longest message is read, and records that hold more than it are not', () => {
    const padding = MAX_HELLO_BYTES - hello(sni('a.example'), extension(21)).length;
    const message = hello(sni('a.example'), extension(21, Buffer.alloc(padding)));
    assert.equal(message.length, MAX_HELLO_BYTES);
    for (const part of [1, 1000, 100_000])
      assert.deepEqual(readHello(records(message, 16_384), part), { name: 'a.example' });
    const longer = Buffer.concat([message.subarray(0, -1), Buffer.alloc(2)]);
    assert.equal(readHello(records(longer, 11_000)), 'not_tls');
  });

  for (const [what, bytes, expected] of [
    ['no name', records(hello(extension(16))), 'other_name'],
    ['no extensions', records(Buffer.concat([number(1, 1), sized(3, hello().subarray(4, -2))])), 'other_name'],
    ['two names', records(hello(sni('a.example', 'b.example'))), 'other_name'],
    ['names twice', records(hello(sni('a.example'), sni('b.example'))), 'other_name'],
    [
      'a name of another kind',
      records(hello(extension(0, sized(2, named('a.example', 1), named('b.example'))))),
      'other_name',
    ],
    ['a name that is encrypted', records(hello(sni('a.example'), extension(0xfe0d, Buffer.alloc(8)))), 'hidden_name'],
    ['a list that is longer than it says', records(hello(extension(0, number(2, 3), named('a.example')))), 'not_tls'],
    [
      'a name that ends beyond its list',
      records(hello(extension(0, sized(2, number(1, 0), number(2, 99))))),
      'not_tls',
    ],
    ['an extension that ends beyond the message', records(hello(number(2, 16), number(2, 99))), 'not_tls'],
    [
      'bytes behind the extensions',
      records(Buffer.concat([number(1, 1), sized(3, hello(sni('a.b')).subarray(4), Buffer.alloc(1))])),
      'not_tls',
    ],
    ['another handshake', records(Buffer.concat([number(1, 2), sized(3, Buffer.alloc(40))])), 'not_tls'],
    ['another record', Buffer.from([23, 3, 3, 0, 1, 0]), 'not_tls'],
    [
      'another record in between',
      Buffer.concat([records(hello(sni('a.example'))).subarray(0, 5), Buffer.alloc(0)]),
      'more',
    ],
    ['another version of records', Buffer.from([22, 2, 0, 0, 1, 0]), 'not_tls'],
    ['an empty record', Buffer.from([22, 3, 1, 0, 0]), 'not_tls'],
    ['a record that is too long', Buffer.concat([Buffer.from([22, 3, 1]), number(2, 16_385)]), 'not_tls'],
    ['a message that is too long', records(Buffer.concat([number(1, 1), number(3, MAX_HELLO_BYTES)])), 'not_tls'],
    ['another protocol', Buffer.from('SSH-2.0-x\r\n'), 'not_tls'],
    ['nothing', Buffer.alloc(0), 'more'],
  ] as const) {
    it(`${what}: ${expected}`, () => {
      assert.equal(readHello(bytes), expected);
    });
  }
});
