/** What only one side has, or only once, called by a common name. */
import { Buffer } from 'node:buffer'
import { parse } from 'smol-toml'

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/g
const BASE64_MEMBER = /^(chunk|\w+Base64)$/
const WORDING_MEMBER = /^(error|message|warnings)$/
const OS_ERROR = / \(os error \d+\)/
const HOUR_MS = 3_600_000

export class Names {
  readonly #common: readonly (readonly [string, string])[]

  /** Each own name and its common one; longer ones first where one begins with another. */
  constructor(common: readonly (readonly [string, string])[]) {
    this.#common = common
  }

  text(text: string): string {
    let result = text.replaceAll(UUID, '<uuid>')
    for (const [own, common] of this.#common) result = result.replaceAll(own, common)
    return result
  }

  /** Of an answer. */
  value(value: unknown, member = ''): unknown {
    if (typeof value === 'string') return this.#string(value, member)
    if (typeof value === 'number') return member.endsWith('AtMs') && isRecent(value) ? '<now>' : value
    if (Array.isArray(value)) return value.map((item) => this.value(item, member))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [this.text(name), this.value(inner, name)]))
  }

  #string(text: string, member: string): unknown {
    // Wording is each server's own, but the system's error number is a fact.
    if (WORDING_MEMBER.test(member)) return `<words${OS_ERROR.exec(text)?.[0] ?? ''}>`
    if (member === 'toml') return { toml: this.value(parse(text)) }
    if (!BASE64_MEMBER.test(member)) return this.text(text)
    const bytes = Buffer.from(text, 'base64')
    // Another alphabet, or no padding, must not be taken for the same.
    return bytes.toString('base64') === text ? this.content(asText(bytes)) : `no base64: ${text}`
  }

  /** What was in base64; if it is JSON, member by member. */
  content(text: string): unknown {
    if (!text.startsWith('{"')) return `base64 of ${this.text(text)}`
    try {
      return { json: this.value(JSON.parse(text)) }
    } catch {
      return `base64 of ${this.text(text)}`
    }
  }
}

export function asText(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  return Buffer.from(text).equals(bytes) ? text : `latin1 ${bytes.toString('latin1')}`
}

const isRecent = (ms: number): boolean => Math.abs(Date.now() - ms) < HOUR_MS
