/**
 * C library calls that the runtimes do not expose. Each is optional: without foreign functions the callers fall back.
 */
import { closeSync, readdirSync } from 'node:fs'
import { constants } from 'node:os'
import process from 'node:process'
import { isDeno } from '../../base/runtime.ts'

/**
 * Off Linux, variadic C functions can only be called with their fixed arguments. Hence `ioctl` with FIOCLEX, which
 * needs no third argument, instead of `fcntl`.
 */
const FIOCLEX = process.platform === 'darwin' ? 0x20006601n : 0x5451n
const MFD_CLOEXEC = 1
const F_SETPIPE_SZ = 1031
const SOL_SOCKET = 1
const SO_PEERCRED = 17

/** Pipe capacity in bytes: four reads instead of the default one, so that fewer wake-ups drain a fast writer. */
const PIPE_BYTES = 256 * 1024

type Functions = {
  pipe?: (fds: Int32Array) => number
  ioctl: (fd: number, request: bigint) => number
  fcntl?: (fd: number, command: number, argument: number) => number
  memfd_create?: ((name: Uint8Array, flags: number) => number) | undefined
  close: (fd: number) => number
  flock: (fd: number, operation: number) => number
  signal: (signal: number, handler: bigint) => unknown
  getrlimit?: (resource: number, limit: BigUint64Array) => number
  setrlimit?: (resource: number, limit: BigUint64Array) => number
  waitpid?: (pid: number, status: Int32Array, options: number) => number
  sigprocmask?: (how: number, set: BigUint64Array, before: BigUint64Array) => number
  malloc_trim?: ((keep: bigint) => number) | undefined
  getsockopt?: (fd: number, level: number, option: number, value: Int32Array, length: Int32Array) => number
}

let loaded: Functions | null | undefined

function functions(): Functions | null {
  if (loaded === undefined) loaded = loadQuietly()
  return loaded
}

function loadQuietly(): Functions | null {
  // Suppresses Node's warning that its foreign functions are experimental; the calls used here are tested.
  const emitWarning = process.emitWarning
  process.emitWarning = () => {}
  try {
    return isDeno ? loadDeno() : loadNode()
  } catch {
    return null
  } finally {
    process.emitWarning = emitWarning
  }
}

function loadNode(): Functions | null {
  const ffi = process.getBuiltinModule?.('node:ffi') as typeof import('node:ffi') | undefined
  if (ffi === undefined) return null
  const { functions } = ffi.dlopen(null, {
    ...(process.platform === 'linux'
      ? {
          fcntl: { arguments: ['i32', 'i32', 'i32'] as const, return: 'i32' as const },
          getrlimit: { arguments: ['i32', 'pointer'] as const, return: 'i32' as const },
          setrlimit: { arguments: ['i32', 'pointer'] as const, return: 'i32' as const },
          waitpid: { arguments: ['i32', 'pointer', 'i32'] as const, return: 'i32' as const },
          getsockopt: { arguments: ['i32', 'i32', 'i32', 'pointer', 'pointer'] as const, return: 'i32' as const },
          sigprocmask: { arguments: ['i32', 'pointer', 'pointer'] as const, return: 'i32' as const },
        }
      : {}),
    pipe: { arguments: ['pointer'], return: 'i32' },
    close: { arguments: ['i32'], return: 'i32' },
    flock: { arguments: ['i32', 'i32'], return: 'i32' },
    ioctl: { arguments: ['i32', 'u64'], return: 'i32' },
    signal: { arguments: ['i32', 'u64'], return: 'u64' },
  })
  if (process.platform !== 'linux') return functions as unknown as Functions
  return { ...(functions as unknown as Functions), memfd_create: loadMemfd(ffi), malloc_trim: loadTrim(ffi) }
}

function loadMemfd(ffi: typeof import('node:ffi')): Functions['memfd_create'] {
  const { functions } = ffi.dlopen(null, { memfd_create: { arguments: ['pointer', 'u32'], return: 'i32' } })
  return functions.memfd_create as unknown as Functions['memfd_create']
}

/** malloc_trim exists in glibc only. */
function loadTrim(ffi: typeof import('node:ffi')): Functions['malloc_trim'] {
  try {
    const { functions } = ffi.dlopen(null, { malloc_trim: { arguments: ['u64'], return: 'i32' } })
    return functions.malloc_trim as unknown as Functions['malloc_trim']
  } catch {
    return undefined
  }
}

type DenoFfi = { dlopen(path: string, symbols: object): { symbols: unknown } }

