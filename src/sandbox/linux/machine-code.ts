/**
 * Small static programs in machine code, which need no file and start in a fraction of a millisecond. Each is a listing
 * of instructions for every architecture, followed by data, in one read-only segment.
 */
import type { Arch } from './system-calls.ts'

/** Per architecture: lines of machine code and its assembly, a comment after `;`. Offsets to labels are left out. */
export type Listings = Record<Arch, string>

/** Data behind the code. Only what an instruction names needs a label. */
export type ProgramData = readonly { label?: string; bytes: Uint8Array }[]

type Step = {
  /** Set if the line is a label and not an instruction. */
  label?: string
  /** x64: hex bytes, `..` for offset bytes. arm64: one 32-bit word. */
  code: string
  assembly: string
}

function steps(listing: string): Step[] {
  return listing
    .trim()
    .split('\n')
    .map((line) => {
      const text = (line.split(';', 1)[0] as string).trim()
      if (text.endsWith(':')) return { label: text.slice(0, -1), code: '', assembly: text }
      const [code, assembly] = text.split(/ {2,}/) as [string, string]
      return { code, assembly }
    })
}

/** Assembler source of a listing. */
export function assemblyOf(listings: Listings, arch: Arch): string {
  const lines = steps(listings[arch]).map(({ assembly }) => assembly)
  return [arch === 'x64' ? '.intel_syntax noprefix' : '', ...lines].join('\n')
}

const FILE_HEADER_BYTES = 64
const PROGRAM_HEADER_BYTES = 56
/** Offset of the code in bytes, in the file and in memory. */
export const CODE_OFFSET = FILE_HEADER_BYTES + 2 * PROGRAM_HEADER_BYTES

/** Above every system's vm.mmap_min_addr. The code itself is position-independent. */
const ADDRESS = 0x40_0000
/** The largest page size of arm64, 64 KiB. */
const ALIGNMENT = 0x1_0000

const MACHINE = { x64: 62, arm64: 183 } as const

/**
 * A static ELF executable without sections or writable segments. `data` gets the address of the data, of which each
 * piece begins at a multiple of `alignment`.
 */
export function programImage(
  listings: Listings,
  arch: Arch,
  data: (address: number) => ProgramData,
  alignment = 1,
): Uint8Array {
  const listing = steps(listings[arch])
  const start = align(
    listing.reduce((sum, step) => sum + bytesIn(step), 0),
    alignment,
  )
  return wrap(link(arch, listing, start, data(ADDRESS + CODE_OFFSET + start), alignment), MACHINE[arch])
}

const bytesIn = ({ code }: Step): number => code.replaceAll(' ', '').length / 2

/** The next multiple of an alignment. */
export const align = (size: number, alignment: number): number => Math.ceil(size / alignment) * alignment

function wrap(code: Uint8Array, machine: number): Uint8Array {
  const image = new Uint8Array(CODE_OFFSET + code.length)
  image.set(code, CODE_OFFSET)
  const view = new DataView(image.buffer)
  // The magic, 64 bits, little endian, version 1.
  image.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  view.setUint16(16, 2, true) // e_type: ET_EXEC
  view.setUint16(18, machine, true) // e_machine
  view.setUint32(20, 1, true) // e_version
  view.setBigUint64(24, BigInt(ADDRESS + CODE_OFFSET), true) // e_entry
  view.setBigUint64(32, BigInt(FILE_HEADER_BYTES), true) // e_phoff
  view.setUint16(52, FILE_HEADER_BYTES, true) // e_ehsize
  view.setUint16(54, PROGRAM_HEADER_BYTES, true) // e_phentsize
  view.setUint16(56, 2, true) // e_phnum
  const writeSegment = (
    index: number,
    type: number,
    flags: number,
    address: number,
    bytes: number,
    alignment: number,
  ): void => {
    const at = FILE_HEADER_BYTES + index * PROGRAM_HEADER_BYTES
    view.setUint32(at, type, true) // p_type
    view.setUint32(at + 4, flags, true) // p_flags; p_offset is 0
    view.setBigUint64(at + 16, BigInt(address), true) // p_vaddr
    view.setBigUint64(at + 24, BigInt(address), true) // p_paddr
    view.setBigUint64(at + 32, BigInt(bytes), true) // p_filesz
    view.setBigUint64(at + 40, BigInt(bytes), true) // p_memsz
    view.setBigUint64(at + 48, BigInt(alignment), true) // p_align
  }
  // PT_LOAD, readable and executable: the whole file.
  writeSegment(0, 1, 5, ADDRESS, image.length, ALIGNMENT)
  // PT_GNU_STACK, readable and writable: without this header the stack would be executable.
  writeSegment(1, 0x6474_e551, 6, 0, 0, 16)
  return image
}

