/** Reads and writes TOML. The parser is loaded on first use: most sessions read none. */

/**
 * A table. Values are strings, numbers (floats), bigints (integers), booleans, Temporal dates and times, arrays and
 * tables.
 */
export type TomlTable = { [key: string]: unknown }

/** Whether a value is a table. Tables have no prototype, so that any name is a valid key. */
export const isTable = (value: unknown): value is TomlTable =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null

/** Creates a table from entries. */
export const tableOf = (entries: Iterable<readonly [string, unknown]>): TomlTable => {
  const table = Object.create(null) as TomlTable
  for (const [key, value] of entries) table[key] = value
  return table
}

/** Maximum nesting of tables and arrays. Same as Codex's parser. */
const MAX_DEPTH = 80

/**
 * Parses a document.
 * @throws Error whose message starts with the file's name and, for a syntax error, the position
 */
export async function parseToml(text: string, file: string): Promise<TomlTable> {
  const { parse, TomlError } = await import('smol-toml')
  try {
    // Temporal is exact; the alternative, JavaScript's Date, has no nanoseconds.
    const document = parse(text, { integersAsBigInt: true, useLegacyDate: false, maxDepth: MAX_DEPTH + 1 })
    refuseExcess(document, file, 0)
    return document
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    // The lines after the first quote the document, which may be confidential.
    const reason = (error.message.split('\n')[0] ?? '').replace(/^Invalid TOML document: /, '')
    throw new Error(`${file}:${error.line}:${error.column}: ${reason}`)
  }
}

/** Rejects what this parser accepts but Codex's would not: there it would invalidate the whole response. */
function refuseExcess(value: unknown, file: string, depth: number): void {
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) !== value)
    throw new Error(`${file}: an integer is beyond 64 bits`)
  const members = Array.isArray(value) ? value : isTable(value) ? Object.values(value) : undefined
  if (members === undefined) return
  if (depth > MAX_DEPTH) throw new Error(`${file}: values are nested too deeply`)
  for (const member of members) refuseExcess(member, file, depth + 1)
}

/**
 * Formats each key of the table on one line, nested tables inline. With headers, which repeat the names of all
 * enclosing tables, a document could grow a thousandfold.
 */
export const formatToml = (table: TomlTable): string =>
  Object.entries(table)
    .map(([key, value]) => `${quoted(key)} = ${formatValue(value)}\n`)
    .join('')

function formatValue(value: unknown): string {
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'number') return formatFloat(value)
  if (Array.isArray(value)) return `[${value.map(formatValue).join(', ')}]`
  if (isTable(value))
    return `{${Object.entries(value)
      .map(([key, member]) => `${quoted(key)} = ${formatValue(member)}`)
      .join(', ')}}`
  return value instanceof Temporal.ZonedDateTime ? value.toString({ timeZoneName: 'never' }) : String(value)
}

/** TOML strings use JSON's escapes, with one more character to escape. */
const quoted = (text: string): string => JSON.stringify(text).replaceAll('\x7f', '\\u007F')

function formatFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
  if (Object.is(value, -0)) return '-0.0'
  // A float needs a decimal point or an exponent.
  return Number.isInteger(value) ? value.toFixed(1) : String(value)
}
