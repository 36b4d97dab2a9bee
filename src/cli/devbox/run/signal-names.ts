/** Signal names and numbers on the command line. */
import type { SignalName } from '../../../client/base/types.ts'
import { usageError } from '../options.ts'

const NAMES: Readonly<Record<string, SignalName>> = {
  HUP: 'hangup',
  INT: 'interrupt',
  QUIT: 'quit',
  KILL: 'kill',
  USR1: 'user1',
  USR2: 'user2',
  TERM: 'terminate',
  STOP: 'stop',
  CONT: 'continue',
}

/** The names, as a person writes them. */
export const signalNames: readonly string[] = Object.keys(NAMES)

/** Signals whose numbers are the same on every system. */
const NUMBERS: Readonly<Record<string, SignalName>> = {
  1: 'hangup',
  2: 'interrupt',
  3: 'quit',
  9: 'kill',
  15: 'terminate',
}

const find = (text: string): SignalName | undefined => NUMBERS[text] ?? NAMES[text.toUpperCase().replace(/^SIG/, '')]

/** Whether it is the name, in any case and with or without SIG, or the number of a signal that can be sent. */
export const isSignal = (text: string): boolean => find(text) !== undefined

/**
 * Parses such a name or number.
 * @throws {UsageError}
 */
export function signalNamed(text: string): SignalName {
  const found = find(text)
  if (found === undefined) throw usageError(`--signal takes one of ${signalNames.join(', ')}, not '${text}'`)
  return found
}
