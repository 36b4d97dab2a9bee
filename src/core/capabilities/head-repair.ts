/** Repairs values in the head of a SKILL.md that people write without the quotes that YAML asks for. */

/** Indentation, key and the white space before a value. */
const FIELD = /^( *)([^:]+:\s+)(.*)$/
const COMMENT = /(^|\s+)#.*$/

/** A list, a map, or a character that is reserved. */
const OPENING = /^[[{@`]/
const BLOCK = /^[|>]/
const QUOTE = /^['"]/

/**
 * Quotes single-line values that hold `: `, or begin like a list and are none. Block texts and quoted values stay as they
 * are. `isYaml`: whether a value is YAML by itself.
 */
export async function repairHead(head: string, isYaml: (text: string) => Promise<boolean>): Promise<string> {
  const lines: string[] = []
  let block: number | undefined
  for (const line of head.split('\n')) {
    const indent = line.length - line.trimStart().length
    if (block !== undefined && line.trim() !== '' && indent <= block) block = undefined
    const [, spaces = '', key = '', rest = ''] = (block === undefined ? FIELD.exec(line) : null) ?? []
    const value = rest.replace(COMMENT, '').trimEnd()
    if (BLOCK.test(value)) block = indent
    const isPlain = value !== '' && !BLOCK.test(value) && !QUOTE.test(value)
    const needsQuotes = isPlain && (/:\s/.test(value) || (OPENING.test(value) && !(await isYaml(value))))
    lines.push(needsQuotes ? `${spaces}${key}'${value.replaceAll("'", "''")}'${rest.slice(value.length)}` : line)
  }
  return lines.join('\n')
}
