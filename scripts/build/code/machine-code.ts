/**
 * Machine code as a listing: a line for each instruction with its code, its assembly and a comment, and labels of their
 * own lines.
 */

type Arch = 'x64' | 'arm64'

/** Code, and where in it each label is. */
export type MachineCode = { bytes: Buffer; labels: ReadonlyMap<string, number> }

/** The code of a listing. */
export function machineCode(arch: Arch, listing: string): MachineCode {
  const labels = new Map<string, number>()
  const pieces: Buffer[] = []
  let length = 0
  for (const line of listing.split('\n')) {
    if (!line.startsWith('  ')) {
      if (line.endsWith(':')) labels.set(line.slice(0, -1), length)
      continue
    }
    const code = Buffer.from((line.trim().split(/ {2,}/)[0] as string).replaceAll(' ', ''), 'hex')
    // An arm64 instruction is a little-endian word, and written as a number.
    pieces.push(arch === 'x64' ? code : code.reverse())
    length += code.length
  }
  return { bytes: Buffer.concat(pieces), labels }
}

/** Assembler source of the same code, so that a test can check the bytes. */
export function assemblySource(arch: Arch, listing: string): string {
  const source = listing
    .split('\n')
    .map((line) => (line.startsWith('  ') ? line.split(';')[0]?.trim().split(/ {2,}/)[1] : line))
  return [arch === 'x64' ? '.intel_syntax noprefix' : '', ...source, ''].join('\n')
}
