/**
 * System call filters for `bwrap --seccomp`, as classic BPF. The kernel runs the filter at every system call of a
 * command and its descendants. A refused call fails with EPERM, as a denial by the kernel does.
 */
import type { Network } from '../../protocol/schemas/sandbox.ts'
import { NUMBERS } from './system-calls.ts'
import type { Arch } from './system-calls.ts'

type Call = keyof typeof NUMBERS.x64 & keyof typeof NUMBERS.arm64

/** Refused whatever the network. */
const ALWAYS: readonly Call[] = [
  // io_uring creates and uses sockets, and seccomp does not see its submissions.
  ...(['io_uring_setup', 'io_uring_enter', 'io_uring_register'] as const),
  // Control over another process, or its descriptors, is control over what it may do.
  ...(['ptrace', 'process_vm_readv', 'process_vm_writev', 'pidfd_getfd'] as const),
  // Keyrings have no namespace of their own: a command would find the keys of its user's session.
  ...(['add_key', 'request_key', 'keyctl'] as const),
  // Finds files by number, past the mounts.
  'open_by_handle_at',
  // Stops the kernel at a chosen point, which makes its races easy to win.
  'userfaultfd',
]

/**
 * The reference also refuses getsockopt, getsockname, getpeername and shutdown. They cannot open a connection, and a
 * Node child of Node uses them to identify its stdout, a socket pair: when they are refused, it writes nothing and
 * exits 0.
 */
const RESTRICTED: readonly Call[] = [
  ...(['connect', 'accept', 'accept4', 'bind', 'listen', 'setsockopt', 'sendmmsg', 'recvmmsg'] as const),
]

/**
 * Calls that take a file's mode, with the index of that argument; those of `open` take it only with some flags. mkdir drops
 * the bits in question itself.
 */
const MODE_ARGUMENTS = {
  x64: { chmod: 1, fchmod: 1, fchmodat: 2, fchmodat2: 2, creat: 1, mknod: 1, mknodat: 2 },
  arm64: { fchmod: 1, fchmodat: 2, fchmodat2: 2, mknodat: 2 },
} as const
const OPEN_ARGUMENTS = {
  x64: { open: { flags: 1, mode: 2 }, openat: { flags: 2, mode: 3 } },
  arm64: { openat: { flags: 2, mode: 3 } },
} as const

/** S_ISUID | S_ISGID */
const SET_ID_BITS = 0o6000
/** O_CREAT and the bit of O_TMPFILE: without them the mode is not read, and may be left unset. */
const CREATING_FLAGS = 0o100 | 0o20_000_000

/** A user namespace gives its creator every capability inside, and so most of the kernel to try out. */
const CLONE_NEWUSER = 0x1000_0000

const AUDIT_ARCH = { x64: 0xc000_003e, arm64: 0xc000_00b7 } as const

/** Set in the numbers of the x32 ABI, an alias of the same calls. BPF compares numbers as unsigned. */
const X32_BIT = 0x4000_0000

/** Linux before 5.4 also accepts x32's own calls, ptrace and sendmmsg among them, without that bit. */
const X32_FIRST = 512
const X32_LAST = 547

const AF_UNIX = 1
const AF_VSOCK = 40
const SOCK_STREAM = 1
const SOCK_SEQPACKET = 5
/** The other bits are flags: SOCK_NONBLOCK and SOCK_CLOEXEC. */
const SOCK_TYPE_MASK = 0xf

/** struct seccomp_data: int nr; u32 arch; u64 instruction_pointer; u64 args[6]. */
const NR = 0
const ARCH = 4
/** Offset of an argument's low 32 bits: all that the kernel reads of an int. */
const argument = (index: number): number => 16 + 8 * index
const highHalf = (index: number): number => argument(index) + 4

const KILL_PROCESS = 0x8000_0000
const ALLOW = 0x7fff_0000
const ERRNO = 0x0005_0000
const EPERM = 1
const ENOSYS = 38

/**
 * One instruction, or a label for the next one. `then` and `else` are a jump's targets; a missing target is the next
 * instruction.
 */
type Line = { label: string } | { code: number; k: number; then?: string | undefined; else?: string | undefined }
type Targets = { then?: string; else?: string }

const label = (name: string): Line => ({ label: name })
/** BPF_LD | BPF_W | BPF_ABS */
const load = (offset: number): Line => ({ code: 0x20, k: offset })
/** BPF_ALU | BPF_AND | BPF_K */
const and = (mask: number): Line => ({ code: 0x54, k: mask })
/** BPF_JMP | BPF_JEQ | BPF_K */
const ifEqual = (value: number, targets: Targets): Line => ({ code: 0x15, k: value, ...targets })
/** BPF_JMP | BPF_JGE | BPF_K */
const ifAtLeast = (value: number, targets: Targets): Line => ({ code: 0x35, k: value, ...targets })
/** BPF_RET | BPF_K */
const answer = (action: number): Line => ({ code: 0x06, k: action })

