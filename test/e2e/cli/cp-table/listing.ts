/** What is in a folder, as text to compare. */
import { createHash } from 'node:crypto'
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs'
import { join } from 'node:path'

/** Larger files are compared by what is not a hole, which `du` shows, and their size. */
const HASHED_BYTES = 100_000_000

/**
 * One line an entry: type, mode, size, checksum or link text, and whether it has holes. `exact`: times, and which
 * names are one file, too.
 */
export function listing(folder: string, exact: boolean): string[] {
  const lines: string[] = []
  const first = new Map<bigint, string>()
  const look = (path: Buffer, shown: string): void => {
    const info = lstatSync(path, { bigint: true })
    const kind = info.isDirectory() ? 'd' : info.isSymbolicLink() ? 'l' : info.isFile() ? 'f' : 'o'
    const mode = kind === 'l' ? '' : (Number(info.mode) & 0o7777).toString(8)
    const parts = [shown, kind, mode]
    if (kind === 'f') parts.push(`${info.size}`, contents(path, Number(info.size)), holes(info.size, info.blocks))
    if (kind === 'l') parts.push(readlinkSync(path, { encoding: 'buffer' }).toString('latin1'))
    if (exact && shown !== '') {
      parts.push(`${info.mtimeNs}`)
      const name = first.get(info.ino)
      if (name === undefined) first.set(info.ino, shown)
      else parts.push(`= ${name}`)
    }
    lines.push(parts.join(' '))
    if (kind !== 'd') return
    const names = readdirSync(path, { encoding: 'buffer' }).sort(Buffer.compare)
    for (const name of names) look(Buffer.concat([path, Buffer.from('/'), name]), `${shown}/${name.toString('latin1')}`)
  }
  look(Buffer.from(join(folder)), '')
  return lines
}

function holes(size: bigint, blocks: bigint): string {
  return size > 1_000_000n && blocks * 512n * 2n < size ? 'sparse' : ''
}

function contents(path: Buffer, size: number): string {
  if (size > HASHED_BYTES) return ''
  const hash = createHash('sha256')
  const fd = openSync(path, 'r')
  try {
    const block = new Uint8Array(1_000_000)
    for (let count = -1; count !== 0; ) {
      count = readSync(fd, block, 0, block.length, null)
      hash.update(block.subarray(0, count))
    }
  } finally {
    closeSync(fd)
  }
  return hash.digest('hex').slice(0, 16)
}
