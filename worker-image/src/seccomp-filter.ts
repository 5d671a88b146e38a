/**
 * The system calls that no block gets, as a filter for the kernel: classic BPF over `struct seccomp_data`. What builds
 * another sandbox, looks into another process, loads code into the kernel, or opens one of its large and rarely needed
 * interfaces. Namespaces already refuse most of it; the filter keeps a block from the code behind it.
 */

/** AUDIT_ARCH_* of <linux/audit.h>, and the numbers of the calls there. */
interface Architecture {
  audit: number;
  numbers: Record<Refused | 'clone' | 'clone3' | 'unshare' | 'ioctl' | 'shmget' | 'memfd_create', number>;
  /** A second table of calls hides behind this bit of the number. */
  alternateBit?: number;
}

const REFUSED = [
  // Other processes.
  ...['ptrace', 'process_vm_readv', 'process_vm_writev', 'pidfd_getfd', 'kcmp'],
  // Mounts and namespaces.
  ...['mount', 'umount2', 'pivot_root', 'chroot', 'move_mount', 'open_tree', 'mount_setattr', 'setns'],
  ...['fsopen', 'fsconfig', 'fsmount', 'fspick', 'name_to_handle_at', 'open_by_handle_at'],
  // Keys of the kernel, which know no namespace of their own.
  ...['add_key', 'request_key', 'keyctl'],
  // Large interfaces of the kernel.
  ...[
    'bpf',
    'perf_event_open',
    'userfaultfd',
    'fanotify_init',
    'io_uring_setup',
    'io_uring_enter',
    'io_uring_register',
  ],
  // The machine.
  ...['kexec_load', 'kexec_file_load', 'init_module', 'finit_module', 'delete_module', 'reboot', 'swapon', 'swapoff'],
  ...['settimeofday', 'clock_settime', 'clock_adjtime', 'acct', 'syslog', 'quotactl', 'quotactl_fd'],
  // Memory that no process shows.
  'memfd_secret',
] as const;
type Refused = (typeof REFUSED)[number];

/** From 424 on both tables have the same numbers. */
const SHARED = {
  ...{ pidfd_getfd: 438, move_mount: 429, open_tree: 428, mount_setattr: 442 },
  ...{ fsopen: 430, fsconfig: 431, fsmount: 432, fspick: 433, clone3: 435, quotactl_fd: 443, memfd_secret: 447 },
  ...{ io_uring_setup: 425, io_uring_enter: 426, io_uring_register: 427 },
};

const ARCHITECTURES: Partial<Record<string, Architecture>> = {
  x64: {
    audit: 0xc000003e,
    alternateBit: 0x40000000,
    numbers: {
      ...SHARED,
      ...{ ptrace: 101, process_vm_readv: 310, process_vm_writev: 311, kcmp: 312, mount: 165, umount2: 166 },
      ...{ pivot_root: 155, chroot: 161, setns: 308, name_to_handle_at: 303, open_by_handle_at: 304 },
      ...{ add_key: 248, request_key: 249, keyctl: 250, bpf: 321, perf_event_open: 298, userfaultfd: 323 },
      ...{ fanotify_init: 300, kexec_load: 246, kexec_file_load: 320, init_module: 175, finit_module: 313 },
      ...{ delete_module: 176, reboot: 169, swapon: 167, swapoff: 168, settimeofday: 164, clock_settime: 227 },
      ...{ clock_adjtime: 305, acct: 163, syslog: 103, quotactl: 179 },
      ...{ clone: 56, unshare: 272, ioctl: 16, shmget: 29, memfd_create: 319 },
    },
  },
  arm64: {
    audit: 0xc00000b7,
    numbers: {
      ...SHARED,
      ...{ ptrace: 117, process_vm_readv: 270, process_vm_writev: 271, kcmp: 272, mount: 40, umount2: 39 },
      ...{ pivot_root: 41, chroot: 51, setns: 268, name_to_handle_at: 264, open_by_handle_at: 265 },
      ...{ add_key: 217, request_key: 218, keyctl: 219, bpf: 280, perf_event_open: 241, userfaultfd: 282 },
      ...{ fanotify_init: 262, kexec_load: 104, kexec_file_load: 294, init_module: 105, finit_module: 273 },
      ...{ delete_module: 106, reboot: 142, swapon: 224, swapoff: 225, settimeofday: 170, clock_settime: 112 },
      ...{ clock_adjtime: 266, acct: 89, syslog: 116, quotactl: 60 },
      ...{ clone: 220, unshare: 97, ioctl: 29, shmget: 194, memfd_create: 279 },
    },
  },
};

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET: a new namespace of any kind. */
const NEW_NAMESPACES = 0x7e020000;
/** CLONE_NEWTIME, which only `unshare` has: in `clone` these bits are the signal to the parent. */
const NEW_TIME_NAMESPACE = 0x80;
/** Put characters into the input of a terminal, as if its user had typed them. */
const TERMINAL_INPUT = [0x5412, 0x541c];
/** The largest System V segment: they belong to no process, so that the limit of memory does not see them. */
const SEGMENT_BYTES = 64 * 1024;

