/** What a copy shows: messages on stderr, copied entries on stdout, and its progress. */
import { posix } from 'node:path'
import type { Message, Report } from '../../../host/copy/messages.ts'
import type { WriteEvents } from '../../../host/copy/write/write-destination.ts'
import { printStderr } from '../io/stderr.ts'
import { quoteForShell } from '../io/quote-for-shell.ts'
import type { Progress } from './progress.ts'

/** Which side is the devbox. */
export type Sides = { isSourceRemote: boolean; isDestinationRemote: boolean }

/** Shows what happens. */
export type CopyDisplay = WriteEvents & {
  /** Shows a message, or counts it for the progress. Returns true if it was only meant to be shown. */
  take(message: Message): boolean
  /** Prints a line on stderr. */
  print(text: string): void
  /** Whether something was not copied. */
  readonly hasFailed: boolean
}

/** Creates the display of one copy. `output` gets the lines of -v. */
export function copyDisplay(
  sides: Sides,
  progress: Progress,
  output: ((line: string) => void) | undefined,
): CopyDisplay {
  let hasFailed = false
  const print = (text: string): void => {
    progress.clear()
    printStderr(text)
  }
  const report = ({ level, side, path, text }: Report): void => {
    if (level === 'failed') hasFailed = true
    const isRemote = side === 'source' ? sides.isSourceRemote : sides.isDestinationRemote
    print(`${isRemote ? 'on the devbox' : 'on this machine'}: ${path}: ${text}`)
  }
  const shown = (path: string, isRemote: boolean): string => quoteForShell(isRemote ? `:${path}` : path)
  const copied = (source: string, destination: string): void =>
    output?.(`${shown(source, sides.isSourceRemote)} -> ${shown(destination, sides.isDestinationRemote)}`)

  return {
    report,
    copied,
    print,
    get hasFailed() {
      return hasFailed
    },
    take(message) {
      switch (message.type) {
        case 'report':
          report(message)
          return true
        case 'copied':
          copied(message.source, message.destination)
          return true
        case 'totals':
          progress.total(message)
          return true
        case 'progress':
          progress.set(message)
          return true
        case 'small':
          progress.begin(posix.basename(message.entry.source), message.bytes.length)
          progress.add(message.bytes.length)
          return false
        case 'entry':
          if (message.kind === 'file') progress.begin(posix.basename(message.source), message.size)
          return false
        case 'data':
          progress.add(message.bytes.length)
          return false
        case 'hole':
          progress.add(message.length)
          return false
        default:
          return false
      }
    },
  }
}
