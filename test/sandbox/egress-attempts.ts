/** What a block tries with the way out that it has: each is the body of an async function that returns whether it got there. */

/** `WAY` is the socket of the proxy; `ask` sends bytes to it and resolves with all that comes back, `tunnel` speaks TLS through it. */
const TOOLS = `
const net = require('net'), tls = require('tls'), dgram = require('dgram');
const begin = (head) => new Promise((done, fail) => {
  const socket = net.connect(process.env.WAY);
  let told = '';
  const take = (bytes) => {
    told += bytes.toString('latin1');
    if (!told.includes('\\r\\n\\r\\n')) return;
    socket.off('data', take).pause();
    done([socket, told]);
  };
  socket.on('data', take).on('error', fail).on('close', () => fail(new Error('closed: ' + told)));
  socket.write(head);
});
const ask = (text) => new Promise((done) => {
  let told = '';
  net.connect(process.env.WAY).on('data', (bytes) => { told += bytes; if (/reached|not let out/.test(told)) done(told); })
    .on('error', () => done(told)).on('close', () => done(told)).write(text);
});
const connect = (to, host = to) => 'CONNECT ' + to + ' HTTP/1.1\\r\\nHost: ' + host + '\\r\\n\\r\\n';
const tunnel = async (to, servername, host) => {
  const [socket, told] = await begin(connect(to, host));
  if (!told.startsWith('HTTP/1.1 200')) throw new Error(told);
  const psk = { psk: Buffer.from('shared'), identity: 'block' };
  const secure = tls.connect({ socket, servername, ciphers: 'PSK', maxVersion: 'TLSv1.2', pskCallback: () => psk,
    checkServerIdentity: () => undefined });
  return await new Promise((done, fail) => secure.on('data', (bytes) => done(String(bytes)))
    .on('error', fail).on('close', () => fail(new Error('closed'))));
};
const get = (url, ...headers) => ask(['GET ' + url + ' HTTP/1.1', ...headers, 'Connection: close', '', ''].join('\\r\\n'));
`;

export function scriptOf(body: string): string {
  const ends = `(reached) => { console.log(reached); process.exit(reached ? 0 : 1); }`;
  return `${TOOLS}(async () => { ${body} })().then(${ends}, (error) => { console.log(error.message); process.exit(1); });`;
}

const OURS = 'registry.example.org';
const OTHER = 'other.example.com';
const reaches = (text: string, what = 'reached'): string => `return (await ${text}).includes('${what}');`;

interface Attempt {
  name: string;
  body: string;
  /** As the record says it; null where a request passes, without what it was tried for. */
  refused: string | null;
}

