/** The system call filters: what they answer to every call, and what the kernel does with them. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { launcherImage } from '../../../src/sandbox/linux/launcher.ts'
import { CODE_OFFSET } from '../../../src/sandbox/linux/machine-code.ts'
import { seccompFilter } from '../../../src/sandbox/linux/seccomp.ts'
import type { Arch } from '../../../src/sandbox/linux/system-calls.ts'
import { ALLOW, errno, KILL_PROCESS, readProgram, runFilter } from '../../support/bpf.ts'
import { skip, test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

const ARCHS = ['x64', 'arm64'] as const
const NETWORKS = ['restricted', 'enabled'] as const
const AUDIT = { x64: 0xc000003e, arm64: 0xc00000b7 }
const EPERM = errno(1)
const ENOSYS_NUMBER = 38
const ENOSYS = errno(ENOSYS_NUMBER)
const O_CREAT = 0o100
/** Without O_DIRECTORY, which it is defined with. */
const O_TMPFILE = 0o20000000
const CLONE_NEWUSER = 0x10000000

/** As the kernel's headers have them: x64's asm/unistd_64.h, and for arm64 asm-generic/unistd.h. */
type Numbers = {
  socket: number
  socketpair: number
  sendto: number
  openat2: number
  /** Refused whatever the network. */
  always: number[]
  /** Refused without a network. */
  refused: number[]
  clone3: number
  /** clone and unshare, whose first argument has the flags. */
  namespaces: number[]
  /** Number and index of the mode, and for `open` of the flags. */
  modes: [number, number, number?][]
}
const HEADERS: Record<Arch, Numbers> = {
  x64: {
    socket: 41,
    socketpair: 53,
    sendto: 44,
    openat2: 437,
    // chmod, fchmod, fchmodat, fchmodat2, creat, mknod, mknodat, open, openat
    modes: [
      [90, 1],
      [91, 1],
      [268, 2],
      [452, 2],
      [85, 1],
      [133, 1],
      [259, 2],
      [2, 2, 1],
      [257, 3, 2],
    ],
    // ptrace, add_key, request_key, keyctl, open_by_handle_at, process_vm_readv, process_vm_writev, userfaultfd,
    // io_uring_setup, io_uring_enter, io_uring_register, pidfd_getfd
    always: [101, 248, 249, 250, 304, 310, 311, 323, 425, 426, 427, 438],
    // connect, accept, bind, listen, setsockopt, accept4, recvmmsg, sendmmsg
    refused: [42, 43, 49, 50, 54, 288, 299, 307],
    clone3: 435,
    namespaces: [56, 272],
  },
  arm64: {
    socket: 198,
    socketpair: 199,
    sendto: 206,
    openat2: 437,
    // fchmod, fchmodat, fchmodat2, mknodat, openat
    modes: [
      [52, 1],
      [53, 2],
      [452, 2],
      [33, 2],
      [56, 3, 2],
    ],
    // ptrace, add_key, request_key, keyctl, open_by_handle_at, process_vm_readv, process_vm_writev, userfaultfd,
    // io_uring_setup, io_uring_enter, io_uring_register, pidfd_getfd
    always: [117, 217, 218, 219, 265, 270, 271, 282, 425, 426, 427, 438],
    // bind, listen, accept, connect, setsockopt, accept4, recvmmsg, sendmmsg
    refused: [200, 201, 202, 203, 208, 242, 243, 269],
    clone3: 435,
    namespaces: [220, 97],
  },
}

const low = (value: bigint): number => Number(BigInt.asUintN(32, value))

