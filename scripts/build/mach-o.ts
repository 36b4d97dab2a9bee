/** Reads the load commands of 64-bit Mach-O files, the executables of macOS. */

/** One load command. `at`: its offset in the file. */
export type LoadCommand = { at: number; type: number; bytes: number }

/** A segment's load command. */
export type MachSegment = { at: number; name: string; offset: number; fileBytes: number }

export const LC = { segment: 0x19, codeSignature: 0x1d } as const
/** Offsets of fields in a segment's load command. */
export const SEGMENT_FIELD = { memoryBytes: 32, offset: 40, fileBytes: 48 } as const

const MAGIC = 0xfeed_facf
const CPU_ARM64 = 0x0100_000c
const HEADER_BYTES = 32
const SEGMENT_BYTES = 72
const SECTION_BYTES = 80

/** A Mach-O file for one architecture. */
export class MachO {
  readonly bytes: Buffer

  /** @throws Error if it is not one, or holds several architectures */
  constructor(bytes: Buffer) {
    this.bytes = bytes
    if (bytes.readUInt32LE(0) !== MAGIC) throw new Error('not a 64-bit Mach-O file for one architecture')
  }

  get pageBytes(): number {
    return this.bytes.readUInt32LE(4) === CPU_ARM64 ? 16_384 : 4096
  }

  commands(): LoadCommand[] {
    const commands: LoadCommand[] = []
    let at = HEADER_BYTES
    for (let left = this.bytes.readUInt32LE(16); left > 0; left--) {
      const command = { at, type: this.bytes.readUInt32LE(at), bytes: this.bytes.readUInt32LE(at + 4) }
      commands.push(command)
      at += command.bytes
    }
    return commands
  }

  /** @throws Error if there is no segment of this name */
  segment(name: string): MachSegment {
    const found = this.#segments().find((segment) => segment.name === name)
    if (found === undefined) throw new Error(`the file has no segment ${name}`)
    return found
  }

  /** Where the code signature is. Undefined: the file is not signed. */
  signature(): { command: number; offset: number; bytes: number } | undefined {
    const command = this.commands().find(({ type }) => type === LC.codeSignature)?.at
    if (command === undefined) return undefined
    const [offset, bytes] = [this.bytes.readUInt32LE(command + 8), this.bytes.readUInt32LE(command + 12)]
    return { command, offset, bytes }
  }

  /**
   * Adds a load command behind the others.
   * @returns its offset
   * @throws Error if the first section follows too closely
   */
  addCommand(type: number, bytes: number): number {
    const used = this.bytes.readUInt32LE(20)
    const at = HEADER_BYTES + used
    if (at + bytes > this.#firstSection()) throw new Error('no room for another load command')
    this.bytes.fill(0, at, at + bytes)
    this.bytes.writeUInt32LE(type, at)
    this.bytes.writeUInt32LE(bytes, at + 4)
    this.bytes.writeUInt32LE(this.bytes.readUInt32LE(16) + 1, 16)
    this.bytes.writeUInt32LE(used + bytes, 20)
    return at
  }

  #segments(): MachSegment[] {
    return this.commands().flatMap(({ at, type }) => {
      if (type !== LC.segment) return []
      const name = this.bytes.toString('latin1', at + 8, at + 24).replace(/\0+$/, '')
      return [
        {
          at,
          name,
          offset: Number(this.bytes.readBigUInt64LE(at + SEGMENT_FIELD.offset)),
          fileBytes: Number(this.bytes.readBigUInt64LE(at + SEGMENT_FIELD.fileBytes)),
        },
      ]
    })
  }

  /** Offset of the first section that has bytes in the file. */
  #firstSection(): number {
    let first = this.bytes.length
    for (const { at } of this.#segments()) {
      for (let index = this.bytes.readUInt32LE(at + 64) - 1; index >= 0; index--) {
        const offset = this.bytes.readUInt32LE(at + SEGMENT_BYTES + index * SECTION_BYTES + 48)
        if (offset > 0) first = Math.min(first, offset)
      }
    }
    return first
  }
}
