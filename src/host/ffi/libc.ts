/**
 * C library calls that the runtimes do not expose. Each is optional: without it, its callers fall back or refuse.
 */
import { closeSync, constants as fileConstants, openSync, readdirSync } from 'node:fs'
import { constants } from 'node:os'
import process from 'node:process'
import { isDeno } from '../../base/runtime.ts'
import type { Internal } from '../node-internals.ts'
import { functions } from './functions.ts'
import { checkSymbols } from './symbols.ts'

/**
 * Off Linux, variadic C functions can only be called with their fixed arguments. Hence `ioctl` with FIOCLEX, which
 * needs no third argument, instead of `fcntl`.
 */
const FIOCLEX = process.platform === 'darwin' ? 0x20006601n : 0x5451n
const MFD_CLOEXEC = 1
const F_SETPIPE_SZ = 1031
const F_DUPFD_CLOEXEC = 1030
/** The number is the same on x64 and arm64. */
const SYS_CLOSE_RANGE = 436n
const CLOSE_RANGE_CLOEXEC = 4n
const MAX_DESCRIPTOR = 0xffff_ffffn
/** The usual soft limit of open files. */
const ORDINARY_DESCRIPTORS = 1024
const SOL_SOCKET = 1
const SO_PEERCRED = 17

/** Pipe capacity in bytes: four reads instead of the default one, so that fewer wake-ups drain a fast writer. */
const PIPE_BYTES = 256 * 1024

/** Which of the functions are there, and what is lost without the others. */
export function checkLibc(): Internal[] {
  return checkSymbols(functions())
}

/**
 * Opens a close-on-exec pipe: [read end, write end]. Undefined where the functions for it are missing, or on Deno, whose
 * file calls reject foreign descriptors and whose children get real pipes anyway.
 */
export function openPipe(calls = functions()): [number, number] | undefined {
  // Without ioctl other children would hold the write end open, and the reader would wait for its end of file.
  if (isDeno || calls.pipe === undefined || calls.ioctl === undefined) return undefined
  const fds = new Int32Array(2)
  if (calls.pipe(fds) !== 0) return undefined
  const [read = -1, write = -1] = fds
  // Fails above the user's pipe quota; the default size works too, only slower.
  calls.fcntl?.(read, F_SETPIPE_SZ, PIPE_BYTES)
  calls.ioctl(read, FIOCLEX)
  calls.ioctl(write, FIOCLEX)
  return [read, write]
}

/**
 * Opens a pipe as one close-on-exec descriptor for both ends, so that its reader never sees an end of file. Linux only;
 * undefined where the functions for it are missing.
 * @throws an errno error, such as EMFILE
 */
export function openTwoWayPipe(calls = functions()): number | undefined {
  const fds = new Int32Array(2)
  if (calls.close === undefined || calls.pipe === undefined) return undefined
  // There is no other reason for it to fail; its errno cannot be read.
  if (calls.pipe(fds) !== 0) throw Object.assign(new Error('EMFILE: no descriptors for a pipe'), { code: 'EMFILE' })
  try {
    // Reopened by name: a runtime may accept only descriptors that it opened itself.
    return openSync(`/proc/self/fd/${fds[0]}`, fileConstants.O_RDWR)
  } finally {
    for (const fd of fds) calls.close(fd)
  }
}

/** A string as C has it. */
export const terminated = (text: string): Uint8Array => new TextEncoder().encode(`${text}\0`)

/** Sets close-on-exec on a descriptor. Returns whether it succeeded. */
export function closeOnExec(fd: number): boolean {
  return functions().ioctl?.(fd, FIOCLEX) === 0
}

const F_SETFL = 4

/** Makes a descriptor that is open for reading and writing blocking, with all duplicates of it. Linux only. */
export function makeBlocking(fd: number, calls = functions()): void {
  calls.fcntl?.(fd, F_SETFL, fileConstants.O_RDWR)
}

/**
 * Sets close-on-exec on every descriptor above 2 that this process inherited. Linux only: one system call since 5.11.
 */
