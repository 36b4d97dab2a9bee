/**
 * The system call filters for `bwrap --seccomp`, as classic BPF. The kernel runs one at every system call of a
 * command and of all that it starts. What a filter refuses fails with EPERM, as a denial by the system does.
 */
import type { Network } from '../../protocol/schemas/sandbox.ts'

export type Arch = 'x64' | 'arm64'

/** System call numbers, by the names and from the tables of each kernel port. */
const NUMBERS = {
  x64: {
    socket: 41,
    connect: 42,
    accept: 43,
    sendto: 44,
    bind: 49,
    listen: 50,
    socketpair: 53,
    setsockopt: 54,
    ptrace: 101,
    accept4: 288,
    recvmmsg: 299,
    sendmmsg: 307,
    process_vm_readv: 310,
    process_vm_writev: 311,
    io_uring_setup: 425,
    io_uring_enter: 426,
    io_uring_register: 427,
    pidfd_getfd: 438,
  },
  arm64: {
    ptrace: 117,
    socket: 198,
    socketpair: 199,
    bind: 200,
    listen: 201,
    accept: 202,
    connect: 203,
    sendto: 206,
    setsockopt: 208,
    accept4: 242,
    recvmmsg: 243,
    sendmmsg: 269,
    process_vm_readv: 270,
    process_vm_writev: 271,
    io_uring_setup: 425,
    io_uring_enter: 426,
    io_uring_register: 427,
    pidfd_getfd: 438,
  },
} as const satisfies Record<Arch, Record<string, number>>

type Call = keyof typeof NUMBERS.x64 & keyof typeof NUMBERS.arm64

/** A ring makes and uses sockets, and no filter sees what is put in it. */
const RING: readonly Call[] = ['io_uring_setup', 'io_uring_enter', 'io_uring_register']

/**
 * The reference refuses getsockopt, getsockname, getpeername and shutdown as well. They reach nobody, and a Node
 * that is the child of a Node asks its standard output, a socket pair, what it is: refused, it writes nothing,
 * and ends with success.
 */
const RESTRICTED: readonly Call[] = [
  ...(['connect', 'accept', 'accept4', 'bind', 'listen', 'setsockopt', 'sendmmsg', 'recvmmsg'] as const),
  // The hands, and the descriptors, of a process that is not confined are as good as a network.
  ...(['ptrace', 'process_vm_readv', 'process_vm_writev', 'pidfd_getfd'] as const),
  ...RING,
]

const AUDIT_ARCH = { x64: 0xc000_003e, arm64: 0xc000_00b7 } as const

/** Of a number of the x32 ABI, which runs the same calls by another name. Numbers are compared without a sign. */
const X32_BIT = 0x4000_0000

/** Where Linux before 5.4 has x32's own calls, ptrace and sendmmsg among them, without that bit as well. */
const X32_FIRST = 512
const X32_LAST = 547

const AF_UNIX = 1
const AF_VSOCK = 40
const SOCK_STREAM = 1
const SOCK_SEQPACKET = 5
/** The rest are flags: SOCK_NONBLOCK and SOCK_CLOEXEC. */
const SOCK_TYPE_MASK = 0xf

/** struct seccomp_data: int nr; u32 arch; u64 instruction_pointer; u64 args[6]. */
const NR = 0
const ARCH = 4
/** The low half of an argument, which is all that the kernel looks at where it takes an int. */
const argument = (index: number): number => 16 + 8 * index
const highHalf = (index: number): number => argument(index) + 4

const KILL_PROCESS = 0x8000_0000
const ALLOW = 0x7fff_0000
const ERRNO = 0x0005_0000
const EPERM = 1

/**
 * One instruction, or a label for the next. A jump names where it goes if its comparison holds and if not;
 * the name that is left out is the next instruction.
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

/** An array of struct sock_filter, little endian, 8 bytes each. */
export function seccompFilter(arch: Arch, network: Network): Uint8Array {
  const numbers = NUMBERS[arch]
  const restricted = network === 'restricted'
  const refused = restricted ? RESTRICTED : RING
  return assemble([
    load(ARCH),
    // Numbers mean other calls there, and this filter none of them.
    ifEqual(AUDIT_ARCH[arch], { else: 'kill' }),
    load(NR),
    ...(arch === 'x64' ? refuseX32() : []),
    ...refused.map((name) => ifEqual(numbers[name], { then: 'refuse' })),
    ...(restricted ? [ifEqual(numbers.sendto, { then: 'sendto' })] : []),
    ifEqual(numbers.socket, { then: 'socket' }),
    ifEqual(numbers.socketpair, { else: 'allow' }),
    label('socket'),
    ...(restricted ? localSocketsOnly() : noVsock()),
    ...(restricted ? sendWithoutAddress() : []),
    label('allow'),
    answer(ALLOW),
    label('refuse'),
    answer(ERRNO | EPERM),
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
 * Of AF_UNIX those types that reach nobody without connect. A datagram socket does: sendmsg, which must stay since
 * it passes descriptors through socket pairs, takes an address along, and this filter cannot look into its
 * message. The ends of a datagram pair take addresses as well, and SOCK_RAW is another name for SOCK_DGRAM here;
 * hence a list of what is allowed, for both calls. It is syslog that most often asks for the rest, and that
 * goes on without.
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

/** The C library's send, which socket pairs live by, is a sendto whose address is null. */
function sendWithoutAddress(): Line[] {
  return [
    label('sendto'),
    load(argument(4)),
    ifEqual(0, { else: 'refuse' }),
    load(highHalf(4)),
    ifEqual(0, { else: 'refuse' }),
  ]
}

/** To the host of a virtual machine, past whatever watches over the network. */
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
      // The field is one unsigned byte.
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