export const ATTEMPTS: readonly Attempt[] = [
  { name: 'a host that it did not ask for', body: reaches(`tunnel('${OTHER}:443', '${OTHER}')`), refused: 'not_asked' },
  {
    name: 'a host below one that it asked for',
    body: reaches(`tunnel('a.b.files.example.org:443', 'a.b.files.example.org')`),
    refused: 'not_asked',
  },
  {
    name: 'the host above a wildcard',
    body: reaches("tunnel('files.example.org:443', 'files.example.org')"),
    refused: 'not_asked',
  },
  {
    name: 'a host that is denied',
    body: reaches("tunnel('secret.files.example.org:443', 'secret.files.example.org')"),
    refused: 'denied',
  },
  { name: 'another server by TLS', body: reaches(`tunnel('${OURS}:443', '${OTHER}')`), refused: 'other_name' },
  { name: 'a server of TLS without a name', body: reaches(`tunnel('${OURS}:443')`), refused: 'other_name' },
  {
    name: 'something in the clear through a tunnel',
    body: `const [socket] = await begin(connect('${OURS}:443'));
      return await new Promise((done) => socket.on('data', (bytes) => done(String(bytes).includes('reached')))
        .on('close', () => done(false)).resume().write('SSH-2.0-block\\r\\n'));`,
    refused: 'not_tls',
  },
  { name: 'port 22', body: reaches(`tunnel('${OURS}:22', '${OURS}')`), refused: 'not_asked' },
  { name: 'the loopback of the engine', body: reaches("tunnel('127.0.0.1:443', 'a.example')"), refused: 'address' },
  { name: 'an address as one number', body: reaches("tunnel('2130706433:443', 'a.example')"), refused: 'address' },
  { name: 'an address in base 16', body: reaches("tunnel('0x7f.0.0.1:443', 'a.example')"), refused: 'address' },
  { name: 'a public address', body: reaches(`tunnel('93.184.216.34:443', '${OURS}')`), refused: 'address' },
  { name: 'an address of version 6', body: reaches(`tunnel('[::1]:443', 'a.example')`), refused: 'address' },
  {
    name: 'an address of version 4 in version 6',
    body: reaches(`tunnel('[::ffff:169.254.169.254]:443', 'a.example')`),
    refused: 'address',
  },
  {
    name: 'the metadata of a cloud',
    body: reaches("get('http://169.254.169.254/latest/meta-data', 'Host: 169.254.169.254')"),
    refused: 'address',
  },
  {
    name: 'the loopback of the engine by plain HTTP',
    body: reaches("get('http://127.0.0.1:80/', 'Host: 127.0.0.1')"),
    refused: 'address',
  },
  { name: 'localhost', body: reaches("get('http://localhost/', 'Host: localhost')"), refused: 'address' },
  {
    name: 'a private address by a name that is allowed',
    body: reaches("tunnel('inner.example.org:443', 'inner.example.org')"),
    refused: 'private',
  },
  {
    name: 'the loopback by a name, in version 6',
    body: reaches("tunnel('mapped.example.org:443', 'mapped.example.org')"),
    refused: 'private',
  },
  {
    name: 'the metadata of a cloud by a name',
    body: reaches("get('http://cloud.example.org/', 'Host: cloud.example.org')"),
    refused: 'private',
  },
  {
    name: 'another host by its header',
    body: reaches(`get('http://${OURS}/', 'Host: ${OTHER}')`, `reached ${OTHER}`),
    refused: 'malformed',
  },
  {
    name: 'a host by two headers',
    body: `const one = await get('http://${OURS}/', 'Host: ${OURS}', 'X-More: a\\r\\nHost: ${OTHER}');
      return !one.includes('not let out') && (one.includes('reached') || one.startsWith('HTTP/1.1 400'));`,
    refused: 'malformed',
  },
  {
    name: 'another host by a path',
    body: reaches(`get('/', 'Host: ${OTHER}')`, `reached ${OTHER}`),
    refused: 'malformed',
  },
  {
    name: 'another host behind a name and an @',
    body: reaches(`get('http://${OURS}@${OTHER}/', 'Host: ${OTHER}')`, `reached ${OTHER}`),
    refused: 'malformed',
  },
  {
    name: 'another host with the header of a tunnel',
    body: reaches(`tunnel('${OURS}:443', '${OURS}', '${OTHER}:443')`),
    refused: 'malformed',
  },
  {
    name: 'another host in a second request',
    body: `const first = 'GET http://${OURS}/ HTTP/1.1\\r\\nHost: ${OURS}\\r\\n\\r\\n';
      const second = 'GET http://${OTHER}/ HTTP/1.1\\r\\nHost: ${OTHER}\\r\\nConnection: close\\r\\n\\r\\n';
      let told = '';
      const socket = net.connect(process.env.WAY).on('data', (bytes) => { told += bytes; });
      socket.write(first + second);
      await new Promise((done) => socket.on('close', done).on('error', done));
      return told.includes('reached ${OTHER}');`,
    refused: 'not_asked',
  },
  {
    name: 'a server with a body whose length goes no further, as its request says',
    body: `const second = 'GET / HTTP/1.1\\r\\nHost: ${OTHER}\\r\\nConnection: close\\r\\n\\r\\n';
      const told = await ask('GET http://${OURS}/ HTTP/1.1\\r\\nHost: ${OURS}\\r\\nConnection: content-length\\r\\n' +
        'Content-Length: ' + second.length + '\\r\\n\\r\\n' + second);
      return !told.includes('not let out') && !told.includes(' ' + second.length);`,
    refused: null,
  },
  {
    name: 'a server with a body whose coding goes no further, as its request says',
    body: `const second = 'GET / HTTP/1.1\\r\\nHost: ${OTHER}\\r\\nConnection: close\\r\\n\\r\\n';
      const told = await ask('GET http://${OURS}/ HTTP/1.1\\r\\nHost: ${OURS}\\r\\nConnection: transfer-encoding\\r\\n' +
        'Transfer-Encoding: chunked\\r\\n\\r\\n' + second.length.toString(16) + '\\r\\n' + second + '\\r\\n0\\r\\n\\r\\n');
      return !told.includes('not let out') && !told.includes(' ' + second.length);`,
    refused: null,
  },
  {
    name: 'a server that is not told its host',
    body: `const told = await get('http://${OURS}/', 'Host: ${OURS}', 'Connection: host');
      return told.startsWith('HTTP/1.1 400');`,
    refused: null,
  },
  {
    name: 'a server with a coding that is lost on the way',
    body: `const told = await ask('POST http://${OURS}/ HTTP/1.1\\r\\nHost: ${OURS}\\r\\nConnection: close\\r\\n' +
        'Transfer-Encoding: gzip, chunked\\r\\n\\r\\n5\\r\\nhello\\r\\n0\\r\\n\\r\\n');
      return told.includes('reached');`,
    refused: 'malformed',
  },
];

/** Past the proxy. */
export const PAST: readonly { name: string; body(httpPort: number): string }[] = [
  {
    name: 'a server of the host without the proxy',
    body: (port) => `return await new Promise((done) => net.connect(${port}, '127.0.0.1')
      .on('connect', () => done(true)).on('error', () => done(false)));`,
  },
  {
    name: 'names by UDP',
    body: () => `const socket = dgram.createSocket('udp4');
      return await new Promise((done) => socket.connect(53, '198.51.100.1', (error) => done(!error)));`,
  },
];