function expected(arch: Arch, network: (typeof NETWORKS)[number], nr: number, args: readonly bigint[]): number {
  const { socket, socketpair, sendto, openat2, always, refused, modes, clone3, namespaces } = HEADERS[arch]
  const [domain = 0n, type = 0n, , , address = 0n] = args
  if (arch === 'x64' && (nr >= 2 ** 30 || (nr > 511 && nr < 548))) return EPERM
  if (always.includes(nr)) return EPERM
  if (nr === openat2 || nr === clone3) return ENOSYS
  if (namespaces.includes(nr)) return (low(domain) & CLONE_NEWUSER) === 0 ? ALLOW : EPERM
  const [, mode, flags] = modes.find(([number]) => number === nr) ?? []
  if (mode !== undefined) {
    const creates = flags === undefined || (low(args[flags] ?? 0n) & (O_CREAT | O_TMPFILE)) !== 0
    return creates && (low(args[mode] ?? 0n) & 0o6000) !== 0 ? EPERM : ALLOW
  }
  const makesSocket = nr === socket || nr === socketpair
  if (network === 'enabled') return makesSocket && low(domain) === 40 ? EPERM : ALLOW
  if (makesSocket) return low(domain) === 1 && [1, 5].includes(low(type) % 16) ? ALLOW : EPERM
  if (nr === sendto && address !== 0n) return EPERM
  return refused.includes(nr) ? EPERM : ALLOW
}

const programs = ARCHS.flatMap((arch) =>
  NETWORKS.map((network) => ({
    arch,
    network,
    program: readProgram(seccompFilter(arch, network)),
    name: `${arch}, ${network}`,
  })),
)

