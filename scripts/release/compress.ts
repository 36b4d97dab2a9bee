/** Compresses archives: the same content always gives the same bytes. */
import { spawnSync } from 'node:child_process'
import { gzipSync } from 'node:zlib'

/** Names of the formats, as file names end. */
export const FORMATS = ['tar.xz', 'tar.gz'] as const
export type Format = (typeof FORMATS)[number]

/** For xz and gzip alike. More costs xz minutes, and saves 2 %. */
export const DEFAULT_LEVEL = 6

/**
 * Compresses at this level, from 0 to 9.
 * @throws Error if it takes xz, and this machine has none
 */
export function compress(bytes: Buffer, format: Format, level: number): Buffer {
  if (format === 'tar.gz') return gzipSync(bytes, { level })
  // The number of threads changes the result, and so is not that of the machine's cores.
  const args = ['--compress', '--stdout', '--threads=2', `-${level}`]
  const { error, status, stdout, stderr } = spawnSync('xz', args, { input: bytes, maxBuffer: bytes.length + 2 ** 20 })
  if (error !== undefined) throw new Error(`xz is needed to make .tar.xz: ${error.message}`)
  if (status !== 0) throw new Error(`xz failed: ${stderr.toString().trim()}`)
  return stdout
}
