/**
 * Resolves and checks an executable before it is started. A failed exec inside a new terminal looks like a program that
 * printed an error and exited, and the C library runs files of unknown format with a shell. So missing programs,
 * directories, bad formats and missing permissions are detected here, for pipes and terminals alike.
 */
import { accessSync, closeSync, constants, openSync, readFileSync, readdirSync, readSync, statSync } from 'node:fs'
import process from 'node:process'
import { internalError } from '../../protocol/wire/errors.ts'
import type { SpawnSpec } from '../../core/base/host.ts'
import { errorCode } from '../../base/os-error-text.ts'
import { getLimit } from '../ffi/libc.ts'
import { directoryFailure, programFailure, searchFailure } from './start-failure.ts'

/** The C library's search path for a bare name if the child has no PATH. */
const DEFAULT_PATH = '/bin:/usr/bin'

/** The kernel's limit on nested interpreters. */
const MAX_INTERPRETERS = 4

/** The number of bytes that the kernel reads of a script's first line. */
const SCRIPT_HEAD_BYTES = 256

/** Linux's limit on one argument or variable, in bytes, including the final NUL: 32 pages. */
const MAX_STRING_BYTES = 131_072

/** An executable, as it was resolved. */
export type Program = {
  /**
   * What to pass to exec: a name with a slash unchanged, relative to the child's directory; a bare name as found on
   * PATH.
   */
  file: string
  /** Its absolute path. */
  path: string
}

class ExecError extends Error {
  readonly code: string
  /** The interpreter that the error is about, if it is not the program. */
  readonly interpreter: string | undefined

  constructor(code: string, interpreter?: string) {
    super(code)
    this.code = code
    this.interpreter = interpreter
  }
}

/**
 * Resolves argv[0] as exec would, in the child's directory and PATH.
 * @throws what exec would fail with, as an error with an errno name in `code`, in words; RpcError for invalid arguments
 */
export function resolveExecutable(spec: SpawnSpec): Program {
  validateSpawn(spec)
  const { argv, cwd, env } = spec
  const name = argv[0] as string
  if (name.includes('/')) {
    const path = name.startsWith('/') ? name : `${cwd}/${name}`
    explainProgram(path, () => checkExecutable(path, 0))
    return { file: name, path }
  }
  const path = searchPath(name, env.get('PATH') ?? DEFAULT_PATH, cwd)
  return { file: path, path }
}

/**
 * The checks that need no look at the program.
 * @throws RpcError (internal) for an empty argv[0] or a NUL byte; an errno error for a bad working directory
 */
export function validateSpawn({ argv, arg0, cwd, env }: SpawnSpec): void {
  if (argv[0] === '') throw internalError('missing program: argv[0] is empty')
  for (const text of [...argv, arg0 ?? '', ...env.keys(), ...env.values()]) {
    if (text.includes('\0')) throw internalError('NUL byte in an argument or environment variable')
  }
  checkDirectory(cwd)
}

/** Every path that exec would try for a name; relative ones stay relative. */
export function programCandidates(name: string, env: ReadonlyMap<string, string>): string[] {
  if (name.includes('/')) return [name]
  const directories = (env.get('PATH') ?? DEFAULT_PATH).split(':')
  return directories.map((directory) => `${directory === '' ? '.' : directory}/${name}`)
}

function checkDirectory(cwd: string): void {
  try {
    if (!statSync(cwd).isDirectory()) throw new ExecError('ENOTDIR')
    accessSync(cwd, constants.X_OK)
  } catch (error) {
    const code = errorCode(error)
    throw code === undefined ? error : directoryFailure(code, cwd)
  }
}

/** Runs a check of a program, and puts its failure in words. */
function explainProgram(path: string, check: () => void): void {
  try {
    check()
  } catch (error) {
    const code = errorCode(error)
    throw code === undefined ? error : programFailure(code, path, interpreterOf(error))
  }
}

const interpreterOf = (error: unknown): string | undefined =>
  error instanceof ExecError ? error.interpreter : undefined