for (const { arch, network, program, name } of programs) {
  test(`${name}: every call is answered as the table says, whatever its arguments`, () => {
    const known = [
      HEADERS[arch].socket,
      HEADERS[arch].socketpair,
      HEADERS[arch].sendto,
      ...HEADERS[arch].always,
      ...HEADERS[arch].refused,
      ...HEADERS[arch].namespaces,
      HEADERS[arch].clone3,
      HEADERS[arch].openat2,
      ...HEADERS[arch].modes.map(([number]) => number),
    ]
    const nr = fc.oneof(
      fc.constantFrom(...known),
      fc.constantFrom(HEADERS[arch].socket, HEADERS[arch].socketpair),
      fc.constantFrom(...known).map((number) => number + 2 ** 30),
      fc.integer({ min: 0, max: 600 }),
      fc.constantFrom(511, 512, 547, 548, 2 ** 30 - 1, 2 ** 30, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1),
    )
    // The kernel takes ints: what is above them is not looked at.
    const int = (...likely: number[]) =>
      fc
        .tuple(
          fc.oneof(fc.constantFrom(...likely), fc.integer({ min: 0, max: 0xffffffff })),
          fc.constantFrom(0, 1, 0xffffffff),
        )
        .map(([below, above]) => (BigInt(above) << 32n) | BigInt(below))
    const domain = int(0, 1, 2, 10, 16, 40, 0x10001, 0x80000001, CLONE_NEWUSER, CLONE_NEWUSER | 0x20000, 0x20000)
    const type = int(
      0,
      1,
      2,
      3,
      5,
      0x801,
      0x80801,
      0x80005,
      0x80002,
      0x803,
      0x11,
      0o4755,
      0o2755,
      0o755,
      0o101,
      0o20200002,
    )
    const mode = int(0, 0o755, 0o1777, 0o2000, 0o4000, 0o104755, 0o100, 0o101, 0o20200002)
    const address = fc.oneof(fc.constantFrom(0n, 1n, 1n << 32n), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
    const args = fc.tuple(domain, type, mode, mode, address)
    fc.assert(
      fc.property(nr, args, (nr, args) => {
        assert.is(runFilter(program, { nr, arch: AUDIT[arch], args }), expected(arch, network, nr, args))
      }),
      { numRuns: 3000 },
    )
  })

  test(`${name}: of the numbers that there are, none is forgotten`, () => {
    for (let nr = 0; nr < 1024; nr++) {
      for (const domain of [1n, 2n, 40n]) {
        const args = [domain, 1n]
        assert.is(
          runFilter(program, { nr, arch: AUDIT[arch], args }),
          expected(arch, network, nr, args),
          `${nr} of ${domain}`,
        )
      }
    }
  })

  test(`${name}: another processor's calls end the process`, () => {
    for (const other of [AUDIT[arch === 'x64' ? 'arm64' : 'x64'], 0x40000003, 0x40000028, 0, 0xffffffff]) {
      for (const nr of [0, 1, HEADERS[arch].socket, 0x40000000])
        assert.is(runFilter(program, { nr, arch: other }), KILL_PROCESS)
    }
  })

  test(`${name}: the kernel would load it`, () => {
    assert.ok(program.length > 0 && program.length < 4096)
    for (const [index, { code, jt, jf, k }] of program.entries()) {
      assert.ok([0x20, 0x54, 0x15, 0x35, 0x06].includes(code), `0x${code.toString(16)}`)
      // Without a sign, so forward; and to an instruction that is there, as must be the next one but after a return.
      if (code !== 0x06) assert.ok(index + 1 + Math.max(jt, jf) < program.length, `the jump at ${index}`)
      if (code === 0x20) assert.ok(k % 4 === 0 && k < 64, `the load at ${index}`)
    }
  })
}

const directory = mkdtempSync(join(tmpdir(), 'seccomp-'))
test.after(() => rmSync(directory, { recursive: true }))

/** By a shell, since not every runtime hands descriptors on. */
const confined = (filter: string, command: readonly string[]) =>
  spawnSync('sh', ['-c', 'exec bwrap --dev-bind / / --seccomp 3 "$@" 3<"$0"', filter, ...command], { encoding: 'utf8' })

const arch = process.arch as Arch

function obstacle(): string | undefined {
  if (process.platform !== 'linux' || !ARCHS.includes(arch)) return 'the filters are for Linux on x64 and arm64'
  const { status, error } = spawnSync('bwrap', ['--dev-bind', '/', '/', 'true'])
  if (error !== undefined) return 'there is no bwrap'
  return status === 0 ? undefined : 'bwrap cannot work'
}

const missing = obstacle()

function real(title: string, body: () => void, hindrance: string | undefined = missing): void {
  if (hindrance === undefined) return void test(title, body)
  test.skip(`${title} (not shown here: ${hindrance})`)
}

const MODE_NUMBERS = {
  x64: { fchmod: 91, fchmodat: 268, mknodat: 259, openat: 257, mkdirat: 258 },
  arm64: { fchmod: 52, fchmodat: 53, mknodat: 33, openat: 56, mkdirat: 34 },
}

const withoutPerl = missing ?? (spawnSync('perl', ['-e', '1']).status === 0 ? undefined : 'there is no perl')

const MORE_NUMBERS = {
  x64: { sendmsg: 46, getpid: 39, connect: 42 },
  arm64: { sendmsg: 211, getpid: 172, connect: 203 },
}

/** Calls that are refused whatever the network, with arguments that do no harm where they are not. */
const REFUSED: [name: string, numbers: Record<Arch, number>, args: string][] = [
  ['ptrace of nobody', { x64: 101, arm64: 117 }, '16, 0x7fffffff, 0, 0'],
  ['process_vm_readv', { x64: 310, arm64: 270 }, '$$, 0, 0, 0, 0, 0'],
  ['process_vm_writev', { x64: 311, arm64: 271 }, '$$, 0, 0, 0, 0, 0'],
  ['pidfd_getfd', { x64: 438, arm64: 438 }, '-1, 0, 0'],
  ['io_uring', { x64: 425, arm64: 425 }, '1, pack("x120")'],
  ['add_key', { x64: 248, arm64: 217 }, '$type, $key, $key, 1, -3'],
  ['request_key', { x64: 249, arm64: 218 }, '$type, $key, 0, 0'],
  ['keyctl', { x64: 250, arm64: 219 }, '0, -3, 0'],
  ['open_by_handle_at', { x64: 304, arm64: 265 }, '-1, pack("LLx128", 128, 1), 0'],
  ['userfaultfd', { x64: 323, arm64: 282 }, '1'],
  ['unshare of a user', { x64: 272, arm64: 97 }, '0x10000000'],
  ['clone of a user', { x64: 56, arm64: 220 }, '0x10000000 | 17, 0, 0, 0, 0'],
]

/** Makes real calls, confined if there is a filter. Gives 0 or the errno of each. */
function probe(filter: Uint8Array | undefined): Record<string, number> {
  const { socket, socketpair } = HEADERS[arch]
  const { sendmsg, getpid, connect } = MORE_NUMBERS[arch]
  const script = `
    $| = 1;
    sub call { my $name = shift; my $result = syscall(shift, @_); print $name, " ", ($result < 0 ? $! + 0 : 0), "\\n"; $result }
    my $pair = "\\0" x 8;
    my ($type, $key) = ("user", "no such key");
    call("inet", ${socket}, 2, 1, 0);
    call("inet, long domain", ${socket}, 2 | (1 << 32), 1, 0);
    call("netlink", ${socket}, 16, 3, 0);
    call("vsock", ${socket}, 40, 1, 0);
    call("datagram", ${socket}, 1, 2, 0);
    call("datagram with flags", ${socket}, 1, 2 | 0x80800, 0);
    call("raw", ${socket}, 1, 3, 0);
    call("datagram pair", ${socketpair}, 1, 2, 0, $pair);
    call("raw pair", ${socketpair}, 1, 3, 0, $pair);
    my $stream = call("stream", ${socket}, 1, 1 | 0x80000, 0);
    call("connect", ${connect}, $stream, pack("S a14", 1, "/no/socket"), 16);
    call("seqpacket pair", ${socketpair}, 1, 5, 0, $pair);
    call("pair", ${socketpair}, 1, 1, 0, $pair);
    my ($one, $other) = unpack("ll", $pair);
    my $text = "text";
    my $vector = pack("PQ", $text, 4);
    call("sendmsg", ${sendmsg}, $one, pack("QQPQQQQ", 0, 0, $vector, 1, 0, 0, 0), 0);
    open(my $end, "+<&=", $other) or die; sysread($end, my $got, 4); die if $got ne $text;
    call("getpid", ${getpid});
    ${arch === 'x64' ? `call("x32 getpid", 0x40000000 + ${getpid});` : ''}
    call("clone3", 435, pack("x88"), 88);
    ${REFUSED.map(([name, numbers, args]) => `exit if call("${name}", ${numbers[arch]}, ${args}) == 0 && "${name}" =~ /^clone/;`).join('\n')}
  `
  const file = join(directory, 'filter')
  if (filter !== undefined) writeFileSync(file, filter)
  const free = () => spawnSync('perl', ['-e', script], { encoding: 'utf8' })
  const { stdout, stderr, status } = filter === undefined ? free() : confined(file, ['perl', '-e', script])
  assert.is(status, 0, stderr)
  const lines = stdout.trimEnd().split('\n')
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]))
}

