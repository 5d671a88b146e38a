/**
 * What a block tries: each exits with 0 when it got what it wanted. Every attempt is run twice, in the sandbox, where it
 * must fail, and without one, where it must succeed: otherwise it would prove nothing about the sandbox.
 */
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import type { AttemptSpec } from '../support/signed-lease.ts';
import type { AttemptEnd } from '../support/worker-bed.ts';
import { type Bait, SECRET } from './bait.ts';

export interface EscapeAttempt {
  name: string;
  /** A shell script, or an argv. `hold` stands where it would go on for long; without the sandbox it is over at once. */
  run(bait: Bait, hold: string): string | string[];
  /** Instead of: the block ended with 0. */
  reached?(end: AttemptEnd, bait: Bait): boolean;
  /** In both runs. */
  spec?: Partial<AttemptSpec>;
  blocked?: Partial<AttemptSpec>;
  control?: Partial<AttemptSpec>;
  /** What the control cannot do without on this machine; null when it has it. */
  lacks?(bait: Bait): string | null;
}

/** What each says before it tries: one that the sandbox did not even start was not blocked by it. */
export const BEGUN = 'the attempt has begun';

/** The body of an async function in JavaScript that returns whether it got there. */
export const node = (body: string): string[] => [
  'node',
  '-e',
  `require('fs').writeSync(1, '${BEGUN}\\n'); (async () => { ${body} })().then((reached) => process.exit(reached ? 0 : 1), () => process.exit(1));`,
];
/** An expression of Perl that holds when it got there. */
export const perl = (body: string): string[] => [
  'perl',
  '-e',
  `syswrite(STDOUT, "${BEGUN}\\n"); exit((sub { ${body} })->() ? 0 : 1)`,
];
export const needsRoot = (): string | null => (process.getuid?.() === 0 ? null : 'the control needs root');

function namespaceOf(kind: string): string | null {
  try {
    return readlinkSync(`/proc/self/ns/${kind}`);
  } catch {
    return null;
  }
}

const grep = (where: string): string => `grep -qs '${SECRET}' ${where}`;
const connects = (to: string): string[] =>
  node(`return await new Promise((done) => require('net').connect(${to})
    .on('data', () => done(true)).on('error', () => done(false)));`);
const gets = (url: string): string[] => node(`return (await fetch('${url}')).ok;`);
const finds = (address: string, port: number): string[] =>
  node(`const socket = require('dgram').createSocket('udp4');
    return await new Promise((done) => socket.connect(${port}, '${address}', (error) => done(!error)));`);
const mailbox = (leaseUrl: string, act: string): string[] =>
  node(`const lease = await (await fetch('${leaseUrl}')).json();
    const put = async (url, body, headers) => (await fetch(url, { method: 'PUT', body, headers })).ok;
    ${act}`);

export const CREDENTIALS: readonly EscapeAttempt[] = [
  { name: 'reads a file in the home of the host', run: ({ home }) => grep(`${home}/secret`) },
  {
    name: 'finds the environment of its wrapper',
    run: () => "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -q ^WAYBILL_KEYS=",
  },
  { name: 'sees the process of its wrapper', run: () => "grep -qs 'worker[.]mjs' /proc/[0-9]*/cmdline" },
  { name: 'reads the environment of a process', run: ({ pid }) => grep(`/proc/${pid}/environ`) },
  { name: 'reads a descriptor of a process', run: ({ pid }) => grep(`/proc/${pid}/fd/9`) },
  { name: 'goes to the working directory of a process', run: ({ pid }) => grep(`/proc/${pid}/cwd/secret`) },
  { name: 'goes through the root of a process', run: ({ pid, home }) => grep(`/proc/${pid}/root${home}/secret`) },
  {
    name: 'reads the memory of a process from its file',
    run: ({ pid, address }) =>
      perl(`open(my $mem, '<', '/proc/${pid}/mem') or return 0; sysseek($mem, ${address}, 0);
        sysread($mem, my $found, ${SECRET.length}); return $found eq '${SECRET}'`),
  },
  { name: 'connects to a socket in the file system', run: ({ home }) => connects(`'${home}/socket'`) },
  {
    name: 'reads a shared segment',
    run: ({ segment }) =>
      perl(`my $id = shmget(${segment}, 4096, 0) // return 0; shmread($id, my $found, 0, ${SECRET.length});
        return $found eq '${SECRET}'`),
  },
  { name: 'reads shared memory of the host', run: ({ name }) => grep(`/dev/shm/${name}`) },
  { name: 'signals a process of the host', run: ({ pid }) => `kill -USR1 ${pid}` },
  {
    name: 'kills its parent, which without a sandbox is its wrapper',
    run: () => 'kill -9 $PPID; sleep 1; exit 1',
    reached: ({ result }) => result === null,
  },
];

