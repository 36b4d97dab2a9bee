/** Reads and edits 64-bit little-endian ELF files in memory, as far as the dynamic loader is concerned. */

/** One program header. */
export type Segment = {
  /** Offset of the header in the file. */
  header: number
  type: number
  flags: number
  offset: number
  address: number
  fileBytes: number
  memoryBytes: number
  alignment: number
}

/** One entry of the dynamic section. `at`: its offset in the file. */
export type DynamicEntry = { at: number; tag: number; value: number }

/** The versions that the file needs of one library. `at`: offset of the record; `previous`: of the one before it. */
export type VersionNeed = {
  at: number
  previous: number | undefined
  library: string
  versions: { name: string; index: number }[]
}

/** One entry of the dynamic symbol table. */
export type DynamicSymbol = { at: number; number: number; name: string; version: number }

export const PT = { load: 1, dynamic: 2, interpreter: 3 } as const
export const DT = {
  null: 0,
  needed: 1,
  strtab: 5,
  symtab: 6,
  rpath: 15,
  gnuHash: 0x6fff_fef5,
  versym: 0x6fff_fff0,
  verneed: 0x6fff_fffe,
  verneedCount: 0x6fff_ffff,
} as const
export const PF_EXECUTE = 1
/** Section type of the version needs. */
const SHT_GNU_VERNEED = 0x6fff_fffe
const SHF_EXECUTE = 4
const STV_HIDDEN = 2
/** Version index of a symbol that is not visible to other files. */
const VER_LOCAL = 0

const MACHINES = new Map<number, 'x64' | 'arm64'>([
  [62, 'x64'],
  [183, 'arm64'],
])

const ENTRY_BYTES = 16
const SYMBOL_BYTES = 24
const SEGMENT_BYTES = 56
const SECTION_BYTES = 64

/** An ELF file. Edits change `bytes` in place; the file keeps its length. */
export class Elf {
  readonly bytes: Buffer
  readonly arch: 'x64' | 'arm64'

