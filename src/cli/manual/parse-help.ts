/** Reads the help of a command. */

/** An option as the help mentions it. */
export type HelpOption = {
  /** With their dashes. */
  names: readonly string[]
  /** What the value is called, without quotes. Undefined: it takes none. */
  value: string | undefined
  /** In one line. */
  help: string
}

/** `  -s, --signal SIGNAL   what it does`: the names, the value and the text, behind two spaces if there is no value. */
const OPTION = /^ {2,6}(?<names>(?:-\w, )*--[a-z0-9-]+)(?: (?<value>'[^']+'|[A-Z][A-Z=]*) +| {2,})(?<help>\S.*)$/

/** A line that continues the text of an option. */
const CONTINUATION = /^ {10,}\S/

/** The options and the paragraphs of prose. Leaves out the line of the usage. */
export function parseHelp(text: string): { options: HelpOption[]; paragraphs: string[] } {
  const options: HelpOption[] = []
  const paragraphs: string[] = []
  let isInParagraph = false
  let isInOption = false
  for (const line of text.split('\n')) {
    const { names, value, help } = OPTION.exec(line)?.groups ?? {}
    if (names !== undefined && help !== undefined) {
      options.push({ names: names.split(', '), value: value?.replaceAll("'", ''), help })
      isInOption = true
      isInParagraph = false
    } else if (isInOption && CONTINUATION.test(line)) {
      const last = options.at(-1) as HelpOption
      last.help += ` ${line.trim()}`
    } else if (line === '' || line.startsWith('Usage: ')) {
      isInOption = false
      isInParagraph = false
    } else if (isInParagraph) {
      paragraphs[paragraphs.length - 1] += ` ${line.trim()}`
    } else {
      paragraphs.push(line.trim())
      isInOption = false
      isInParagraph = true
    }
  }
  return { options, paragraphs }
}