export const FILES: readonly EscapeAttempt[] = [
  { name: 'writes outside', run: ({ home }) => `echo x > ${home}/planted` },
  { name: 'writes through a symbolic link', run: ({ home }) => `ln -s ${home} l && echo x > l/planted` },
  { name: 'makes a hard link to a file outside', run: ({ beside }) => `ln ${beside}/secret h && ${grep('h')}` },
  {
    name: 'writes into shared memory of the host',
    run: ({ name }) => `test -e /dev/shm/${name} && echo x >> /dev/shm/${name}`,
  },
  { name: 'alters its input', run: () => 'chmod u+w "$WAYBILL_INPUTS/data" && echo altered > "$WAYBILL_INPUTS/data"' },
  { name: 'adds an input', run: () => 'chmod u+w "$WAYBILL_INPUTS" && touch "$WAYBILL_INPUTS/more"' },
  { name: "writes beside its inputs' directory", run: () => 'touch "$WAYBILL_INPUTS/../extra"' },
  { name: 'rewrites its job', run: () => 'rm -f "$WAYBILL_INPUTS/../.waybill/job.json"' },
  { name: 'finds the captured baseline', run: () => 'ls "$WAYBILL_WORKSPACE"/../private' },
  { name: 'writes into its own log', run: () => 'echo forged >> "$WAYBILL_WORKSPACE"/../private/log' },
  { name: 'lists what other attempts have staged', run: ({ staging }) => `ls ${staging}/*` },
  { name: "plants a file in another attempt's staging", run: ({ staging }) => `touch ${staging}/planted` },
  { name: 'writes into /dev', run: () => 'echo x > /dev/waybill-x && rm /dev/waybill-x', lacks: needsRoot },
  {
    name: 'turns a knob of the kernel',
    // To the value that it has.
    run: () => 'value=$(cat /proc/sys/vm/swappiness) && echo $value > /proc/sys/vm/swappiness',
    lacks: needsRoot,
  },
  {
    name: 'finds a file of the kernel that it may write',
    run: () => "find /proc -path '/proc/[0-9]*' -prune -o -type f -writable -print 2>/dev/null | grep -q .",
    lacks: needsRoot,
  },
  {
    name: 'finds the name of the host',
    run: () => `test "$(cat /proc/sys/kernel/hostname)" = '${hostname()}'`,
  },
  ...['uts', 'cgroup'].map((kind) => ({
    name: `is in the ${kind} namespace of the host`,
    run: () => `test "$(readlink /proc/self/ns/${kind})" = '${namespaceOf(kind)}'`,
    lacks: () => (namespaceOf(kind) === null ? `the kernel has no ${kind} namespaces` : null),
  })),
  {
    name: 'holds a capability',
    run: () => "grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb):' /proc/self/status | grep -qv '0\\{16\\}$'",
    lacks: needsRoot,
  },
  { name: 'lists the devices of the host', run: () => 'ls /sys/class/net/*/address' },
];

export const NETWORK: readonly EscapeAttempt[] = [
  { name: 'reaches a port of the host on 127.0.0.1', run: ({ httpPort }) => gets(`http://127.0.0.1:${httpPort}`) },
  {
    name: 'reaches the host by the address of its network card',
    run: ({ httpPort, networkAddress }) => gets(`http://${networkAddress}:${httpPort}`),
    lacks: ({ networkAddress }) => (networkAddress === null ? 'the control needs a network card' : null),
  },
  ...['169.254.169.254', '169.254.170.2'].map((address) => ({
    name: `finds a way to the metadata address ${address}`,
    run: () => finds(address, 80),
    lacks: ({ networkAddress }: Bait) => (networkAddress === null ? 'the control needs a network card' : null),
  })),
  {
    name: 'looks a name up',
    run: ({ dnsPort }) =>
      node(`const dns = new (require('dns').promises.Resolver)({ timeout: 500, tries: 4 });
        dns.setServers(['127.0.0.1:${dnsPort}']);
        return (await dns.resolve4('waybill.test')).includes('192.0.2.1');`),
  },
  { name: 'connects to an abstract socket', run: ({ name }) => connects(`'\\0${name}'`) },
  {
    name: 'finds a network interface besides loopback',
    run: () => "tail -n +3 /proc/net/dev | grep -qv ' lo:' && ! grep -q waybill /proc/sys/kernel/hostname",
  },
  {
    name: 'sees what the host listens on',
    run: ({ httpPort }) =>
      `grep -q ':${httpPort.toString(16).toUpperCase().padStart(4, '0')} ' /proc/net/tcp /proc/net/tcp6`,
  },
  { name: 'reads the manifest and the lease of another attempt', run: ({ leaseUrl }) => gets(leaseUrl) },
  {
    name: 'beats in the place of another wrapper',
    run: ({ leaseUrl }) =>
      mailbox(
        leaseUrl,
        `const beat = { at: new Date().toISOString(), attemptId: lease.attemptId, seq: 99, v: 1 };
        return put(lease.put.heartbeat, JSON.stringify(beat), {});`,
      ),
  },
  {
    name: 'stages a result for another attempt',
    run: ({ leaseUrl }) =>
      mailbox(leaseUrl, `return put(lease.put.result, '{"outcome":"forged"}', { 'if-none-match': '*' });`),
  },
];
