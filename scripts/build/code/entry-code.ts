/**
 * What the executable does on Linux before the runtime: the runtime discards at its start what it was started with, and
 * is steered by variables that are meant for the commands. `src/base/own-process.ts` is the other half.
 *
 * - The first letter of each variable NODE_… and OPENSSL_… becomes the byte 1. An OPENSSL_CONF that does not fit, or a
 *   NODE_REPL_EXTERNAL_MODULE, would end the runtime before any script runs.
 * - So does the first letter of each argument --env-fi… and --experi…: the runtime looks for --env-file and for
 *   --experimental-config-file among all arguments, also among those of a command (`run docker compose --env-file x`).
 * - An ignored SIGHUP gets a handler that does nothing: the runtime resets ignored signals, but leaves handlers.
 * - `setrlimit` always fails: the runtime calls it only to raise the soft limit of open files, and then it cannot be
 *   known any more what the limit was.
 * - Where V8 would end with a dump of its state, there is one line and exit code 1: too little address space, or memory
 *   that must not become executable.
 */
import { PF_EXECUTE } from '../elf.ts'
import type { Elf } from '../elf.ts'
import { ARM64, X64 } from './entry-listings.ts'
import { assemblySource, machineCode } from './machine-code.ts'

const LISTINGS = { x64: X64, arm64: ARM64 }

/** Bytes of the jump instruction of x64, to whose end its distance is relative. */
const X64_JUMP_BYTES = 5
/** A branch of arm64 reaches as far as this, in bytes. */
const ARM64_REACH = 128 * 1024 * 1024

const ENTRY_FIELD = 24

/** The code without the distance to the runtime's own entry. */
export const entryCode = (arch: 'x64' | 'arm64'): Buffer => machineCode(arch, LISTINGS[arch]).bytes

/** Assembler source of the same code, so that a test can check the bytes. */
export const entryAssembly = (arch: 'x64' | 'arm64'): string => assemblySource(arch, LISTINGS[arch])

/**
 * Makes the code the entry of a runtime, before the runtime's own.
 * @throws Error if the file has no room
 */
export function addEntryCode(elf: Elf): void {
  const segment = elf.loads().find(({ flags }) => (flags & PF_EXECUTE) !== 0)
  if (segment === undefined) throw new Error('no segment of code')
  const { bytes, labels } = machineCode(elf.arch, LISTINGS[elf.arch])
  const runtime = Number(elf.bytes.readBigUInt64LE(ENTRY_FIELD))
  const address = elf.append(segment, bytes)
  const addressOf = (label: string): number => address + (labels.get(label) as number)
  const jump = addressOf('runtime')
  writeJump(elf, segment.offset + jump - segment.address, runtime - jump)
  elf.bytes.writeBigUInt64LE(BigInt(addressOf('entry')), ENTRY_FIELD)
  for (const symbol of elf.undefinedSymbols().filter(({ name }) => /^setrlimit(?:64)?$/.test(name))) {
    elf.define(symbol, addressOf('setrlimit'))
  }
}

function writeJump({ arch, bytes }: Elf, at: number, distance: number): void {
  if (arch === 'x64') bytes.writeInt32LE(distance - X64_JUMP_BYTES, at + 1)
  else if (Math.abs(distance) >= ARM64_REACH) throw new Error("the runtime's entry is too far away")
  else bytes.writeUInt32LE((bytes.readUInt32LE(at) | ((distance >> 2) & 0x3ff_ffff)) >>> 0, at)
}