/** Like execvp: EACCES is remembered and the search goes on; the first executable file wins. */
function searchPath(name: string, search: string, cwd: string): string {
  let denied = false
  for (const directory of search.split(':')) {
    const base = directory === '' ? cwd : directory.startsWith('/') ? directory : `${cwd}/${directory}`
    const path = `${base}/${name}`
    try {
      checkExecutable(path, 0)
      return path
    } catch (error) {
      const code = errorCode(error)
      if (code === 'EACCES') denied = true
      else if (code === undefined) throw error
      else if ((code !== 'ENOENT' && code !== 'ENOTDIR') || exists(path))
        throw programFailure(code, path, interpreterOf(error))
    }
  }
  throw searchFailure(denied ? 'EACCES' : 'ENOENT', name, search)
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

function checkExecutable(path: string, depth: number): void {
  const stat = statSync(path)
  if (!stat.isFile()) throw new ExecError('EACCES')
  accessSync(path, constants.X_OK)
  const head = readHead(path)
  // Executable but not readable: the kernel decides.
  if (head === undefined) return
  if (head[0] === 0x23 && head[1] === 0x21) return checkInterpreter(head, depth)
  if (!isNative(head) && !isRegisteredFormat(head, path)) throw new ExecError('ENOEXEC')
}

function readHead(path: string): Uint8Array | undefined {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch {
    return undefined
  }
  try {
    const head = new Uint8Array(SCRIPT_HEAD_BYTES)
    return head.subarray(0, readSync(fd, head))
  } finally {
    closeSync(fd)
  }
}

function checkInterpreter(head: Uint8Array, depth: number): void {
  const line = new TextDecoder().decode(head.subarray(2)).split('\n', 1)[0] as string
  const interpreter = line.trim().split(/[ \t]/, 1)[0] as string
  if (interpreter === '') throw new ExecError('ENOEXEC')
  if (depth >= MAX_INTERPRETERS) throw new ExecError('ELOOP')
  // A relative interpreter is left to the kernel; none is seen in practice.
  if (!interpreter.startsWith('/')) return
  try {
    checkExecutable(interpreter, depth + 1)
  } catch (error) {
    const code = errorCode(error)
    throw code === undefined ? error : new ExecError(code, interpreterOf(error) ?? interpreter)
  }
}

/** ELF machine numbers that this processor runs natively: its own and that of its 32-bit predecessor. */
const NATIVE_MACHINES: Record<string, readonly number[]> = { x64: [62, 3], arm64: [183, 40] }

function isNative(head: Uint8Array): boolean {
  if (process.platform === 'darwin') return isMachO(head)
  const isElf = head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46
  if (!isElf || head.length < 52) return false
  const machine = (head[18] as number) | ((head[19] as number) << 8)
  return NATIVE_MACHINES[process.arch]?.includes(machine) ?? true
}

function isMachO(head: Uint8Array): boolean {
  const magic = head.length < 4 ? 0 : new DataView(head.buffer, head.byteOffset).getUint32(0)
  return [0xcffaedfe, 0xcefaedfe, 0xcafebabe, 0xcafebabf].includes(magic)
}

const BINFMT = '/proc/sys/fs/binfmt_misc'

/** Formats registered with binfmt_misc, such as another processor's programs through an emulator. */
function isRegisteredFormat(head: Uint8Array, path: string): boolean {
  try {
    return readdirSync(BINFMT).some(
      (name) =>
        name !== 'register' &&
        name !== 'status' &&
        matchesFormat(readFileSync(`${BINFMT}/${name}`, 'latin1'), head, path),
    )
  } catch {
    return false
  }
}

function matchesFormat(entry: string, head: Uint8Array, path: string): boolean {
  if (!entry.startsWith('enabled')) return false
  const field = (name: string): string | undefined => new RegExp(`^${name} (.+)$`, 'm').exec(entry)?.[1]
  const extension = field('extension')
  if (extension !== undefined) return path.endsWith(extension)
  const magic = Buffer.from(field('magic') ?? '', 'hex')
  const mask = Buffer.from(field('mask') ?? 'ff'.repeat(magic.length), 'hex')
  const offset = Number(field('offset') ?? 0)
  return (
    magic.length > 0 &&
    magic.every((byte, index) => (((head[offset + index] ?? 0) ^ byte) & (mask[index] ?? 0xff)) === 0)
  )
}

/**
 * Checks the size of arguments and environment, for starts that could not report E2BIG.
 * @throws an error with code E2BIG where exec would fail with it
 */
export function checkSize(argv: readonly string[], env: ReadonlyMap<string, string>): void {
  const strings = [...argv, ...Array.from(env, ([name, value]) => `${name}=${value}`)]
  let total = 0
  for (const text of strings) {
    const bytes = Buffer.byteLength(text) + 1
    if (process.platform === 'linux' && bytes > MAX_STRING_BYTES) throw new ExecError('E2BIG')
    total += bytes + 8
  }
  if (total > argumentSpace()) throw new ExecError('E2BIG')
}

const RLIMIT_STACK = 3
/** Where the limit is not known. */
const USUAL_STACK_BYTES = 8n * 1024n * 1024n

let space: number | undefined

/** ARG_MAX in bytes. Linux: a quarter of the stack limit, at most 6 MiB, at least 128 KiB. macOS: 1 MiB. */
function argumentSpace(): number {
  if (process.platform !== 'linux') return 1024 * 1024
  space ??= Math.max(MAX_STRING_BYTES, Math.min(stackLimit() / 4, 6 * 1024 * 1024))
  return space
}

function stackLimit(): number {
  const soft = getLimit(RLIMIT_STACK)?.soft ?? USUAL_STACK_BYTES
  return soft > Number.MAX_SAFE_INTEGER ? Infinity : Number(soft)
}
