/** Writes tar archives that depend on nothing but their content (ustar). */

/** A file of an archive. */
export type ArchiveFile = { path: string; bytes: Uint8Array; isExecutable: boolean }

const BLOCK = 512
const NAME_BYTES = 100
const PREFIX_BYTES = 155

/**
 * An archive of these files and their folders, sorted, of root, with one time: seconds since the epoch.
 * @throws Error if a path is too long for the format
 */
export function tar(files: readonly ArchiveFile[], time: number): Buffer {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const paths = [...new Set([...byPath.keys(), ...files.flatMap(({ path }) => foldersOf(path))])].sort()
  const parts = paths.flatMap((path) => {
    const file = byPath.get(path)
    if (file === undefined) return [header({ path, size: 0, mode: 0o755, type: '5', time })]
    const mode = file.isExecutable ? 0o755 : 0o644
    const size = file.bytes.length
    return [header({ path, size, mode, type: '0', time }), file.bytes, Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK)]
  })
  // Two blocks of zeros end an archive.
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)])
}

/** `a/`, `a/b/` of `a/b/c`. */
function foldersOf(path: string): string[] {
  const names = path.split('/').slice(0, -1)
  return names.map((_, index) => `${names.slice(0, index + 1).join('/')}/`)
}

type Entry = { path: string; size: number; mode: number; type: '0' | '5'; time: number }

function header({ path, size, mode, type, time }: Entry): Buffer {
  const [prefix, name] = split(path)
  const block = Buffer.alloc(BLOCK)
  const octal = (value: number, at: number, length: number): void =>
    void block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1')
  block.write(name, 0, 'utf8')
  octal(mode, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(size, 124, 12)
  octal(time, 136, 12)
  block.write('        ', 148, 'latin1')
  block.write(type, 156, 'latin1')
  block.write('ustar\x0000', 257, 'latin1')
  block.write('root', 265, 'latin1')
  block.write('root', 297, 'latin1')
  octal(0, 329, 8)
  octal(0, 337, 8)
  block.write(prefix, 345, 'utf8')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

/** Splits a long path at a slash, as the format has two fields for it. */
function split(path: string): [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= NAME_BYTES) return ['', path]
  for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)]
    if (name !== '' && Buffer.byteLength(prefix) <= PREFIX_BYTES && Buffer.byteLength(name) <= NAME_BYTES)
      return [prefix, name]
  }
  throw new Error(`the path is too long for an archive: ${path}`)
}
