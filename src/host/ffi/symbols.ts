/**
 * The functions of the C library that this program calls, each looked up by itself: one that is missing takes only what
 * depends on it.
 */
import process from 'node:process'
import { isDeno } from '../../base/runtime.ts'
import type { Internal } from '../node-internals.ts'

/** The functions. Each is optional: callers fall back or, where it guards something, refuse. */
export type Functions = {
  pipe?: (fds: Int32Array) => number
  ioctl?: (fd: number, request: bigint) => number
  fcntl?: (fd: number, command: number, argument: number) => number
  memfd_create?: (name: Uint8Array, flags: number) => number
  close?: (fd: number) => number
  flock?: (fd: number, operation: number) => number
  signal?: (signal: number, handler: bigint) => unknown
  getrlimit?: (resource: number, limit: BigUint64Array) => number
  setrlimit?: (resource: number, limit: BigUint64Array) => number
  prlimit?: (pid: number, resource: number, limit: BigUint64Array, before: BigUint64Array) => number
  syscall?: (number: bigint, first: bigint, second: bigint, third: bigint) => number
  waitpid?: (pid: number, status: Int32Array, options: number) => number
  sigprocmask?: (how: number, set: BigUint64Array, before: BigUint64Array) => number
  malloc_trim?: (keep: bigint) => number
  mallopt?: (option: number, value: number) => number
  getsockopt?: (fd: number, level: number, option: number, value: Int32Array, length: Int32Array) => number
  socket?: (domain: number, type: number, protocol: number) => number
  send?: (fd: number, bytes: Uint8Array, length: bigint, flags: number) => number
  recv?: (fd: number, bytes: Uint8Array, length: bigint, flags: number) => number
  getenv?: (name: Uint8Array) => bigint
  strlen?: (text: bigint) => bigint
  memset?: (at: bigint, byte: number, length: bigint) => bigint
  lseek?: (fd: number, offset: bigint, whence: number) => bigint
  syncfs?: (fd: number) => number
  sync_file_range?: (fd: number, offset: bigint, length: bigint, flags: number) => number
  utimensat?: (directory: number, path: Uint8Array, times: BigInt64Array, flags: number) => number
  mkfifo?: (path: Uint8Array, mode: number) => number
  fallocate?: (fd: number, mode: number, offset: bigint, length: bigint) => number
  waitid?: (type: number, id: number, info: Int32Array, options: number) => number
  posix_spawn?: (
    pid: Uint8Array,
    path: bigint,
    actions: Uint8Array,
    attributes: Uint8Array,
    argv: bigint,
    envp: bigint,
  ) => number
  posix_spawn_file_actions_init?: (actions: Uint8Array) => number
  posix_spawn_file_actions_adddup2?: (actions: Uint8Array, from: number, to: number) => number
  posix_spawn_file_actions_addopen?: (
    actions: Uint8Array,
    fd: number,
    path: Uint8Array,
    flags: number,
    mode: number,
  ) => number
  posix_spawn_file_actions_addchdir_np?: (actions: Uint8Array, path: Uint8Array) => number
  posix_spawn_file_actions_destroy?: (actions: Uint8Array) => number
  posix_spawnattr_init?: (attributes: Uint8Array) => number
  posix_spawnattr_setflags?: (attributes: Uint8Array, flags: number) => number
  posix_spawnattr_setsigmask?: (attributes: Uint8Array, signals: BigUint64Array) => number
  posix_spawnattr_setsigdefault?: (attributes: Uint8Array, signals: BigUint64Array) => number
  /** simdutf::binary_to_base64 of Node, which exports it to addons. */
  _ZN7simdutf16binary_to_base64EPKcmPcNS_14base64_optionsE?: (
    bytes: Uint8Array,
    length: bigint,
    target: Uint8Array,
    options: bigint,
  ) => bigint
}

/** Types of C, by Node's names. */
export type CType = 'i32' | 'u32' | 'u64' | 'i64' | 'pointer'

/** The type of a function. */
export type Signature = { arguments: CType[]; return: CType }

/** Looks up one function. Undefined, or an exception, if the library does not have it. */
export type Lookup = (name: string, signature: Signature) => unknown

type Entry = Signature & {
  /** Where it is used, if not everywhere. Deno's file calls reject foreign descriptors; signals it passes on itself. */
  only?: 'linux' | 'node' | 'linux node'
  /** What is lost without it; absent if it is only faster or smaller with it. */
  lost?: string
}

const SECRETS_STAY = 'a secret in a variable of this server stays readable in /proc/PID/environ for its user'
const UNTAGGED = 'processes that leave their group may be left behind, above all if this server is killed'

