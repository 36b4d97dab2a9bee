/** Escape sequences of a terminal, as in ssh: `~.` and others at the beginning of a line. */
import { isTyped } from './key-presses.ts'

const TILDE = 0x7e
const DOT = 0x2e
const QUESTION_MARK = 0x3f
const CTRL_Z = 0x1a
const LINE_ENDS = [0x0a, 0x0d]

/** What the sequences do. */
export type Escapes = { leave(): void; suspend(): void; list(): void }

/** The list that `~?` shows. `leaving` says what becomes of the command. */
export const escapeList = (leaving: string): string[] => [
  'at the beginning of a line:',
  `  ~.   ${leaving}`,
  '  ~^Z  suspends this program',
  '  ~~   sends ~',
  '  ~?   shows this list',
]

/** Returns a stdin filter that acts on the sequences. Holds back a `~` at the beginning of a line until the next key. */
export function escapeKeys({ leave, suspend, list }: Escapes): (bytes: Uint8Array) => Uint8Array {
  const actions = new Map([
    [DOT, leave],
    [QUESTION_MARK, list],
    [CTRL_Z, suspend],
  ])
  let isAtStart = true
  let isHeld = false
  return (bytes) => {
    if (!isHeld && (!bytes.includes(TILDE) || !isTyped(bytes))) {
      isAtStart = bytes.length === 0 ? isAtStart : LINE_ENDS.includes(bytes.at(-1) as number)
      return bytes
    }
    const through: number[] = []
    for (const byte of bytes) {
      if (isHeld) {
        isHeld = false
        const act = actions.get(byte)
        if (act !== undefined) {
          act()
          isAtStart = true
          continue
        }
        through.push(TILDE)
        if (byte === TILDE) {
          isAtStart = false
          continue
        }
      } else if (isAtStart && byte === TILDE) {
        isHeld = true
        continue
      }
      through.push(byte)
      isAtStart = LINE_ENDS.includes(byte)
    }
    return Uint8Array.from(through)
  }
}
