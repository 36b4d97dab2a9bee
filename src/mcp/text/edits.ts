/** Exact replacements in a text. */
import { ToolError } from '../tool.ts'

export type Edit = { old_text: string; new_text: string; replace_all: boolean }

/**
 * Applies the edits in order, each to the outcome of those before it. In a text whose lines all end with \r\n, a line
 * end of an edit stands for \r\n.
 * @throws {ToolError} if an edit's old text is empty, is not there, or is there several times without `replace_all`
 */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const asInText = hasOnlyCrlf(text) ? toCrlf : (part: string): string => part
  let current = text
  for (const [index, { old_text: given, new_text: wanted, replace_all: all }] of edits.entries()) {
    const [before, after] = [asInText(given), asInText(wanted)]
    const which = edits.length === 1 ? 'old_text' : `old_text of edit ${index + 1}`
    if (before === '') throw new ToolError(`${which} is empty`)
    if (before === after) throw new ToolError(`${which} and its new_text are the same`)
    const count = countOf(current, before)
    if (count === 0) throw new ToolError(`${which} was not found; nothing was changed${lineEndHint(current, before)}`)
    if (count > 1 && !all)
      throw new ToolError(
        `${which} was found ${count} times; nothing was changed: add context, or set replace_all to true`,
      )
    current = current.split(before).join(after)
  }
  return current
}

function countOf(text: string, part: string): number {
  let count = 0
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) count++
  return count
}

const hasOnlyCrlf = (text: string): boolean => text.includes('\r\n') && !/(?<!\r)\n/.test(text)

const toCrlf = (part: string): string => part.replace(/\r?\n/g, '\r\n')

function lineEndHint(text: string, part: string): string {
  return text.includes('\r\n') && part.includes('\n') && !hasOnlyCrlf(text)
    ? ': some lines of this file end with \\r\\n'
    : ''
}