export function closeInheritedOnExec(): void {
  if (process.platform !== 'linux') return
  if (functions().syscall?.(SYS_CLOSE_RANGE, 3n, MAX_DESCRIPTOR, CLOSE_RANGE_CLOEXEC) === 0) return
  for (const fd of inheritedDescriptors()) closeOnExec(fd)
}

/** Without /proc, every descriptor that an ordinary program has. */
function inheritedDescriptors(): number[] {
  try {
    return readdirSync('/proc/self/fd')
      .map(Number)
      .filter((fd) => fd > 2)
  } catch {
    return Array.from({ length: ORDINARY_DESCRIPTORS - 3 }, (_, index) => index + 3)
  }
}

const NS_GET_USERNS = 0xb701n

/** Opens the user namespace that owns a namespace, to close with {@link closeDescriptor}. Undefined on failure. */
export function owningUserNamespace(namespace: number, calls = functions()): number | undefined {
  const fd = calls.ioctl?.(namespace, NS_GET_USERNS)
  return fd === undefined || fd < 0 ? undefined : fd
}

/** Whether so many descriptors are free below this one. False if that cannot be known. */
export function hasFreeDescriptors(count: number, below: bigint, calls = functions()): boolean {
  const { fcntl, close } = calls
  if (fcntl === undefined || close === undefined) return false
  const taken: number[] = []
  // The system hands out the lowest free ones.
  for (let fd = 0; taken.length < count && fd >= 0 && fd < below; ) {
    fd = fcntl(0, F_DUPFD_CLOEXEC, 0)
    if (fd >= 0) taken.push(fd)
  }
  for (const fd of taken) close(fd)
  return taken.length === count && (taken.at(-1) ?? 0) < below
}

/** Opens a memfd (close-on-exec): works despite read-only and noexec mounts. Undefined where not available. */
export function openMemoryFile(name: string): number | undefined {
  const fd = functions().memfd_create?.(terminated(name), MFD_CLOEXEC)
  return fd === undefined || fd < 0 ? undefined : fd
}

/** Closes a descriptor opened by an addon or the C library, which the runtime may not know. */
export function closeDescriptor(fd: number): void {
  const { close } = functions()
  if (close === undefined) closeSync(fd)
  else close(fd)
}

/** flock operations, all with LOCK_NB. */
export const Lock = { Shared: 1 | 4, Exclusive: 2 | 4 } as const

/** Whether locks can be taken: only then do servers know of each other. */
export const canLock = (calls = functions()): boolean => calls.flock !== undefined

/** Takes a lock and returns whether it was acquired; false if that cannot be known. */
export function lockFile(fd: number, lock: (typeof Lock)[keyof typeof Lock], calls = functions()): boolean {
  return calls.flock?.(fd, lock) === 0
}

/** Restores the default action of SIGPIPE: the runtime ignores it, and execve would pass that on. */
export function restoreSigpipe(): void {
  functions().signal?.(constants.signals.SIGPIPE, 0n)
}

const SIG_UNBLOCK = 1

/**
 * Unblocks SIGUSR1, on Linux. The executable runs with --disable-sigusr1, and the runtime then blocks the signal. Call
 * it only with a handler installed: otherwise the signal would end this process.
 */
export function unblockSigusr1(): void {
  const set = new BigUint64Array(16)
  set[0] = 1n << BigInt(constants.signals.SIGUSR1 - 1)
  functions().sigprocmask?.(SIG_UNBLOCK, set, new BigUint64Array(16))
}

/** The limits of a resource; 2^64 - 1 is none. */
export type ResourceLimit = { soft: bigint; hard: bigint }

/** The limits of a resource. Linux only; undefined elsewhere or on failure. */
export function getLimit(resource: number, calls = functions()): ResourceLimit | undefined {
  const limit = new BigUint64Array(2)
  if (calls.getrlimit?.(resource, limit) !== 0) return undefined
  return { soft: limit[0] as bigint, hard: limit[1] as bigint }
}