const EPERM = 1;
const ENOSYS = 38;
const ALLOW = 0x7fff0000;
const FAIL_WITH = 0x00050000;

/** Offsets in seccomp_data. The low half of an argument comes first on both architectures. */
const NUMBER_AT = 0;
const ARCHITECTURE_AT = 4;
const argumentAt = (index: number): number => 16 + 8 * index;
const highHalfAt = (index: number): number => argumentAt(index) + 4;

type Instruction = [code: number, ifTrue: number, ifFalse: number, operand: number];
const load = (offset: number): Instruction => [0x20, 0, 0, offset];
const end = (verdict: number): Instruction => [0x06, 0, 0, verdict];
const JUMPS = { equals: 0x15, greater: 0x25, atLeast: 0x35, hasBits: 0x45 } as const;

/** Runs the next `length` instructions if the comparison holds, and leaves them out if not. */
function when(comparison: keyof typeof JUMPS, operand: number, length: number): Instruction {
  return [JUMPS[comparison], 0, length, operand];
}

function refuseIf(comparison: keyof typeof JUMPS, operand: number): Instruction[] {
  return [when(comparison, operand, 1), end(FAIL_WITH | EPERM)];
}

/** Refuses a call for what one of its arguments holds; other calls find the number loaded as before. */
function judged(number: number, argument: number, rules: Instruction[]): Instruction[] {
  const body = [load(argumentAt(argument)), ...rules, end(ALLOW)];
  return [when('equals', number, body.length), ...body];
}

/** The filter's bytes as `bwrap --seccomp` reads them; null on an architecture whose calls are not listed here. */
export function seccompFilter(architecture: string): Buffer | null {
  const known = ARCHITECTURES[architecture];
  if (known === undefined) return null;
  const { audit, numbers, alternateBit } = known;
  const program: Instruction[] = [
    load(ARCHITECTURE_AT),
    // A process of another word length would have other numbers.
    ...[[JUMPS.equals, 1, 0, audit] as Instruction, end(FAIL_WITH | EPERM)],
    load(NUMBER_AT),
    ...(alternateBit === undefined ? [] : refuseIf('atLeast', alternateBit)),
    ...REFUSED.flatMap((name) => refuseIf('equals', numbers[name])),
    // Its flags are in memory, where no filter can look: callers then take `clone`.
    ...[when('equals', numbers.clone3, 1), end(FAIL_WITH | ENOSYS)],
    // Memory that may belong to no process: callers then take a file.
    ...[when('equals', numbers.memfd_create, 1), end(FAIL_WITH | ENOSYS)],
    ...judged(numbers.clone, 0, refuseIf('hasBits', NEW_NAMESPACES)),
    ...judged(numbers.unshare, 0, refuseIf('hasBits', NEW_NAMESPACES | NEW_TIME_NAMESPACE)),
    ...judged(
      numbers.ioctl,
      1,
      TERMINAL_INPUT.flatMap((request) => refuseIf('equals', request)),
    ),
    ...judged(numbers.shmget, 1, [
      ...refuseIf('greater', SEGMENT_BYTES),
      // A size has 64 bits, and an instruction compares 32: 4 GiB are nothing in the low half.
      load(highHalfAt(1)),
      ...refuseIf('greater', 0),
    ]),
    end(ALLOW),
  ];
  return Buffer.concat(program.map(encode));
}

/** struct sock_filter; both architectures are little-endian. */
function encode([code, ifTrue, ifFalse, operand]: Instruction): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(ifTrue, 2);
  bytes.writeUInt8(ifFalse, 3);
  bytes.writeUInt32LE(operand >>> 0, 4);
  return bytes;
}
