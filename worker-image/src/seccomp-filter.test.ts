import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seccompFilter } from './seccomp-filter.ts';

const ALLOWED = 0x7fff0000;
const EPERM = 0x50001;
const ENOSYS = 0x50026;
const NEW_USER_NAMESPACE = 0x10000000;
const THREAD = 0x3d0f00;

interface Call {
  arch: number;
  nr: number;
  args?: number[];
}

/** What the kernel would do with the program: `struct seccomp_data` in, a verdict out. Forward jumps only, as it demands. */
function verdict(program: Buffer, { arch, nr, args = [] }: Call): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(nr, 0);
  data.writeUInt32LE(arch, 4);
  for (const [index, value] of args.entries()) data.writeBigUInt64LE(BigInt(value), 16 + 8 * index);
  let loaded = 0;
  for (let at = 0; at < program.length; at += 8) {
    const [code, yes, no] = [program.readUInt16LE(at), program.readUInt8(at + 2), program.readUInt8(at + 3)];
    const operand = program.readUInt32LE(at + 4);
    const jump = (holds: boolean): void => {
      at += 8 * (holds ? yes : no);
    };
    if (code === 0x20) loaded = data.readUInt32LE(operand);
    else if (code === 0x15) jump(loaded === operand);
    else if (code === 0x25) jump(loaded > operand);
    else if (code === 0x35) jump(loaded >= operand);
    else if (code === 0x45) jump((loaded & operand) !== 0);
    else if (code === 0x06) return operand;
    else assert.fail(`instruction ${code}`);
  }
  return assert.fail('the program ran over its end');
}

/** Numbers as the kernel's tables have them. */
const ARCHITECTURES = {
  x64: {
    arch: 0xc000003e,
    refused: {
      ptrace: 101,
      mount: 165,
      setns: 308,
      keyctl: 250,
      bpf: 321,
      io_uring_setup: 425,
      userfaultfd: 323,
      process_vm_writev: 311,
      kexec_load: 246,
      finit_module: 313,
      perf_event_open: 298,
      clock_settime: 227,
    },
    allowed: { read: 0, write: 1, openat: 257, execve: 59, futex: 202, fork: 57, vfork: 58, socket: 41, prctl: 157 },
    ...{ clone: 56, clone3: 435, unshare: 272, ioctl: 16, shmget: 29, memfd: 319 },
  },
  arm64: {
    arch: 0xc00000b7,
    refused: {
      ptrace: 117,
      mount: 40,
      setns: 268,
      keyctl: 219,
      bpf: 280,
      io_uring_setup: 425,
      userfaultfd: 282,
      process_vm_writev: 271,
      kexec_load: 104,
      finit_module: 273,
      perf_event_open: 241,
      clock_settime: 112,
    },
    allowed: { read: 63, write: 64, openat: 56, execve: 221, futex: 98, socket: 198, prctl: 167 },
    ...{ clone: 220, clone3: 435, unshare: 97, ioctl: 29, shmget: 194, memfd: 279 },
  },
} as const;

for (const [name, { arch, refused, allowed, clone, clone3, unshare, ioctl, shmget, memfd }] of Object.entries(
  ARCHITECTURES,
)) {
  describe(`seccomp filter: on ${name}`, () => {
    const program = seccompFilter(name) as Buffer;
    const judge = (nr: number, ...args: number[]): number => verdict(program, { arch, nr, args });

    it('refuses what it lists, allows what programs live on, and fits into the kernel', () => {
      for (const [call, nr] of Object.entries(refused)) assert.equal(judge(nr), EPERM, call);
      for (const [call, nr] of Object.entries(allowed)) assert.equal(judge(nr), ALLOWED, call);
      assert.ok(program.length % 8 === 0 && program.length / 8 <= 4_096);
    });

    it('lets threads and processes be made, and no namespaces', () => {
      assert.equal(judge(clone, THREAD), ALLOWED);
      assert.equal(judge(clone, 17), ALLOWED, 'fork, with its signal');
      for (const flag of [0x20000, 0x2000000, 0x4000000, 0x8000000, NEW_USER_NAMESPACE, 0x20000000, 0x40000000]) {
        assert.equal(judge(clone, 17 | flag), EPERM);
        assert.equal(judge(unshare, flag), EPERM);
      }
      assert.equal(judge(unshare, 0x80), EPERM, 'a namespace of time');
      assert.equal(judge(unshare, 0x400), ALLOWED, 'a table of descriptors of its own');
      assert.equal(judge(clone3), ENOSYS, 'callers fall back to clone');
    });

    it('judges by arguments: terminals, shared segments, memory without an owner', () => {
      assert.equal(judge(ioctl, 1, 0x5401), ALLOWED);
      for (const request of [0x5412, 0x541c]) assert.equal(judge(ioctl, 1, request), EPERM);
      assert.equal(judge(shmget, 0, 56), ALLOWED);
      for (const size of [65_537, 2 ** 32, 2 ** 32 + 56, 2 ** 40]) assert.equal(judge(shmget, 0, size), EPERM);
      assert.equal(judge(memfd), ENOSYS);
    });

    it('refuses every call of another architecture', () => {
      assert.equal(verdict(program, { arch: 0x40000003, nr: allowed.read }), EPERM);
    });
  });
}

it('seccomp filter: the second table of x64 is shut, and an architecture that is not listed has no filter', () => {
  const program = seccompFilter('x64') as Buffer;
  assert.equal(verdict(program, { arch: ARCHITECTURES.x64.arch, nr: 0x40000000 + 1 }), EPERM);
  assert.equal(seccompFilter('riscv64'), null);
});