function loadDeno(): Functions {
  const deno = (globalThis as unknown as { Deno: DenoFfi }).Deno
  const library = process.platform === 'darwin' ? 'libSystem.dylib' : 'libc.so.6'
  return deno.dlopen(library, {
    ...(process.platform === 'linux'
      ? {
          memfd_create: { parameters: ['buffer', 'u32'], result: 'i32' },
          malloc_trim: { parameters: ['usize'], result: 'i32' },
          getrlimit: { parameters: ['i32', 'buffer'], result: 'i32' },
          setrlimit: { parameters: ['i32', 'buffer'], result: 'i32' },
          waitpid: { parameters: ['i32', 'buffer', 'i32'], result: 'i32' },
          getsockopt: { parameters: ['i32', 'i32', 'i32', 'buffer', 'buffer'], result: 'i32' },
        }
      : {}),
    close: { parameters: ['i32'], result: 'i32' },
    flock: { parameters: ['i32', 'i32'], result: 'i32' },
    ioctl: { parameters: ['i32', 'u64'], result: 'i32' },
    signal: { parameters: ['i32', 'u64'], result: 'u64' },
  }).symbols as Functions
}

/**
 * Opens a close-on-exec pipe: [read end, write end]. Undefined without foreign functions, or on Deno, whose file calls
 * reject foreign descriptors and whose children get real pipes anyway.
 */
export function openPipe(): [number, number] | undefined {
  const calls = functions()
  if (calls?.pipe === undefined) return undefined
  const fds = new Int32Array(2)
  if (calls.pipe(fds) !== 0) return undefined
  const [read, write] = fds as unknown as [number, number]
  // Fails above the user's pipe quota; the default size works too, only slower.
  calls.fcntl?.(read, F_SETPIPE_SZ, PIPE_BYTES)
  calls.ioctl(read, FIOCLEX)
  calls.ioctl(write, FIOCLEX)
  return [read, write]
}

/** Sets close-on-exec on a descriptor. Returns whether it succeeded. */
export function closeOnExec(fd: number): boolean {
  return functions()?.ioctl(fd, FIOCLEX) === 0
}

/** Sets close-on-exec on every descriptor above 2 that this process inherited. Linux only. */
export function closeInheritedOnExec(): void {
  if (process.platform !== 'linux') return
  for (const name of readdirSync('/proc/self/fd')) if (Number(name) > 2) closeOnExec(Number(name))
}

/** Opens a memfd (close-on-exec): works despite read-only and noexec mounts. Undefined where not available. */
export function openMemoryFile(name: string): number | undefined {
  const fd = functions()?.memfd_create?.(new TextEncoder().encode(`${name}\0`), MFD_CLOEXEC)
  return fd === undefined || fd < 0 ? undefined : fd
}

/** Closes a descriptor opened by an addon or the C library, which the runtime may not know. */
export function closeDescriptor(fd: number): void {
  const calls = functions()
  if (calls === null) closeSync(fd)
  else calls.close(fd)
}

/** flock operations, all with LOCK_NB. */
export const Lock = { Shared: 1 | 4, Exclusive: 2 | 4 } as const

/**
 * Takes a lock and returns whether it was acquired. True without foreign functions: other servers are then not
 * detected.
 */
export function lockFile(fd: number, lock: (typeof Lock)[keyof typeof Lock]): boolean {
  const calls = functions()
  return calls === null || calls.flock(fd, lock) === 0
}

/** Restores the default action of SIGPIPE: the runtime ignores it, and execve would pass that on. */
export function restoreSigpipe(): void {
  functions()?.signal(constants.signals.SIGPIPE, 0n)
}

const SIG_UNBLOCK = 1

/**
 * Unblocks SIGUSR1, on Linux. The executable runs with --disable-sigusr1, and the runtime then blocks the signal. Call
 * it only with a handler installed: otherwise the signal would end this process.
 */
export function unblockSigusr1(): void {
  const set = new BigUint64Array(16)
  set[0] = 1n << BigInt(constants.signals.SIGUSR1 - 1)
  functions()?.sigprocmask?.(SIG_UNBLOCK, set, new BigUint64Array(16))
}

/** The limits of a resource. Linux only; undefined elsewhere or on failure. */
export function getLimit(resource: number): { soft: bigint; hard: bigint } | undefined {
  const limit = new BigUint64Array(2)
  if (functions()?.getrlimit?.(resource, limit) !== 0) return undefined
  return { soft: limit[0] as bigint, hard: limit[1] as bigint }
}

/** Sets the limits of a resource. Returns whether it succeeded. */
export function setLimit(resource: number, { soft, hard }: { soft: bigint; hard: bigint }): boolean {
  return functions()?.setrlimit?.(resource, new BigUint64Array([soft, hard])) === 0
}

/**
 * The user id of a unix socket's peer, as of its connect (SO_PEERCRED). Linux only; undefined elsewhere or on failure.
 */
export function peerUser(fd: number): number | undefined {
  // pid, uid, gid
  const credentials = new Int32Array(3)
  const length = new Int32Array([credentials.byteLength])
  if (functions()?.getsockopt?.(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) !== 0) return undefined
  return (credentials[1] as number) >>> 0
}

/** Returns freed memory to the operating system, with glibc. */
export function mallocTrim(): void {
  functions()?.malloc_trim?.(0n)
}

/** waitpid: do not block. */
const WNOHANG = 1

/** Reaps a zombie child. Does nothing to a live one. */
export function reap(pid: number): void {
  functions()?.waitpid?.(pid, new Int32Array(1), WNOHANG)
}
