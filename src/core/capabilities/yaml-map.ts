/** Typed access to YAML that people have written. Scalars are texts, as in the reference: `name: 1` is "1". */
import type { Document, Node, YAMLMap } from 'yaml'

/** A value is not of the type that is asked for, or a key that is asked for is there twice. */
export class YamlShapeError extends Error {}

type Yaml = typeof import('yaml')

/**
 * Characters of a text that is parsed: real ones have some hundred. For this many the parser takes some milliseconds, during
 * which other clients wait.
 */
const MAX_LENGTH = 16 * 1024

/** What no YAML may hold; the parser would let it pass. */
const UNPRINTABLE = /(?![\t\n\r])\p{Cc}|[\ufffe\uffff]/u

const NULL = /^(~|null|Null|NULL|)$/
const TRUE = /^(true|True|TRUE)$/
const FALSE = /^(false|False|FALSE)$/
const INTEGER = /^\+?(0|[1-9][0-9]*|0x[0-9a-fA-F]+|0o[0-7]+)$/

/** A map. Null and what is absent are undefined; every other wrong type throws {@link YamlShapeError}. */
export class YamlMap {
  readonly #map: YAMLMap
  readonly #document: Document
  readonly #yaml: Yaml

  constructor(map: YAMLMap, document: Document, yaml: Yaml) {
    this.#map = map
    this.#document = document
    this.#yaml = yaml
  }

  text(key: string): string | undefined {
    return this.#textOf(this.#value(key))
  }

  texts(key: string): string[] {
    return this.#items(key).map((item) => this.#textOf(item) ?? fail(`${key} holds null`))
  }

  map(key: string): YamlMap | undefined {
    const value = this.#value(key)
    return this.#isNull(value) ? undefined : this.#mapOf(value, key)
  }

  maps(key: string): YamlMap[] {
    return this.#items(key).map((item) => this.#mapOf(item, key))
  }

  boolean(key: string): boolean | undefined {
    const text = this.#plain(key)
    if (text === undefined) return undefined
    return TRUE.test(text) || (FALSE.test(text) ? false : fail(`${key} is neither true nor false`))
  }

  integer(key: string): number | undefined {
    const text = this.#plain(key)
    if (text === undefined) return undefined
    return INTEGER.test(text) ? Number(text) : fail(`${key} is no number`)
  }

  has(key: string): boolean {
    return this.#value(key) !== undefined
  }

  #value(key: string): Node | undefined {
    const pairs = this.#map.items.filter((pair) => this.#yaml.isScalar(pair.key) && pair.key.value === key)
    if (pairs.length > 1) fail(`${key} is there twice`)
    const value = pairs[0]?.value
    if (!this.#yaml.isNode(value)) return undefined
    return this.#yaml.isAlias(value) ? value.resolve(this.#document) : value
  }

  #items(key: string): Node[] {
    const value = this.#value(key)
    if (this.#isNull(value)) return []
    return this.#yaml.isSeq(value) ? value.items.filter((item) => this.#yaml.isNode(item)) : fail(`${key} is no list`)
  }

  #mapOf(value: Node | undefined, key: string): YamlMap {
    if (!this.#yaml.isMap(value)) return fail(`${key} is no map`)
    return new YamlMap(value, this.#document, this.#yaml)
  }

  #textOf(value: Node | undefined): string | undefined {
    if (this.#isNull(value)) return undefined
    const text = this.#yaml.isScalar(value) ? String(value.value) : fail('it is no text')
    // Half of a pair, from an escape: clients could not read the answer.
    return text.isWellFormed() ? text : fail('it is not Unicode')
  }

  /** The text of a scalar without quotes. */
  #plain(key: string): string | undefined {
    const value = this.#value(key)
    if (this.#isNull(value)) return undefined
    return this.#yaml.isScalar(value) && value.type === 'PLAIN' ? String(value.value) : fail(`${key} is quoted`)
  }

  #isNull(value: Node | undefined): boolean {
    if (value === undefined) return true
    if (!this.#yaml.isScalar(value)) return false
    return value.value === null || (value.type === 'PLAIN' && NULL.test(String(value.value)))
  }
}

function fail(message: string): never {
  throw new YamlShapeError(message)
}

/** The map that a text is; undefined if it is not YAML, another value, more than one, or too long. */
export async function parseYamlMap(text: string): Promise<YamlMap | undefined> {
  if (text.length > MAX_LENGTH || UNPRINTABLE.test(text)) return undefined
  const yaml = await import('yaml')
  const document = yaml.parseDocument(text, {
    schema: 'failsafe',
    prettyErrors: false,
    logLevel: 'error',
    // Only those that are asked for must not be there twice.
    uniqueKeys: false,
  })
  if (document.errors.length > 0 || !yaml.isMap(document.contents)) return undefined
  return new YamlMap(document.contents, document, yaml)
}

/** Whether a text is YAML, of whatever kind. */
export async function isYaml(text: string): Promise<boolean> {
  if (text.length > MAX_LENGTH || UNPRINTABLE.test(text)) return false
  const { parseDocument } = await import('yaml')
  return parseDocument(text, { schema: 'failsafe', prettyErrors: false, logLevel: 'error' }).errors.length === 0
}

/** Runs `read`; undefined if a value is not of its type. */
export function ifShaped<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof YamlShapeError) return undefined
    throw error
  }
}

/** Text on one line: white space becomes single spaces. */
export const oneLine = (text: string | undefined): string => text?.split(/\s+/).filter(Boolean).join(' ') ?? ''