/** The filter as an array of struct sock_filter: little-endian, 8 bytes each. */
export function seccompFilter(arch: Arch, network: Network): Uint8Array {
  const numbers = NUMBERS[arch]
  const restricted = network === 'restricted'
  const refused = [...ALWAYS, ...(restricted ? RESTRICTED : [])]
  return assemble([
    load(ARCH),
    // Another ABI has other numbers, which this filter does not know.
    ifEqual(AUDIT_ARCH[arch], { else: 'kill' }),
    load(NR),
    ...(arch === 'x64' ? refuseX32() : []),
    ...refused.map((name) => ifEqual(numbers[name], { then: 'refuse' })),
    ...(restricted ? [ifEqual(numbers.sendto, { then: 'sendto' })] : []),
    ifEqual(numbers.openat2, { then: 'unknown' }),
    // Its flags are in memory. The C library does without where it is not implemented.
    ifEqual(numbers.clone3, { then: 'unknown' }),
    ifEqual(numbers.clone, { then: 'namespaces' }),
    ifEqual(numbers.unshare, { then: 'namespaces' }),
    ...modeCalls(arch),
    ifEqual(numbers.socket, { then: 'socket' }),
    ifEqual(numbers.socketpair, { then: 'socket', else: 'allow' }),
    ...noSetIdBits(arch),
    ...noUserNamespaces(),
    label('socket'),
    ...(restricted ? localSocketsOnly() : noVsock()),
    ...(restricted ? sendWithoutAddress() : []),
    label('allow'),
    answer(ALLOW),
    label('refuse'),
    answer(ERRNO | EPERM),
    label('unknown'),
    answer(ERRNO | ENOSYS),
    label('kill'),
    answer(KILL_PROCESS),
  ])
}

function refuseX32(): Line[] {
  return [
    ifAtLeast(X32_BIT, { then: 'refuse' }),
    ifAtLeast(X32_FIRST, { else: 'number' }),
    ifAtLeast(X32_LAST + 1, { else: 'refuse' }),
    label('number'),
  ]
}

/**
 * Allows only those AF_UNIX types that cannot send without connect. A datagram socket can: sendmsg takes an address,
 * which seccomp cannot read, and sendmsg must stay allowed because it passes descriptors through socket pairs. The
 * ends of a datagram pair take addresses, too, and SOCK_RAW is an alias of SOCK_DGRAM here; hence an allow list for
 * both calls. Among the rest syslog is the most common caller, and it works without.
 */
function localSocketsOnly(): Line[] {
  return [
    load(argument(0)),
    ifEqual(AF_UNIX, { else: 'refuse' }),
    load(argument(1)),
    and(SOCK_TYPE_MASK),
    ifEqual(SOCK_STREAM, { then: 'allow' }),
    ifEqual(SOCK_SEQPACKET, { then: 'allow', else: 'refuse' }),
  ]
}

/** The C library's send, which socket pairs need, is a sendto with a null address. */
function sendWithoutAddress(): Line[] {
  return [
    label('sendto'),
    load(argument(4)),
    ifEqual(0, { else: 'refuse' }),
    load(highHalf(4)),
    ifEqual(0, { else: 'refuse' }),
  ]
}

/** Jumps to the checks of {@link noSetIdBits}. */
function modeCalls(arch: Arch): Line[] {
  const numbers = new Map<string, number>(Object.entries(NUMBERS[arch]))
  const jump = (name: string, target: string): Line => ifEqual(numbers.get(name) as number, { then: target })
  return [
    ...Object.keys(OPEN_ARGUMENTS[arch]).map((name) => jump(name, name)),
    ...Object.entries(MODE_ARGUMENTS[arch]).map(([name, index]) => jump(name, `mode ${index}`)),
  ]
}

/**
 * Refuses to make a file set-user-ID or set-group-ID: outside of the sandbox whoever runs it becomes its owner. openat2 has
 * its mode in memory, which a filter cannot read; programs that use it do without where it is not implemented.
 */
function noSetIdBits(arch: Arch): Line[] {
  const isWithout = (mask: number, targets: Targets): Line[] => [and(mask), ifEqual(0, targets)]
  const opens = Object.entries(OPEN_ARGUMENTS[arch]).flatMap(([name, { flags, mode }]) => [
    label(name),
    load(argument(flags)),
    ...isWithout(CREATING_FLAGS, { then: 'allow' }),
    load(argument(mode)),
    ...isWithout(SET_ID_BITS, { then: 'allow', else: 'refuse' }),
  ])
  const modes = [1, 2].flatMap((index) => [
    label(`mode ${index}`),
    load(argument(index)),
    ...isWithout(SET_ID_BITS, { then: 'allow', else: 'refuse' }),
  ])
  return [...opens, ...modes]
}

function noUserNamespaces(): Line[] {
  return [label('namespaces'), load(argument(0)), and(CLONE_NEWUSER), ifEqual(0, { then: 'allow', else: 'refuse' })]
}

/** Refuses vsock: it reaches the host of a virtual machine and bypasses network filters. */
function noVsock(): Line[] {
  return [load(argument(0)), ifEqual(AF_VSOCK, { then: 'refuse' })]
}

function assemble(lines: readonly Line[]): Uint8Array {
  const places = new Map<string, number>()
  const instructions = lines.filter((line) => 'code' in line)
  let next = 0
  for (const line of lines) {
    if ('label' in line) places.set(line.label, next)
    else next++
  }
  const bytes = new Uint8Array(8 * instructions.length)
  const view = new DataView(bytes.buffer)
  for (const [index, { code, k, then, else: otherwise }] of instructions.entries()) {
    const distance = (target: string | undefined): number => {
      const skipped = target === undefined ? 0 : (places.get(target) ?? NaN) - index - 1
      // A jump offset is one unsigned byte.
      if (!(skipped >= 0 && skipped <= 255)) throw new Error(`no jump from instruction ${index} to ${target}`)
      return skipped
    }
    view.setUint16(8 * index, code, true)
    view.setUint8(8 * index + 2, distance(then))
    view.setUint8(8 * index + 3, distance(otherwise))
    view.setUint32(8 * index + 4, k, true)
  }
  return bytes
}