  /** @throws Error if it is not a 64-bit ELF file for x64 or arm64 */
  constructor(bytes: Buffer) {
    this.bytes = bytes
    // The magic, then 64 bits and little endian.
    if (bytes.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') throw new Error('not a 64-bit little-endian ELF file')
    const arch = MACHINES.get(bytes.readUInt16LE(18))
    if (arch === undefined) throw new Error('an ELF file of neither x64 nor arm64')
    this.arch = arch
  }

  segments(): Segment[] {
    const start = this.#number(32)
    return Array.from({ length: this.bytes.readUInt16LE(56) }, (_, index) => {
      const header = start + index * SEGMENT_BYTES
      return {
        header,
        type: this.bytes.readUInt32LE(header),
        flags: this.bytes.readUInt32LE(header + 4),
        offset: this.#number(header + 8),
        address: this.#number(header + 16),
        fileBytes: this.#number(header + 32),
        memoryBytes: this.#number(header + 40),
        alignment: this.#number(header + 48),
      }
    })
  }

  /** The segments that are mapped, in the order of their addresses. */
  loads(): Segment[] {
    return this.segments().filter(({ type }) => type === PT.load)
  }

  /** Path of the dynamic loader. */
  interpreter(): string {
    const { offset, fileBytes } = this.#only(PT.interpreter)
    return this.bytes.toString('latin1', offset, offset + fileBytes - 1).replace(/\0+$/, '')
  }

  /** @throws Error if the path is longer than the header's room */
  setInterpreter(path: string): void {
    const { offset, fileBytes } = this.#only(PT.interpreter)
    if (path.length >= fileBytes) throw new Error(`no room for the loader's path ${path}: ${fileBytes - 1} bytes`)
    this.bytes.fill(0, offset, offset + fileBytes).write(path, offset, 'latin1')
  }

  /** The dynamic section, without the null entry at its end. */
  dynamic(): DynamicEntry[] {
    const { offset } = this.#only(PT.dynamic)
    const entries: DynamicEntry[] = []
    for (let at = offset; ; at += ENTRY_BYTES) {
      const entry = { at, tag: this.#number(at), value: this.#number(at + 8) }
      if (entry.tag === DT.null) return entries
      entries.push(entry)
    }
  }

  /** @throws Error if there is no such entry */
  entry(tag: number): DynamicEntry {
    const found = this.dynamic().find((entry) => entry.tag === tag)
    if (found === undefined) throw new Error(`no entry ${tag.toString(16)} in the dynamic section`)
    return found
  }

  /** The libraries that the file needs. */
  needed(): string[] {
    return this.dynamic().flatMap(({ tag, value }) => (tag === DT.needed ? [this.dynamicString(value)] : []))
  }

  /** The string at this offset of the dynamic string table. */
  dynamicString(offset: number): string {
    const at = this.#offsetOf(this.entry(DT.strtab).value) + offset
    return this.bytes.toString('latin1', at, this.bytes.indexOf(0, at))
  }

  versionNeeds(): VersionNeed[] {
    const entries = this.dynamic()
    const first = entries.find(({ tag }) => tag === DT.verneed)
    const count = entries.find(({ tag }) => tag === DT.verneedCount)?.value ?? 0
    if (first === undefined) return []
    const needs: VersionNeed[] = []
    let at = this.#offsetOf(first.value)
    for (
      let previous: number | undefined;
      needs.length < count;
      previous = at, at += this.bytes.readUInt32LE(at + 12)
    ) {
      const versions: VersionNeed['versions'] = []
      let auxiliary = at + this.bytes.readUInt32LE(at + 8)
      for (let left = this.bytes.readUInt16LE(at + 2); left > 0; left--) {
        const name = this.dynamicString(this.bytes.readUInt32LE(auxiliary + 8))
        versions.push({ name, index: this.bytes.readUInt16LE(auxiliary + 6) })
        auxiliary += this.bytes.readUInt32LE(auxiliary + 12)
      }
      needs.push({ at, previous, library: this.dynamicString(this.bytes.readUInt32LE(at + 4)), versions })
      if (previous === at) throw new Error('the version needs end early')
    }
    return needs
  }

  /** The symbols that other files define. The GNU hash table says where they end: it holds the others only. */
  undefinedSymbols(): DynamicSymbol[] {
    const table = this.#offsetOf(this.entry(DT.symtab).value)
    const versions = this.#offsetOf(this.entry(DT.versym).value)
    const end = this.bytes.readUInt32LE(this.#offsetOf(this.entry(DT.gnuHash).value) + 4)
    const symbols: DynamicSymbol[] = []
    for (let number = 1; number < end; number++) {
      const at = table + number * SYMBOL_BYTES
      if (this.bytes.readUInt16LE(at + 6) !== 0) continue
      const name = this.dynamicString(this.bytes.readUInt32LE(at))
      symbols.push({ at, number, name, version: this.bytes.readUInt16LE(versions + number * 2) & 0x7fff })
    }
    return symbols
  }

  /**
   * Defines an undefined symbol at an address of this file. It becomes hidden: the loader then takes the definition
   * here without a lookup by name, so the hash table can stay as it is.
   */
  define({ at, number }: DynamicSymbol, address: number): void {
    this.bytes.writeUInt8(STV_HIDDEN, at + 5)
    // The loader only asks whether it is 0; any section of code makes the entry true.
    this.bytes.writeUInt16LE(this.#codeSection(), at + 6)
    this.bytes.writeBigUInt64LE(BigInt(address), at + 8)
    this.bytes.writeUInt16LE(VER_LOCAL, this.#offsetOf(this.entry(DT.versym).value) + number * 2)
  }

  /** Removes an entry of the dynamic section: the later ones move up. */
  removeEntry({ at }: DynamicEntry): void {
    const end = (this.dynamic().at(-1) as DynamicEntry).at + ENTRY_BYTES
    this.bytes.copyWithin(at, at + ENTRY_BYTES, end).fill(0, end - ENTRY_BYTES, end)
  }

  /**
   * Adds an entry at the end of the dynamic section.
   * @throws Error if the section has no spare entry
   */
  addEntry(tag: number, value: number): void {
    const { offset, fileBytes } = this.#only(PT.dynamic)
    const at = offset + this.dynamic().length * ENTRY_BYTES
    if (at + 2 * ENTRY_BYTES > offset + fileBytes) throw new Error('no room in the dynamic section')
    this.bytes.writeBigUInt64LE(BigInt(tag), at)
    this.bytes.writeBigUInt64LE(BigInt(value), at + 8)
    this.bytes.fill(0, at + ENTRY_BYTES, at + 2 * ENTRY_BYTES)
  }

  /** Takes a library's record out of the chain of version needs. */
  removeVersionNeed({ at, previous }: VersionNeed): void {
    const first = this.entry(DT.verneed)
    const count = this.entry(DT.verneedCount)
    const next = this.bytes.readUInt32LE(at + 12)
    if (previous !== undefined) {
      const distance = next === 0 ? 0 : this.bytes.readUInt32LE(previous + 12) + next
      this.bytes.writeUInt32LE(distance, previous + 12)
    } else {
      if (next === 0) throw new Error('no other library with versions')
      this.bytes.writeBigUInt64LE(BigInt(first.value + next), first.at + 8)
    }
    this.bytes.writeBigUInt64LE(BigInt(count.value - 1), count.at + 8)
    for (const section of this.#sections()) {
      if (this.bytes.readUInt32LE(section + 4) !== SHT_GNU_VERNEED) continue
      this.bytes.writeUInt32LE(count.value - 1, section + 44)
      if (previous === undefined)
        for (const [field, by] of [
          [16, next],
          [24, next],
          [32, -next],
        ] as const) {
          this.bytes.writeBigUInt64LE(BigInt(this.#number(section + field) + by), section + field)
        }
    }
  }

  /**
   * Puts bytes into the padding behind a segment, which grows by them.
   * @returns their address
   * @throws Error if the padding is too small or in use
   */
  append(segment: Segment, content: Uint8Array): number {
    const { header, offset, address, fileBytes, memoryBytes, alignment } = segment
    if (fileBytes !== memoryBytes) throw new Error('the segment ends with memory that is not in the file')
    const at = Math.ceil((address + fileBytes) / ENTRY_BYTES) * ENTRY_BYTES - address
    const page = Math.ceil((address + fileBytes) / alignment) * alignment - address
    const following = this.loads().filter((other) => other.offset > offset)
    const room = Math.min(page, ...following.map((other) => other.offset - offset))
    const target = this.bytes.subarray(offset + at, offset + at + content.length)
    if (at + content.length > room) throw new Error(`no room behind a segment for ${content.length} bytes`)
    if (target.some((byte) => byte !== 0)) throw new Error('the padding behind a segment is in use')
    target.set(content)
    for (const field of [32, 40]) this.bytes.writeBigUInt64LE(BigInt(at + content.length), header + field)
    return address + at
  }

  #offsetOf(address: number): number {
    const segment = this.loads().find((load) => address >= load.address && address < load.address + load.fileBytes)
    if (segment === undefined) throw new Error(`no segment has the address ${address.toString(16)}`)
    return address - segment.address + segment.offset
  }

  #only(type: number): Segment {
    const [found, another] = this.segments().filter((segment) => segment.type === type)
    if (found === undefined || another !== undefined) throw new Error(`not exactly one program header of type ${type}`)
    return found
  }

  /** Offsets of the section headers. */
  #sections(): number[] {
    const start = this.#number(40)
    return Array.from({ length: this.bytes.readUInt16LE(60) }, (_, index) => start + index * SECTION_BYTES)
  }

  #codeSection(): number {
    const index = this.#sections().findIndex((section) => (this.#number(section + 8) & SHF_EXECUTE) !== 0)
    if (index < 0) throw new Error('no section of code')
    return index
  }

  #number(at: number): number {
    return Number(this.bytes.readBigUInt64LE(at))
  }
}
