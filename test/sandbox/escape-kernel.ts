/** What a block tries with the kernel: calls that it has no use for, and more of the machine than it is given. */
import { spawnSync } from 'node:child_process';
import { SECRET } from './bait.ts';
import { type EscapeAttempt, needsRoot, node, perl } from './escape-attempts.ts';

/** By architecture; others have no filter, and no numbers here. */
const NUMBERS = {
  x64: { ptrace: 101, read: 310, keyctl: 250, ring: 425, faults: 323, time: 305, memory: 319, segment: 29 },
  arm64: { ptrace: 117, read: 270, keyctl: 219, ring: 425, faults: 282, time: 266, memory: 279, segment: 194 },
};
const calls = process.arch === 'arm64' ? NUMBERS.arm64 : NUMBERS.x64;
const lacksNumbers = (): string | null =>
  Object.hasOwn(NUMBERS, process.arch) ? null : `no system calls are listed for ${process.arch}`;
/** Holds when the call did not fail; what it opens is gone with the process. */
const opens = (number: number, args: string): string[] =>
  perl(`my $buffer = "\\0" x 256; return syscall(${number}, ${args}) >= 0`);
/** Of sleepers that nobody else has. */
const MARKER = `93${process.pid}`;

function processesOf(marker: string): number[] {
  const { stdout } = spawnSync('pgrep', ['-f', `^sleep ${marker}$`], { encoding: 'utf8' });
  return stdout.split('\n').filter(Boolean).map(Number);
}

export const CALLS: readonly EscapeAttempt[] = [
  {
    name: 'traces a process of the host',
    run: ({ pid }) => perl(`return syscall(${calls.ptrace}, 16, ${pid}, 0, 0) == 0`),
    lacks: lacksNumbers,
  },
  {
    name: 'traces a child of its own',
    run: () =>
      perl(`my $child = fork // return 0; if (!$child) { sleep 30; exit }
        my $reached = syscall(${calls.ptrace}, 16, $child, 0, 0) == 0; kill 9, $child; return $reached`),
    lacks: lacksNumbers,
  },
  {
    name: 'copies the memory of a process of the host',
    run: ({ pid, address }) =>
      perl(`my $found = "\\0" x ${SECRET.length};
        my $own = pack('QQ', unpack('Q', pack('p', $found)), ${SECRET.length});
        my $its = pack('QQ', ${address}, ${SECRET.length});
        return syscall(${calls.read}, ${pid}, $own, 1, $its, 1, 0) > 0 && $found eq '${SECRET}'`),
    lacks: lacksNumbers,
  },
  {
    name: 'finds a key that the kernel keeps',
    run: ({ name }) =>
      perl(`my ($type, $name) = ('user', '${name}'); return syscall(${calls.keyctl}, 10, -4, $type, $name, 0) > 0`),
    lacks: lacksNumbers,
  },
  {
    name: 'opens a ring of calls, which no filter sees',
    run: () => opens(calls.ring, '1, $buffer'),
    lacks: lacksNumbers,
  },
  { name: 'takes over page faults', run: () => opens(calls.faults, '1'), lacks: lacksNumbers },
  {
    name: 'sets the clock',
    // To the frequency that it has.
    run: () =>
      perl(`my $clock = "\\0" x 256; return 0 if syscall(${calls.time}, 0, $clock) < 0;
        substr($clock, 0, 4) = pack('L', 2); return syscall(${calls.time}, 0, $clock) >= 0`),
    lacks: () => lacksNumbers() ?? needsRoot(),
  },
  {
    name: 'makes memory that belongs to no process',
    run: () => opens(calls.memory, '$buffer, 0'),
    lacks: lacksNumbers,
  },
  { name: 'makes a user namespace, to be root in', run: () => 'unshare -r true' },
  { name: 'mounts a file system', run: () => 'unshare -r -m mount -t tmpfs none /mnt' },
  { name: 'allows itself a core dump', run: () => 'ulimit -c unlimited && test "$(ulimit -c)" = unlimited' },
  {
    name: 'goes on after its end',
    run: () => `(setsid env -i sleep ${MARKER} >/dev/null 2>&1 &); until pgrep -f '^sleep ${MARKER}'; do :; done`,
    reached: () => {
      const left = processesOf(MARKER);
      for (const pid of left) process.kill(pid, 'SIGKILL');
      return left.length > 0;
    },
  },
];

const MB = 1_000_000;
/** Of every flood in the sandbox; whoever is not held to them takes a few times as much, and no more. */
const TIGHT = { memoryBytes: 60 * MB, diskBytes: 10 * MB, inodes: 300, processes: 60, openFiles: 64, cpuMs: 2_000 };
const flood = (name: string, run: EscapeAttempt['run']): EscapeAttempt => ({
  name,
  run,
  blocked: { resources: TIGHT },
});

export const FLOODS: readonly EscapeAttempt[] = [
  // Seven generations, and no more: each tells of its birth and waits.
  flood('lets its processes double', (_, hold) =>
    perl(`pipe(IN, OUT); sub born { syswrite(OUT, '.');
      for (1 .. 2) { if ($_[0] > 0 && !fork) { born($_[0] - 1); system('${hold}'); wait; wait; exit } } }
      born(6); for (1 .. 127) { sysread(IN, my $dot, 1) } return system('${hold}') == 0`),
  ),
  flood('takes memory', (_, hold) => perl(`my $size = 99e6; my $x = 'x' x $size; return system('${hold}') == 0`)),
  flood('takes shared memory', () => {
    const file = `/dev/shm/waybill-flood-${process.pid}`;
    return `head -c ${70 * MB} /dev/zero > ${file}; size=$(stat -c %s ${file}); rm -f ${file}; test "$size" = ${70 * MB}`;
  }),
  {
    // IPC_PRIVATE, of a size with nothing in its low 32 bits; reserved at most, and removed at once.
    ...flood('takes a shared segment of 4 GiB', () =>
      perl(`my $id = syscall(${calls.segment}, 0, 2 ** 32, 010600); return $id >= 0 && defined shmctl($id, 0, 0)`),
    ),
    lacks: lacksNumbers,
  },
  flood('takes disk', (_, hold) => `for n in 1 2 3 4 5; do head -c ${6 * MB} /dev/zero > f$n || exit 1; done; ${hold}`),
  flood('takes disk with one file', () => `head -c ${30 * MB} /dev/zero > f`),
  flood('takes inodes', (_, hold) => `mkdir d; for n in $(seq 600); do : > d/$n || exit 1; done; ${hold}`),
  flood('takes descriptors', () => perl("for (1 .. 100) { open($f[$_], '<', '/dev/null') or return 0 } return 1")),
  flood('takes processor time', (_, hold) =>
    perl(`do { for (1 .. 1e5) {} } until (times)[0] > 2.5; return system('${hold}') == 0`),
  ),
  {
    name: 'fills its log',
    run: () => 'head -c 300000 /dev/zero | tr "\\0" x',
    reached: ({ log }) => log.length > 300_000,
    blocked: { limits: { logBytes: 20_000 } },
    control: { limits: { logBytes: 1_000_000 } },
  },
  {
    name: 'leaves more outputs than it may',
    run: () => 'for n in $(seq 10); do echo x > "$WAYBILL_OUTPUTS/$n"; done',
    reached: ({ outputs }) => outputs.size === 10,
    blocked: { limits: { files: 5 } },
  },
  {
    name: 'runs for ever',
    run: (_, hold) => node(`require('child_process').execSync('${hold}'); return true;`),
    blocked: { timeoutMs: 1_500 },
  },
];
