/** Finds a text within another in linear time: no other client of the server is answered meanwhile. */

/** The product of the lengths up to which `indexOf` is used: at worst it takes some 20 ms then, as it is quadratic. */
const MAX_PRODUCT = 10 ** 8

/** Returns the first position from `from` on, or -1. */
export type Find = (from: number) => number

/** Prepares a search for `part`, which is not empty. */
export function finder(text: string, part: string): Find {
  if (text.length * part.length <= MAX_PRODUCT) return (from) => text.indexOf(part, from)
  const borders = bordersOf(part)
  return (from) => {
    let matched = 0
    for (let at = from; at < text.length; at++) {
      const code = text.charCodeAt(at)
      while (matched > 0 && part.charCodeAt(matched) !== code) matched = borders[matched - 1] as number
      if (part.charCodeAt(matched) === code) matched++
      if (matched === part.length) return at + 1 - matched
    }
    return -1
  }
}

/** Knuth, Morris and Pratt: for each prefix, the length of the longest one of its own prefixes that it ends with. */
function bordersOf(part: string): Int32Array {
  const borders = new Int32Array(part.length)
  let length = 0
  for (let at = 1; at < part.length; at++) {
    const code = part.charCodeAt(at)
    while (length > 0 && part.charCodeAt(length) !== code) length = borders[length - 1] as number
    if (part.charCodeAt(length) === code) length++
    borders[at] = length
  }
  return borders
}
