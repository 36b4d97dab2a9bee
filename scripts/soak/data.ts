/** What is written and read: bytes that tell by themselves where they belong, in files and in memory. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../bench/temporary-folder.ts'
import type { Random } from './random.ts'

const MiB = 1024 * 1024
/** More than the buffers of a connection hold, so that a reader that stops is felt by the child. */
const LINES_BYTES = 24 * MiB
const NOISE_BYTES = MiB
/** With the end of line: numbers of this many characters fill the files. */
const LINE = 16

/** The tree that is walked. */
const FOLDERS = 12
const FILES_PER_FOLDER = 15

export type Data = {
  folder: string
  /** Numbered lines, so that every 31 bytes of them are found in one place only. */
  lines: Buffer
  linesFile: string
  /** The same lines as a terminal shows them. */
  terminalLines: Buffer
  /** Every value of a byte, without any order. */
  noise: Buffer
  tree: string
  /** What a walk of the tree finds, sorted. */
  treePaths: string[]
}

export function makeData(random: Random): Data {
  const folder = temporaryFolder()
  const lines = Buffer.allocUnsafe(LINES_BYTES)
  const terminalLines = Buffer.allocUnsafe((LINES_BYTES / LINE) * (LINE + 1))
  for (let line = 0; line < LINES_BYTES / LINE; line++) {
    const text = String(line).padStart(LINE - 1, '.')
    lines.write(`${text}\n`, line * LINE, 'latin1')
    terminalLines.write(`${text}\r\n`, line * (LINE + 1), 'latin1')
  }
  const linesFile = join(folder, 'lines')
  writeFileSync(linesFile, lines)
  const tree = join(folder, 'tree')
  return {
    folder,
    lines,
    linesFile,
    terminalLines,
    noise: random.fork('noise').bytes(NOISE_BYTES),
    tree,
    treePaths: makeTree(tree),
  }
}

/** So many bytes of whole lines, as a terminal shows them. */
export const shownLength = (bytes: number): number => (bytes / LINE) * (LINE + 1)
export const toWholeLines = (bytes: number): number => Math.ceil(bytes / LINE) * LINE

function makeTree(tree: string): string[] {
  const paths: string[] = []
  for (let index = 0; index < FOLDERS; index++) {
    const folder = join(tree, `folder ${index}`)
    mkdirSync(folder, { recursive: true })
    paths.push(folder)
    for (let file = 0; file < FILES_PER_FOLDER; file++) {
      const path = join(folder, `file ${file}`)
      writeFileSync(path, path)
      paths.push(path)
    }
  }
  return paths.sort()
}
