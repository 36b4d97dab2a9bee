/**
 * Our terminal. Sets modes with `stty`: the runtimes' raw mode leaves newline translation (ONLCR) on, which garbles
 * the screens of programs that have turned it off on the remote terminal.
 */
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { isatty } from 'node:tty'
import type { TerminalSize } from '../../../client/base/types.ts'

/** Runs `stty` on the terminal and returns its output; empty if it fails. */
function stty(fd: number, ...args: string[]): string {
  const { stdout } = spawnSync('stty', args, { stdio: [fd === 0 ? 'inherit' : fd, 'pipe', 'ignore'], encoding: 'utf8' })
  return stdout ?? ''
}

/** The size of the terminal on stdout, stdin or stderr; undefined without one. */
export function terminalSize(): TerminalSize | undefined {
  const fd = [1, 0, 2].find((each) => isatty(each))
  if (fd === undefined) return undefined
  const [rows = 0, columns = 0] = stty(fd, 'size').trim().split(' ').map(Number)
  return rows > 0 && columns > 0 ? { rows, columns } : undefined
}

/** Calls `resized` at every change of the terminal's size. Returns a function that stops it. */
export function onResize(resized: (size: TerminalSize) => void): () => void {
  const report = (): void => {
    const size = terminalSize()
    if (size !== undefined) resized(size)
  }
  process.on('SIGWINCH', report)
  return () => process.off('SIGWINCH', report)
}

/** Switches raw mode on and off; both can be called repeatedly. */
export type RawMode = {
  /** In raw mode a line feed does not return the cursor. */
  readonly isRaw: boolean
  enter(): void
  /** Restores the settings from before the first `enter`. */
  leave(): void
}

/** Raw mode for stdin, which must be a terminal. Restored however the process ends, short of SIGKILL. */
export function rawMode(): RawMode {
  let saved: string | undefined
  let isRaw = false
  const leave = (): void => {
    if (!isRaw || saved === undefined) return
    isRaw = false
    process.off('exit', leave)
    stty(0, saved)
  }
  return {
    get isRaw() {
      return isRaw
    },
    enter() {
      saved ??= stty(0, '-g').trim()
      if (saved === '') return
      if (!isRaw) process.once('exit', leave)
      isRaw = true
      // -iexten as well: otherwise some systems intercept keys such as Ctrl-V and Ctrl-O.
      stty(0, 'raw', '-echo', '-iexten')
    },
    leave,
  }
}