const X32 = arch === 'x64' ? ['x32 getpid'] : []

real(
  'restricted: the kernel refuses what reaches others, and lets pairs of sockets be used',
  () => {
    const answers = probe(seccompFilter(arch, 'restricted'))
    const sockets = [
      'inet',
      'inet, long domain',
      'netlink',
      'vsock',
      'datagram',
      'datagram with flags',
      'raw',
      'datagram pair',
      'raw pair',
    ]
    for (const name of [...sockets, 'connect', ...REFUSED.map(([name]) => name), ...X32])
      assert.is(answers[name], 1, name)
    assert.is(answers['clone3'], ENOSYS_NUMBER)
    for (const name of ['stream', 'seqpacket pair', 'pair', 'sendmsg', 'getpid']) assert.is(answers[name], 0, name)
  },
  withoutPerl,
)

real(
  'enabled: the kernel refuses what reaches other processes, keys and the host, and else answers as without a filter',
  () => {
    const answers = probe(seccompFilter(arch, 'enabled'))
    const refused = ['vsock', ...REFUSED.map(([name]) => name), ...X32]
    for (const name of refused) assert.is(answers[name], 1, name)
    assert.is(answers['clone3'], ENOSYS_NUMBER)
    const free = probe(undefined)
    for (const name of [...refused, 'clone3']) {
      delete free[name]
      delete answers[name]
    }
    assert.equal(answers, free)
    assert.is(answers['inet'], 0)
    assert.is(answers['connect'], 2)
  },
  withoutPerl,
)