/** Sets the limits of a resource. Returns whether it succeeded. */
export function setLimit(resource: number, { soft, hard }: ResourceLimit): boolean {
  return functions().setrlimit?.(resource, new BigUint64Array([soft, hard])) === 0
}

/** Sets the limits of a resource for another process. Returns whether it succeeded. */
export function setLimitOf(pid: number, resource: number, { soft, hard }: ResourceLimit): boolean {
  return functions().prlimit?.(pid, resource, new BigUint64Array([soft, hard]), new BigUint64Array(2)) === 0
}

/**
 * The process and user of a unix socket's peer, as of its connect (SO_PEERCRED); pid 0 is outside of this PID namespace.
 * Linux only; undefined elsewhere or on failure.
 */
export function peerCredentials(fd: number, calls = functions()): { pid: number; user: number } | undefined {
  // pid, uid, gid
  const credentials = new Int32Array(3)
  const length = new Int32Array([credentials.byteLength])
  if (calls.getsockopt?.(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) !== 0) return undefined
  const [pid = 0, user = -1] = credentials
  return { pid, user: user >>> 0 }
}

const AF_NETLINK = 16
const SOCK_RAW_CLOEXEC = 3 | 0x80000
const MSG_DONTWAIT = 0x40

/**
 * Sends one netlink request and returns the reply, which the kernel has queued by then. Linux only; undefined elsewhere or
 * on failure.
 */
export function askNetlink(protocol: number, request: Uint8Array, calls = functions()): Uint8Array | undefined {
  const { socket, send, recv, close } = calls
  if (socket === undefined || send === undefined || recv === undefined || close === undefined) return undefined
  const fd = socket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol)
  if (fd < 0) return undefined
  try {
    const reply = new Uint8Array(NETLINK_REPLY_BYTES)
    if (send(fd, request, BigInt(request.length), 0) !== request.length) return undefined
    const length = recv(fd, reply, BigInt(reply.length), MSG_DONTWAIT)
    return length < 0 ? undefined : reply.subarray(0, length)
  } finally {
    close(fd)
  }
}

/** Much more than the reply about one socket. */
const NETLINK_REPLY_BYTES = 1024

/**
 * Overwrites the value of an environment variable where the process was given it: /proc/PID/environ shows that memory even
 * after the variable has been deleted.
 */
export function eraseVariable(name: string, calls = functions()): void {
  const { getenv, strlen, memset } = calls
  if (getenv === undefined || strlen === undefined || memset === undefined) return
  const value = getenv(terminated(name))
  if (value !== 0n) memset(value, 0, strlen(value))
}

/** waitpid, waitid: do not block. */
const WNOHANG = 1
const WEXITED = 4
const WNOWAIT = 0x0100_0000
const P_ALL = 0
/** The fields of siginfo_t: 128 bytes, the pid at the 16th on 64-bit systems. */
const SIGINFO_INTS = 32
const SIGINFO_PID = 4

/**
 * Reaps a zombie child. Returns its status as waitpid has it; undefined for one that is alive; null if it is no child, or
 * has been reaped.
 */
export function reap(pid: number, calls = functions()): number | undefined | null {
  const status = new Int32Array(1)
  const reaped = calls.waitpid?.(pid, status, WNOHANG)
  if (reaped === undefined || reaped < 0) return null
  return reaped === 0 ? undefined : status[0]
}

/** A zombie child, which stays one. Undefined if there is none. */
export function findZombie(calls = functions()): number | undefined {
  const info = new Int32Array(SIGINFO_INTS)
  if (calls.waitid?.(P_ALL, 0, info, WEXITED | WNOHANG | WNOWAIT) !== 0) return undefined
  return info[SIGINFO_PID] === 0 ? undefined : info[SIGINFO_PID]
}

/** Duplicates a descriptor, close-on-exec, to one that is at least `least`. Undefined on failure. */
export function duplicateAbove(fd: number, least: number, calls = functions()): number | undefined {
  const copy = calls.fcntl?.(fd, F_DUPFD_CLOEXEC, least)
  return copy === undefined || copy < 0 ? undefined : copy
}
