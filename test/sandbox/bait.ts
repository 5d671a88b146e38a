/** What the machine holds that no block may reach: files, processes, sockets, shared memory, and an attempt of somebody else. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { homedir, networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkerBed } from '../support/worker-bed.ts';

export const SECRET = 'host secret';

export interface Bait {
  /** In the home of the user who runs the engine. */
  home: string;
  /** On the file system of the attempts. */
  beside: string;
  /** A process of that user, with the secret in its environment, memory, descriptor 9 and working directory. */
  pid: number;
  /** Where in its memory. */
  address: string;
  /** Key of a System V segment that holds the secret. */
  segment: number;
  /** Name of a file in /dev/shm that does, and of a key of the kernel. */
  name: string;
  httpPort: number;
  dnsPort: number;
  /** Of the first network card; null where there is none. */
  networkAddress: string | null;
  /** Of an attempt that is posted, and that nobody runs. */
  leaseUrl: string;
  /** Where the mailbox keeps what attempts stage. */
  staging: string;
  close(): void;
}

export async function layBait(bed: WorkerBed): Promise<Bait> {
  const home = mkdtempSync(join(homedir(), '.waybill-escape-'));
  const beside = mkdtempSync(join(tmpdir(), 'waybill-bait-'));
  for (const directory of [home, beside]) writeFileSync(join(directory, 'secret'), SECRET);
  const name = `waybill-bait-${process.pid}`;
  const shared = join('/dev/shm', name);
  if (existsSync('/dev/shm')) writeFileSync(shared, SECRET);
  const segment = 0x5700_0000 + process.pid;

  const holder = await holdSecret(home, segment, name);
  const web = createHttpServer((_, response) => response.end('host')).listen(0);
  const abstract = createServer((socket) => socket.end('host')).listen(`\0${name}`);
  const named = createServer((socket) => socket.end('host')).listen(join(home, 'socket'));
  const dns = createSocket('udp4');
  dns.on('message', (question, { port, address }) => dns.send(answerTo(question), port, address));
  await Promise.all([
    ...[web, abstract, named].map((server) => new Promise((done) => server.once('listening', done))),
    new Promise<void>((done) => dns.bind(0, '127.0.0.1', done)),
  ]);
  const cards = Object.values(networkInterfaces()).flatMap((card) => card ?? []);
  const { leaseUrl } = await bed.post({ pipeline: [{ block: 'script', run: 'true' }] });
  return {
    home,
    beside,
    pid: holder.child.pid ?? 0,
    address: holder.address,
    segment,
    name,
    httpPort: (web.address() as AddressInfo).port,
    dnsPort: dns.address().port,
    networkAddress: cards.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? null,
    leaseUrl,
    staging: join(bed.directory, 'staging'),
    close() {
      // Whoever traced it may have left it stopped.
      holder.child.kill('SIGCONT');
      holder.child.stdin?.end();
      for (const server of [web, abstract, named, dns]) server.close();
      for (const path of [home, beside, shared]) rmSync(path, { recursive: true, force: true });
    },
  };
}

/** Gives itself to every tracer, as a debugged process does: what keeps a block away must be the sandbox. */
const HOLDER = `
  my ($segment, $name) = @ARGV;
  my ($secret, $type) = ("${SECRET}", 'user');
  $SIG{USR1} = 'IGNORE';
  syscall(${process.arch === 'arm64' ? 167 : 157}, 0x59616d61, -1, 0, 0, 0);
  my $id = shmget($segment, 4096, 01600);
  shmwrite($id, $secret, 0, length $secret) if defined $id;
  my $key = syscall(${process.arch === 'arm64' ? 217 : 248}, $type, $name, $secret, length $secret, -4);
  $| = 1;
  print unpack('Q', pack('p', $secret)), "\\n";
  <STDIN>;
  shmctl($id, 0, 0) if defined $id;
  syscall(${process.arch === 'arm64' ? 219 : 250}, 9, $key, -4) if $key > 0;
`;

async function holdSecret(
  home: string,
  segment: number,
  name: string,
): Promise<{ child: ChildProcess; address: string }> {
  const holding = 'exec 9< secret; exec perl -e "$HOLDER" "$@"';
  const child = spawn('/bin/sh', ['-c', holding, 'sh', String(segment), name], {
    cwd: home,
    env: { PATH: process.env.PATH, HOLDER, BAIT: SECRET },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  for await (const text of child.stdout ?? []) {
    said += text;
    if (said.includes('\n')) break;
  }
  return { child, address: said.trim() };
}

/** 192.0.2.1 for whatever was asked. */
function answerTo(question: Buffer): Buffer {
  const end = question.indexOf(0, 12) + 5;
  const header = Buffer.concat([question.subarray(0, 2), Buffer.from('81800001000100000000', 'hex')]);
  return Buffer.concat([header, question.subarray(12, end), Buffer.from('c00c00010001000000000004c0000201', 'hex')]);
}
