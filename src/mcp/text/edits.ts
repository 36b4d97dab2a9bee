/** Exact replacements in a text. */
import { setImmediate } from 'node:timers/promises'
import { ToolError } from '../tool.ts'
import { finder } from './find-text.ts'
import type { Find } from './find-text.ts'

export type Edit = { old_text: string; new_text: string; replace_all: boolean }

/**
 * Applies the edits in order, each to the outcome of those before it. In a text whose lines all end with \r\n, a line
 * end of an edit stands for \r\n. Other work is done between two edits.
 * @throws {ToolError} if an edit's old text is empty, is not there, or is there several times without `replace_all`, or if
 * the text would get longer than `maxLength`
 */
export async function applyEdits(text: string, edits: readonly Edit[], maxLength = Infinity): Promise<string> {
  const asInText = hasOnlyCrlf(text) ? toCrlf : (part: string): string => part
  let current = text
  for (const [index, { old_text: given, new_text: wanted, replace_all: all }] of edits.entries()) {
    if (index > 0) await setImmediate()
    const [before, after] = [asInText(given), asInText(wanted)]
    const which = edits.length === 1 ? 'old_text' : `old_text of edit ${index + 1}`
    if (before === '') throw new ToolError(`${which} is empty`)
    if (before === after) throw new ToolError(`${which} and its new_text are the same`)
    const find = finder(current, before)
    const count = countOf(find, before.length)
    if (count === 0) throw new ToolError(`${which} was not found; nothing was changed${lineEndHint(current, before)}`)
    if (count > 1 && !all)
      throw new ToolError(
        `${which} was found ${count} times; nothing was changed: add context, or set replace_all to true`,
      )
    if (current.length + count * (after.length - before.length) > maxLength)
      throw new ToolError('the file would become too large; nothing was changed')
    current = replaced(current, find, before.length, after)
  }
  return current
}

function countOf(find: Find, length: number): number {
  let count = 0
  for (let at = find(0); at >= 0; at = find(at + length)) count++
  return count
}

function replaced(text: string, find: Find, length: number, after: string): string {
  const parts: string[] = []
  let from = 0
  for (let at = find(0); at >= 0; at = find(from)) {
    parts.push(text.slice(from, at))
    from = at + length
  }
  parts.push(text.slice(from))
  return parts.join(after)
}

const hasOnlyCrlf = (text: string): boolean => text.includes('\r\n') && !/(?<!\r)\n/.test(text)

const toCrlf = (part: string): string => part.replace(/\r?\n/g, '\r\n')

function lineEndHint(text: string, part: string): string {
  return text.includes('\r\n') && part.includes('\n') && !hasOnlyCrlf(text)
    ? ': some lines of this file end with \\r\\n'
    : ''
}
