/**
 * Our terminal. Its modes are set by `stty`: the runtimes' own raw mode still changes line ends on the way out, which breaks the
 * screens of programs that have turned that off at their end.
 */
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { isatty } from 'node:tty'
import type { TerminalSize } from '../../../client/base/types.ts'

/** Empty where it fails. */
function stty(fd: number, ...args: string[]): string {
  const { stdout } = spawnSync('stty', args, { stdio: [fd === 0 ? 'inherit' : fd, 'pipe', 'ignore'], encoding: 'utf8' })
  return stdout ?? ''
}

/** The size of the terminal that shows the output, if there is one. */
export function terminalSize(): TerminalSize | undefined {
  const fd = [1, 0, 2].find((each) => isatty(each))
  if (fd === undefined) return undefined
  const [rows = 0, columns = 0] = stty(fd, 'size').trim().split(' ').map(Number)
  return rows > 0 && columns > 0 ? { rows, columns } : undefined
}

/** Calls at every change of the size, until the returned function is called. */
export function onResize(resized: (size: TerminalSize) => void): () => void {
  const look = (): void => {
    const size = terminalSize()
    if (size !== undefined) resized(size)
  }
  process.on('SIGWINCH', look)
  return () => process.off('SIGWINCH', look)
}

export type RawMode = {
  enter(): void
  /** Everything as it was before the first `enter`. */
  leave(): void
}

/** Raw mode for stdin, which must be a terminal. However this process ends, short of SIGKILL, it is left. */
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
    enter() {
      saved ??= stty(0, '-g').trim()
      if (saved === '') return
      if (!isRaw) process.once('exit', leave)
      isRaw = true
      // Without the extended input functions, too: some systems keep keys to themselves for those.
      stty(0, 'raw', '-echo', '-iexten')
    },
    leave,
  }
}