/** The code with its offsets filled in, followed at `start` by the data. */
function link(arch: Arch, listing: readonly Step[], start: number, data: ProgramData, alignment: number): Uint8Array {
  const instructions: (Step & { at: number; bytes: number })[] = []
  const places = new Map<string, number>()
  let end = 0
  for (const step of listing) {
    if (step.label !== undefined) places.set(step.label, end)
    else {
      instructions.push({ ...step, at: end, bytes: bytesIn(step) })
      end += bytesIn(step)
    }
  }
  end = start
  const pieces = data.map(({ label, bytes }) => {
    const at = end
    if (label !== undefined) places.set(label, at)
    end += align(bytes.length, alignment)
    return { at, bytes }
  })
  const program = new Uint8Array(end)
  for (const { at, bytes, ...step } of instructions) {
    // The label is the last operand; x64 puts addresses in brackets.
    const target = places.get(/\w+(?=\]?$)/.exec(step.assembly)?.[0] ?? '')
    if (arch === 'x64') writeX64(program, at, bytes, step.code, target)
    else writeArm64(program, at, step.code, target)
  }
  for (const { at, bytes } of pieces) program.set(bytes, at)
  return program
}

/** An x64 offset is the last 8 or 32 bits of an instruction, relative to the next instruction. */
function writeX64(to: Uint8Array, at: number, bytes: number, code: string, target: number | undefined): void {
  to.set(Uint8Array.fromHex(code.replaceAll('..', '00').replaceAll(' ', '')), at)
  const open = code.split('..').length - 1
  if (open > 0 !== (target !== undefined)) throw new Error(`a label and a distance do not go together: ${code}`)
  if (target === undefined) return
  const view = new DataView(to.buffer)
  const distance = target - (at + bytes)
  if (open === 4) view.setInt32(at + bytes - 4, distance, true)
  else if (distance >= -128 && distance <= 127) view.setInt8(at + bytes - 1, distance)
  else throw new Error(`too far for one byte: ${code}`)
}

/**
 * An arm64 offset is relative to the instruction itself. Branches count 4-byte words; ADR counts bytes and encodes the
 * two lowest bits apart.
 */
function writeArm64(to: Uint8Array, at: number, code: string, target: number | undefined): void {
  const word = parseInt(code, 16)
  const distance = target === undefined ? undefined : target - at
  new DataView(to.buffer).setUint32(at, (word | distanceBits(word, distance)) >>> 0, true)
}

function distanceBits(word: number, distance: number | undefined): number {
  const isConditional = (word & 0xff00_0010) >>> 0 === 0x5400_0000 || (word & 0x7e00_0000) === 0x3400_0000
  const isJump = (word & 0x7c00_0000) === 0x1400_0000
  const isAddress = (word & 0x9f00_0000) === 0x1000_0000
  if ((isConditional || isJump || isAddress) !== (distance !== undefined)) {
    throw new Error(`a label and a distance do not go together: ${word.toString(16)}`)
  }
  if (distance === undefined) return 0
  if (isAddress) return ((distance & 3) << 29) | (((distance >> 2) & 0x7_ffff) << 5)
  return isJump ? (distance >> 2) & 0x3ff_ffff : ((distance >> 2) & 0x7_ffff) << 5
}