real(
  'no call makes a file set-user-ID or set-group-ID, and other modes are as without a filter',
  () => {
    const { fchmod, fchmodat, mknodat, openat, mkdirat } = MODE_NUMBERS[arch]
    const old =
      arch === 'x64'
        ? 'call("chmod", 90, "f", $bits); call("creat", 85, "c", $bits); call("open", 2, "o", 0x41, $bits); call("mknod", 133, "n", 0x8000 | $bits, 0);'
        : ''
    const script = `
      sub call { my ($name, $number, @args) = @_; print "$name ", (syscall($number, @args) < 0 ? $! + 0 : 0), "\\n" }
      umask 0; chdir(shift) or die; my $bits = oct(shift); my $at = -100;
      open(my $file, ">", "f") or die;
      call("fchmod", ${fchmod}, fileno($file), $bits); call("fchmodat", ${fchmodat}, $at, "f", $bits);
      call("fchmodat2", 452, $at, "f", $bits, 0); call("mknodat", ${mknodat}, $at, "m", 0x8000 | $bits, 0);
      call("openat", ${openat}, $at, "a", 0x41, $bits); call("openat of one that is there", ${openat}, $at, "f", 0, $bits);
      call("mkdirat", ${mkdirat}, $at, "d", $bits); call("openat2", 437, $at, "f", pack("QQQ", 0, 0, 0), 24);
      ${old}
      for (glob "*") { print "BITS $_\\n" if (stat $_)[2] & 06000 }
    `
    const filter = join(directory, 'modes')
    writeFileSync(filter, seccompFilter(arch, 'restricted'))
    for (const bits of ['4755', '2755', '6755', '755']) {
      const folder = mkdtempSync(join(directory, 'modes-'))
      const { stdout, stderr, status } = confined(filter, ['perl', '-e', script, folder, bits])
      assert.is(status, 0, stderr)
      const lines = stdout.trimEnd().split('\n')
      const allowed = ['openat of one that is there 0', 'mkdirat 0']
      for (const line of lines) {
        if (line.startsWith('openat2')) assert.is(line, 'openat2 38')
        else if (bits === '755' || allowed.includes(line)) assert.match(line, / 0$/, `${bits}: ${line}`)
        else assert.match(line, / 1$/, `${bits}: ${line}`)
      }
    }
  },
  withoutPerl,
)

real(
  'a call of the 32-bit kind ends the process',
  () => {
    const program = join(directory, 'int80')
    // mov eax, 20; int 0x80 (getpid); xor edi, edi; mov eax, 231; syscall (exit_group)
    const code = Uint8Array.fromHex('b814000000cd8031ffb8e70000000f05')
    const image = launcherImage('x64').slice()
    image.set(code, CODE_OFFSET)
    writeFileSync(program, image, { mode: 0o755 })
    // Some virtual machines, and kernels without IA32 emulation, have no such call: the instruction is a fault there.
    const { status, signal } = spawnSync(program)
    if (signal === 'SIGSEGV') skip('this kernel takes no 32-bit calls')
    assert.is(status, 0, `${signal}`)
    for (const network of NETWORKS) {
      const filter = join(directory, network)
      writeFileSync(filter, seccompFilter('x64', network))
      // SIGSYS is 31.
      assert.is(confined(filter, [program]).status, 128 + 31)
    }
  },
  missing ?? (arch === 'x64' ? undefined : 'it is made for x64'),
)

test.run()
