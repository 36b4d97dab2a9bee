/** A second reader of JSON, written apart from the server's, so that the two can disagree. */

/** Numbers as they were written; objects as maps, in order. */
export type Read = null | boolean | string | Figure | Read[] | Map<string, Read>

export class Figure {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** The protocol's bound on nesting. */
const MAX_DEPTH = 128

const SPACE = /[ \t\r\n]*/y
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const WORDS: readonly (readonly [string, Read])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
]

class Malformed extends Error {}

/** Undefined for whatever the protocol calls malformed: duplicate members, lone surrogates and deep nesting included. */
export function readJson(bytes: Uint8Array): Read | undefined {
  try {
    return read(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (error) {
    if (error instanceof Malformed || error instanceof TypeError) return undefined
    throw error
  }
}

function read(text: string): Read {
  let at = 0

  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    at += found?.length ?? 0
    return found
  }
  const take = (character: string): boolean => {
    match(SPACE)
    if (text[at] !== character) return false
    at++
    return true
  }
  const must = (condition: boolean): void => {
    if (!condition) throw new Malformed()
  }

  const string = (): string => {
    const start = at++
    while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
    must(at < text.length)
    at++
    let value
    try {
      value = JSON.parse(text.slice(start, at)) as string
    } catch {
      throw new Malformed()
    }
    must(value.isWellFormed())
    return value
  }

  const value = (depth: number): Read => {
    must(depth <= MAX_DEPTH)
    match(SPACE)
    if (text[at] === '"') return string()
    if (take('{')) return object(depth)
    if (take('[')) return list(depth)
    for (const [word, meaning] of WORDS) {
      if (!text.startsWith(word, at)) continue
      at += word.length
      return meaning
    }
    const number = match(NUMBER)
    must(number !== undefined && number !== '')
    return new Figure(number as string)
  }

  const object = (depth: number): Read => {
    const members = new Map<string, Read>()
    if (take('}')) return members
    do {
      match(SPACE)
      must(text[at] === '"')
      const key = string()
      must(!members.has(key) && take(':'))
      members.set(key, inside(depth))
    } while (take(','))
    must(take('}'))
    return members
  }

  const list = (depth: number): Read => {
    const items: Read[] = []
    if (take(']')) return items
    do items.push(inside(depth))
    while (take(','))
    must(take(']'))
    return items
  }

  /** What stands in an object or a list; the bound counts those, and not the plain values in them. */
  const inside = (depth: number): Read => {
    match(SPACE)
    return value(text[at] === '{' || text[at] === '[' ? depth + 1 : depth)
  }

  const whole = value(/^[ \t\r\n]*[[{]/.test(text) ? 1 : 0)
  match(SPACE)
  must(at === text.length)
  return whole
}
