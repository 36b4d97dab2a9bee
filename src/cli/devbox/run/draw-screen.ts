/** Draws what the terminal of a process shows, before its output goes on. */
import type { RemoteProcess } from '../../../client/base/types.ts'
import { writeOut } from '../io/write-out.ts'

/** Undoes what a program has changed of our terminal: screen, region, modes, attributes, mouse. */
export const RESET =
  '\x1b[?1049l\x1b[r\x1b[?1l\x1b>\x1b[?6l\x1b[?7h\x1b[4l\x1b[?25h\x1b[?2004l\x1b[?1004l' +
  '\x1b[?9l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[m\r\n'

/**
 * Draws the screen. Where the server does not know all of it, asks the program to draw again. Returns the number of the
 * last event that is drawn.
 */
export async function drawScreen(process: RemoteProcess): Promise<number> {
  const { screen, nextSeq, running } = await process.snapshot({ maxBytes: 0 })
  if (screen === undefined) return 0
  await writeOut(screen.ansi)
  const { rows, columns, complete } = screen
  if (!complete && running && rows > 1) {
    // A program redraws when its terminal takes another size.
    await process.resize({ rows: rows - 1, columns })
    await process.resize({ rows, columns })
  }
  return nextSeq - 1
}
