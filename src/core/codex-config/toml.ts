/** TOML documents. The library that reads them is loaded with the first: most sessions have none. */

/** Values are strings, numbers (floats), bigints (integers), booleans, Temporal's dates and times, arrays and tables. */
export type TomlTable = { [key: string]: unknown }

/** Tables have no prototype, so that any name can be a key of theirs. */
export const isTable = (value: unknown): value is TomlTable =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null

export const tableOf = (entries: Iterable<readonly [string, unknown]>): TomlTable => {
  const table = Object.create(null) as TomlTable
  for (const [key, value] of entries) table[key] = value
  return table
}

/** Tables and arrays in one another. Codex's reader takes as many. */
const MAX_DEPTH = 80

/** Throws an error that begins with the file's name and, where there is one, the position. */
export async function parseToml(text: string, file: string): Promise<TomlTable> {
  const { parse, TomlError } = await import('smol-toml')
  try {
    // Temporal keeps all of a date; the other choice is JavaScript's Date, which knows no nanoseconds.
    const document = parse(text, { integersAsBigInt: true, useLegacyDate: false, maxDepth: MAX_DEPTH + 1 })
    refuseExcess(document, file, 0)
    return document
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    // What follows the first line is the text itself, which is not for everybody to read.
    const reason = (error.message.split('\n')[0] ?? '').replace(/^Invalid TOML document: /, '')
    throw new Error(`${file}:${error.line}:${error.column}: ${reason}`)
  }
}

/** The library takes what Codex's reader, which gets it next, would refuse with everything else in the answer. */
function refuseExcess(value: unknown, file: string, depth: number): void {
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) !== value)
    throw new Error(`${file}: an integer is beyond 64 bits`)
  const members = Array.isArray(value) ? value : isTable(value) ? Object.values(value) : undefined
  if (members === undefined) return
  if (depth > MAX_DEPTH) throw new Error(`${file}: values are nested too deeply`)
  for (const member of members) refuseExcess(member, file, depth + 1)
}

/**
 * Each key of the table on a line, tables below it in braces. With headers, as the library writes them, a document
 * may grow a thousandfold, because each repeats the names of all the tables that it lies in.
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

/** JSON's escapes are TOML's, except that TOML has one more character to escape. */
const quoted = (text: string): string => JSON.stringify(text).replaceAll('\x7f', '\\u007F')

function formatFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
  if (Object.is(value, -0)) return '-0.0'
  // A float needs a point or an exponent.
  return Number.isInteger(value) ? value.toFixed(1) : String(value)
}
