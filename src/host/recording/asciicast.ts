/**
 * Asciicast v2: a header, then an event a line, with seconds since the beginning:
 * https://docs.asciinema.org/manual/asciicast/v2/
 */
import { basename } from 'node:path'
import type { TerminalSize } from '../../protocol/schemas/process.ts'

/** What a recording is of. */
export type Recorded = { argv: readonly string[]; size: TerminalSize; startedAtMs: number }

/** Characters of a command in the header: enough to recognize it. */
const MAX_COMMAND = 4096

/** The first line. */
export function castHeader({ argv, size, startedAtMs }: Recorded): string {
  const header = {
    version: 2,
    width: size.columns,
    height: size.rows,
    timestamp: Math.floor(startedAtMs / 1000),
    command: argv.map(quoted).join(' ').slice(0, MAX_COMMAND).toWellFormed(),
    title: basename(argv[0] ?? '').slice(0, MAX_COMMAND),
  }
  return `${JSON.stringify(header)}\n`
}

/** Output, a resize, or a mark. */
export type CastEvent = 'o' | 'r' | 'm'

/** The line of an event. `elapsedMs`: since the beginning. */
export const castEvent = (elapsedMs: number, kind: CastEvent, data: string): string =>
  `[${(elapsedMs / 1000).toFixed(6)}, "${kind}", ${JSON.stringify(data)}]\n`

/** The data of a resize. */
export const castSize = ({ rows, columns }: TerminalSize): string => `${columns}x${rows}`

/** As a shell would read it. */
const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