const SYMBOLS: Readonly<Record<keyof Functions, Entry>> = {
  pipe: {
    ...takes('pointer'),
    lost: 'commands cannot reopen their output by name (/dev/stderr), and most sandboxes are refused: their mounts could not be verified',
  },
  ioctl: {
    ...takes('i32', 'u64'),
    lost: 'commands inherit descriptors, and cannot reopen their output by name (/dev/stderr)',
  },
  fcntl: { ...takes('i32', 'i32', 'i32'), only: 'linux' },
  memfd_create: {
    ...takes('pointer', 'u32'),
    only: 'linux',
    lost: 'sandboxes and terminals need a temporary directory that can be written',
  },
  close: { ...takes('i32'), lost: 'descriptors of terminals may stay open' },
  flock: {
    ...takes('i32', 'i32'),
    only: 'linux',
    lost: 'sandboxes that keep a path from being created are refused, as other servers cannot be told of it',
  },
  signal: {
    ...takes('i32', 'u64'),
    return: 'u64',
    lost: 'on a terminal, commands with an argv[0] of their own ignore SIGPIPE',
  },
  getrlimit: { ...takes('i32', 'pointer'), only: 'linux', lost: UNTAGGED },
  setrlimit: { ...takes('i32', 'pointer'), only: 'linux', lost: UNTAGGED },
  prlimit: { ...takes('i32', 'i32', 'pointer', 'pointer'), only: 'linux' },
  syscall: { ...takes('u64', 'u64', 'u64', 'u64'), only: 'linux' },
  waitpid: {
    ...takes('i32', 'pointer', 'i32'),
    only: 'linux',
    lost: 'as PID 1, this server leaves zombies of processes whose parents have exited',
  },
  sigprocmask: {
    ...takes('i32', 'pointer', 'pointer'),
    only: 'linux node',
    lost: '`exec-server run` does not pass SIGUSR1 on',
  },
  // glibc only.
  malloc_trim: { ...takes('u64'), only: 'linux' },
  mallopt: { ...takes('i32', 'i32'), only: 'linux' },
  getsockopt: {
    ...takes('i32', 'i32', 'i32', 'pointer', 'pointer'),
    only: 'linux',
    lost: 'a unix socket refuses every client, as its user is not known',
  },
  getenv: { ...takes('pointer'), return: 'u64', lost: SECRETS_STAY },
  strlen: { ...takes('u64'), return: 'u64', lost: SECRETS_STAY },
  memset: { ...takes('u64', 'i32', 'u64'), return: 'u64', lost: SECRETS_STAY },
  // Without these, /proc/net/tcp is read.
  socket: { ...takes('i32', 'i32', 'i32'), only: 'linux' },
  send: { ...takes('i32', 'pointer', 'u64', 'i32'), only: 'linux' },
  recv: { ...takes('i32', 'pointer', 'u64', 'i32'), only: 'linux' },
  // Of `cp`. Without them: holes are read, each file is synced, times are set to the microsecond, FIFOs are left out.
  lseek: { ...takes('i32', 'i64', 'i32'), return: 'i64', only: 'linux node' },
  syncfs: { ...takes('i32'), only: 'linux node' },
  sync_file_range: { ...takes('i32', 'i64', 'i64', 'u32'), only: 'linux node' },
  utimensat: { ...takes('i32', 'pointer', 'pointer', 'i32') },
  mkfifo: { ...takes('pointer', 'u32') },
  fallocate: { ...takes('i32', 'i32', 'i64', 'i64'), only: 'linux node' },
  // Without one of these the runtime starts processes: see posix-spawn.ts.
  waitid: { ...takes('i32', 'u32', 'pointer', 'i32'), only: 'linux node' },
  posix_spawn: { ...takes('pointer', 'u64', 'pointer', 'pointer', 'u64', 'u64'), only: 'linux node' },
  posix_spawn_file_actions_init: { ...takes('pointer'), only: 'linux node' },
  posix_spawn_file_actions_adddup2: { ...takes('pointer', 'i32', 'i32'), only: 'linux node' },
  posix_spawn_file_actions_addopen: { ...takes('pointer', 'i32', 'pointer', 'i32', 'u32'), only: 'linux node' },
  // glibc 2.29.
  posix_spawn_file_actions_addchdir_np: { ...takes('pointer', 'pointer'), only: 'linux node' },
  posix_spawn_file_actions_destroy: { ...takes('pointer'), only: 'linux node' },
  posix_spawnattr_init: { ...takes('pointer'), only: 'linux node' },
  posix_spawnattr_setflags: { ...takes('pointer', 'i32'), only: 'linux node' },
  posix_spawnattr_setsigmask: { ...takes('pointer', 'pointer'), only: 'linux node' },
  posix_spawnattr_setsigdefault: { ...takes('pointer', 'pointer'), only: 'linux node' },
  // Without it, base64 takes longer: see base64.ts.
  _ZN7simdutf16binary_to_base64EPKcmPcNS_14base64_optionsE: {
    ...takes('pointer', 'u64', 'pointer', 'u64'),
    return: 'u64',
    only: 'node',
  },
}

function takes(...types: CType[]): Signature {
  return { arguments: types, return: 'i32' }
}

/**
 * The functions that are used here. Each is looked up when it is first asked for, as that takes half a millisecond, and
 * most programs need a few.
 */
export function resolveSymbols(lookup: Lookup): Functions {
  const functions: Functions = {}
  for (const [name, { arguments: types, return: result }] of used())
    Object.defineProperty(functions, name, {
      enumerable: true,
      configurable: true,
      get: () => {
        const value = orUndefined(() => lookup(name, { arguments: types, return: result }))
        Object.defineProperty(functions, name, { enumerable: true, value })
        return value
      },
    })
  return functions
}

/** What is missing is left out: see {@link checkSymbols}. */
function orUndefined(find: () => unknown): unknown {
  try {
    return find() ?? undefined
  } catch {
    return undefined
  }
}

/** Tells of each function with consequences whether it was found. */
export function checkSymbols(functions: Functions): Internal[] {
  return used().flatMap(([name, { lost }]) =>
    lost === undefined ? [] : [{ name: `libc ${name}`, isPresent: functions[name] !== undefined, lost }],
  )
}

function used(): [keyof Functions, Entry][] {
  const all = Object.entries(SYMBOLS) as [keyof Functions, Entry][]
  return all.filter(([, { only = '' }]) => {
    if (only.includes('linux') && process.platform !== 'linux') return false
    return !(only.includes('node') && isDeno)
  })
}
