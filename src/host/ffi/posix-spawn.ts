/**
 * Starts processes with posix_spawn. The runtime forks: that copies the page tables of this process, stops its event
 * loop for some milliseconds, and makes each page fault once more that is written afterwards.
 */
import { Buffer } from 'node:buffer'
import { constants as fileConstants } from 'node:fs'
import { constants } from 'node:os'
import { getSystemErrorName } from 'node:util'
import { closeDescriptor, duplicateAbove, terminated } from './libc.ts'
import { functions } from './functions.ts'
import { addressOf } from './library.ts'
import type { Functions } from './symbols.ts'

/** A program to start. */
export type SpawnedProgram = {
  /** An absolute path, or one with a slash that is relative to `cwd`. */
  file: string
  argv: readonly string[]
  env: readonly (readonly [name: string, value: string])[]
  cwd: string
  /** The child's descriptors from 0 on. A path is opened for reading and writing: a terminal, or /dev/null. */
  stdio: readonly (number | string)[]
  /** In a session of its own. It then gets a terminal in `stdio` as its controlling one. */
  newSession: boolean
}

/** The functions that it takes. */
export type SpawnCalls = Required<
  Pick<Functions, Extract<keyof Functions, `posix_spawn${string}`> | 'waitid' | 'waitpid' | 'fcntl' | 'close'>
>

const NAMES: readonly (keyof SpawnCalls)[] = [
  'posix_spawn',
  'posix_spawn_file_actions_init',
  'posix_spawn_file_actions_adddup2',
  'posix_spawn_file_actions_addopen',
  'posix_spawn_file_actions_addchdir_np',
  'posix_spawn_file_actions_destroy',
  'posix_spawnattr_init',
  'posix_spawnattr_setflags',
  'posix_spawnattr_setsigmask',
  'posix_spawnattr_setsigdefault',
  'waitid',
  'waitpid',
  'fcntl',
  'close',
]

/** The functions, if all of them are there. Looked up once. */
export function spawnCalls(): SpawnCalls | undefined {
  if (known === null) known = findCalls(functions())
  return known
}

/** `null`: not looked up yet. */
let known: SpawnCalls | undefined | null = null

function findCalls(calls: Functions): SpawnCalls | undefined {
  const hasAll = (found: Functions): found is Functions & SpawnCalls => NAMES.every((name) => found[name] !== undefined)
  return addressOf(new Uint8Array(8)) !== undefined && hasAll(calls) ? calls : undefined
}

/** More than glibc's and musl's posix_spawn_file_actions_t (80 bytes) and posix_spawnattr_t (336). */
const STRUCTURE_BYTES = 1024
/** sigset_t. */
const SIGNAL_WORDS = 16

const POSIX_SPAWN_SETSIGDEF = 0x04
const POSIX_SPAWN_SETSIGMASK = 0x08
const POSIX_SPAWN_SETSID = 0x80

/**
 * All but the real-time ones, and those that cannot be caught: the runtime ignores SIGPIPE, which a child would
 * inherit. 32 and 33 are glibc's own, which it would leave ignored.
 */
const DEFAULT_SIGNALS = Array.from({ length: 33 }, (_, index) => index + 1)
  .filter((signal) => signal !== constants.signals.SIGKILL && signal !== constants.signals.SIGSTOP)
  .reduce((set, signal) => set | (1n << BigInt(signal - 1)), 0n)

/**
 * Starts a program and returns its pid. Its signals have their default actions, and none is blocked.
 * @throws an error with an errno name in `code`
 */
export function posixSpawn(program: SpawnedProgram, calls: SpawnCalls): number {
  const { file, stdio, cwd, newSession } = program
  const actions = new Uint8Array(STRUCTURE_BYTES)
  const attributes = new Uint8Array(STRUCTURE_BYTES)
  const flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | (newSession ? POSIX_SPAWN_SETSID : 0)
  // Each says what is wrong by the number of an error.
  const check = (error: number): void => {
    if (error !== 0) throw spawnError(getSystemErrorName(-error), file)
  }
  check(calls.posix_spawnattr_init(attributes))
  check(calls.posix_spawnattr_setflags(attributes, flags))
  check(calls.posix_spawnattr_setsigmask(attributes, new BigUint64Array(SIGNAL_WORDS)))
  check(calls.posix_spawnattr_setsigdefault(attributes, new BigUint64Array(SIGNAL_WORDS).with(0, DEFAULT_SIGNALS)))
  check(calls.posix_spawn_file_actions_init(actions))
  const copies: number[] = []
  try {
    check(calls.posix_spawn_file_actions_addchdir_np(actions, terminated(cwd)))
    stdio.forEach((source, fd) => {
      if (typeof source === 'string') {
        check(calls.posix_spawn_file_actions_addopen(actions, fd, terminated(source), fileConstants.O_RDWR, 0))
        return
      }
      // Otherwise an earlier descriptor of the child could have replaced it by then.
      const from = source >= stdio.length ? source : duplicateAbove(source, stdio.length)
      if (from === undefined) throw spawnError('EMFILE', file)
      if (from !== source) copies.push(from)
      check(calls.posix_spawn_file_actions_adddup2(actions, from, fd))
    })
    const { block, path, argv, envp } = layOut(program)
    check(calls.posix_spawn(block, path, actions, attributes, argv, envp))
    return block.readInt32LE(0)
  } finally {
    calls.posix_spawn_file_actions_destroy(actions)
    for (const fd of copies) closeDescriptor(fd)
  }
}

const POINTER_BYTES = 8

/** What the call points to, in one block that holds it in memory: the pid, the pointers, and the strings. */
function layOut({ file, argv, env }: SpawnedProgram): { block: Buffer; path: bigint; argv: bigint; envp: bigint } {
  const strings = [file, ...argv, ...env.map(([name, value]) => `${name}=${value}`)]
  const pointers = 1 + argv.length + 1 + env.length + 1
  const bytes = strings.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0)
  const block = Buffer.alloc((1 + pointers) * POINTER_BYTES + bytes)
  const base = addressOf(block) ?? 0n
  let at = (1 + pointers) * POINTER_BYTES
  const addresses = strings.map((text) => {
    const address = base + BigInt(at)
    at += block.write(text, at) + 1
    return address
  })
  const [path = 0n, ...rest] = addresses
  const table = [...rest.slice(0, argv.length), 0n, ...rest.slice(argv.length), 0n]
  table.forEach((address, index) => block.writeBigUInt64LE(address, (1 + index) * POINTER_BYTES))
  const argvAt = base + BigInt(POINTER_BYTES)
  return { block, path, argv: argvAt, envp: argvAt + BigInt((argv.length + 1) * POINTER_BYTES) }
}

const spawnError = (code: string, file: string): Error =>
  Object.assign(new Error(`spawn ${file} ${code}`), { code, syscall: `spawn ${file}`, path: file })
