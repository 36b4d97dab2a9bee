/** Parses the text of a configuration file, TOML or JSON, and finds the lines of its keys. */
import { parse, TomlError } from 'smol-toml'
import { UsageError } from '../../base/usage-error.ts'
import { isJsonObject, JsonSyntaxError, parseJson } from '../../protocol/wire/json.ts'

/** The keys and values, and the line of each key, counted from 1. */
export type ParsedConfig = {
  table: Readonly<Record<string, unknown>>
  /** Undefined for a key that is written in an unusual way, with escapes for example. */
  lineOf(key: string): number | undefined
}

/**
 * Parses a file: JSON if it begins with a brace, else TOML.
 * @throws {UsageError} with the file's name and the position
 */
export function parseConfig(text: string, file: string): ParsedConfig {
  return text.trimStart().startsWith('{') ? parseJsonConfig(text, file) : parseTomlConfig(text, file)
}

function parseTomlConfig(text: string, file: string): ParsedConfig {
  try {
    return { table: parse(text), lineOf: (key) => tomlLine(text, key) }
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    // The lines after the first quote the document.
    const reason = (error.message.split('\n')[0] ?? '').replace(/^Invalid TOML document: /, '')
    throw new UsageError(`${file}:${error.line}:${error.column}: ${reason}`, 2)
  }
}

/** A line with the key is not in the middle of a text of several lines if what stands before it is a whole document. */
function tomlLine(text: string, key: string): number | undefined {
  const lines = text.split('\n')
  const name = RegExp.escape(key)
  const begins = new RegExp(`^\\s*(?:${name}|"${name}"|'${name}')\\s*[=.]`)
  const headers = new RegExp(`^\\s*\\[+\\s*["']?${name}["']?\\s*[\\].]`)
  const index = lines.findIndex(
    (line, at) => (begins.test(line) || headers.test(line)) && isDocument(lines.slice(0, at).join('\n')),
  )
  return index < 0 ? undefined : index + 1
}

function isDocument(text: string): boolean {
  try {
    parse(text)
    return true
  } catch {
    return false
  }
}

function parseJsonConfig(text: string, file: string): ParsedConfig {
  try {
    const table = parseJson(text)
    if (!isJsonObject(table)) throw new UsageError(`${file}: expected an object`, 2)
    return { table, lineOf: (key) => jsonLine(text, key) }
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    const [, reason, character] = /^(.*) at character (\d+)$/s.exec(error.message) ?? [undefined, error.message, '0']
    throw new UsageError(`${file}:${lineAt(text, Number(character))}: ${reason}`, 2)
  }
}

/** Inside of a text there would be a backslash before the quotation marks. */
function jsonLine(text: string, key: string): number | undefined {
  const found = new RegExp(`"${RegExp.escape(key)}"\\s*:`).exec(text)
  return found === null ? undefined : lineAt(text, found.index)
}

const lineAt = (text: string, character: number): number => text.slice(0, character).split('\n').length
