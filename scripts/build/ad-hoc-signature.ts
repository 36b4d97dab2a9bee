/**
 * Ad-hoc code signatures of macOS: hashes of every page without an identity. Apple silicon runs no program without one.
 * Their numbers are big-endian, unlike those of the file around them.
 */
import { createHash } from 'node:crypto'
import { LC, MachO, SEGMENT_FIELD } from './mach-o.ts'

const MAGIC = { superBlob: 0xfade_0cc0, codeDirectory: 0xfade_0c02 }
const VERSION_WITH_SEGMENT = 0x2_0400
/** Ad hoc, and made by a linker: no other blobs are expected beside the code directory. */
const FLAGS = 0x2_0002
const MAIN_BINARY = 1n
const SHA256 = { type: 2, bytes: 32 }
const PAGE_BITS = 12
const PAGE_BYTES = 1 << PAGE_BITS
const SUPER_BLOB_BYTES = 20
const DIRECTORY_BYTES = 88

/** Returns the file with an ad-hoc signature in place of its own. */
export function signAdHoc(file: Buffer, identifier: string): Buffer {
  const old = new MachO(file).signature()
  // A signature is always the last part of the file.
  const content = old === undefined ? file : file.subarray(0, old.offset)
  const codeBytes = roundUp(content.length, 16)
  const pages = Math.ceil(codeBytes / PAGE_BYTES)
  const name = Buffer.from(`${identifier}\0`)
  const blobBytes = SUPER_BLOB_BYTES + DIRECTORY_BYTES + name.length + pages * SHA256.bytes
  const signed = Buffer.concat([content], codeBytes + roundUp(blobBytes, 16))

  // The header is a part of the first page: it must be complete before the pages are hashed.
  const macho = new MachO(signed)
  const command = old?.command ?? macho.addCommand(LC.codeSignature, 16)
  signed.writeUInt32LE(codeBytes, command + 8)
  signed.writeUInt32LE(signed.length - codeBytes, command + 12)
  const last = macho.segment('__LINKEDIT')
  const lastBytes = signed.length - last.offset
  signed.writeBigUInt64LE(BigInt(lastBytes), last.at + SEGMENT_FIELD.fileBytes)
  signed.writeBigUInt64LE(BigInt(roundUp(lastBytes, macho.pageBytes)), last.at + SEGMENT_FIELD.memoryBytes)

  const text = macho.segment('__TEXT')
  const superBlob = numbers([MAGIC.superBlob, blobBytes, 1, 0, SUPER_BLOB_BYTES])
  const head = numbers([
    MAGIC.codeDirectory,
    blobBytes - SUPER_BLOB_BYTES,
    VERSION_WITH_SEGMENT,
    FLAGS,
    DIRECTORY_BYTES + name.length, // offset of the hashes
    DIRECTORY_BYTES, // offset of the identifier
    0, // special slots
    pages,
    codeBytes,
    (SHA256.bytes << 24) | (SHA256.type << 16) | PAGE_BITS,
    ...[0, 0, 0, 0, 0, 0], // spare, scatter, team, spare, 64-bit limit
  ])
  const segment = Buffer.alloc(24)
  for (const [index, value] of [BigInt(text.offset), BigInt(text.fileBytes), MAIN_BINARY].entries()) {
    segment.writeBigUInt64BE(value, index * 8)
  }
  Buffer.concat([superBlob, head, segment, name, ...pageHashes(signed, codeBytes)]).copy(signed, codeBytes)
  return signed
}

/**
 * Recomputes the hashes of a signed file.
 * @throws Error if there is no signature of the kind above, or a page has another hash
 */
export function verifySignature(file: Buffer): void {
  const signature = new MachO(file).signature()
  if (signature === undefined) throw new Error('the file is not signed')
  if (signature.offset + signature.bytes !== file.length) throw new Error('the signature does not end the file')
  const directory = signature.offset + SUPER_BLOB_BYTES
  if (file.readUInt32BE(directory) !== MAGIC.codeDirectory) throw new Error('the signature has no code directory')
  const [hashes, pages, limit] = [16, 28, 32].map((field) => file.readUInt32BE(directory + field)) as [
    number,
    number,
    number,
  ]
  if (limit !== signature.offset) throw new Error('the signature does not cover the file')
  const actual = pageHashes(file, limit)
  if (actual.length !== pages) throw new Error(`the signature covers ${pages} pages of ${actual.length}`)
  for (const [index, hash] of actual.entries()) {
    const at = directory + hashes + index * SHA256.bytes
    if (!hash.equals(file.subarray(at, at + SHA256.bytes))) throw new Error(`page ${index} has another hash`)
  }
}

function pageHashes(file: Buffer, end: number): Buffer[] {
  return Array.from({ length: Math.ceil(end / PAGE_BYTES) }, (_, index) => {
    const page = file.subarray(index * PAGE_BYTES, Math.min((index + 1) * PAGE_BYTES, end))
    return createHash('sha256').update(page).digest()
  })
}

function numbers(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4)
  return bytes
}

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to
