/** What `doctor` finds, and how it prints it. */

/** One thing that was looked at. */
export type Finding = {
  /** What it is of, in a few words. */
  name: string
  /** How it is, in one line. */
  value: string
  /** False if something does not work, or works less well. */
  isFine: boolean
  /** What is lost, and what to do about it. */
  notes: readonly string[]
}

/** A finding with nothing to say about it. */
export const fine = (name: string, value: string): Finding => ({ name, value, isFine: true, notes: [] })

/** A finding that something does not work, with what is lost and what to do. */
export const amiss = (name: string, value: string, ...notes: string[]): Finding => ({
  name,
  value,
  isFine: false,
  notes,
})

/** Width of the column of names. */
const NAME_WIDTH = 20

/** Lines for a person: names in a column, notes below their finding. */
export function findingLines({ name, value, notes }: Finding): string {
  return [`${name.padEnd(NAME_WIDTH)}${value}\n`, ...notes.map((note) => `${' '.repeat(NAME_WIDTH)}${note}\n`)].join('')
}

/** One JSON object for a program. `isFine`: the answer that the exit code gives, too. */
export function findingsJson(version: string, isFine: boolean, findings: readonly Finding[]): string {
  return `${JSON.stringify({ version, isFine, findings }, undefined, 2)}\n`
}
