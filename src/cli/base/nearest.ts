/** Finds the name that was probably meant by a mistyped one. */

/** Names up to this length, without dashes, have too many neighbours for two edits. */
const SHORT_NAME = 4

/** Edits that may separate the two. */
const editsFor = (...names: string[]): number =>
  names.some((name) => name.replace(/^-+/, '').length <= SHORT_NAME) ? 1 : 2

/** The nearest of the names, or the only one that begins with the text; undefined if none is near. */
export function nearest(text: string, names: readonly string[]): string | undefined {
  const begun = text.length > 1 ? names.filter((name) => name.startsWith(text)) : []
  if (begun.length === 1) return begun[0]
  const ranked = names
    .map((name) => ({ name, edits: editDistance(text, name) }))
    .filter(({ name, edits }) => edits <= editsFor(name, text) && edits < name.length)
  return ranked.sort((a, b) => a.edits - b.edits)[0]?.name
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one into the other. */
export function editDistance(from: string, to: string): number {
  let before: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let row = 1; row <= from.length; row++) {
    const now = [row]
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1]
      const isSwap = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      now[column] = Math.min(
        (last[column] as number) + 1,
        (now[column - 1] as number) + 1,
        (last[column - 1] as number) + (isSame ? 0 : 1),
        isSwap ? (before[column - 2] as number) + 1 : Infinity,
      )
    }
    before = last
    last = now
  }
  return last[to.length] as number
}
