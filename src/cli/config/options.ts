/** The table of options that a command line and a configuration file have in common. */

/** An option: what `parseArgs` needs to know of it, and what it is in a configuration file. */
export type Option = {
  type: 'string' | 'boolean'
  short?: string
  multiple?: boolean
  /**
   * In a file: a whole number, or a table besides a text. `never`: only a command line has it. Absent: what `type` and
   * `multiple` say.
   */
  inFile?: 'number' | 'table' | 'never'
  /** The default. Absent: false for a flag, nothing for the others. */
  fallback?: boolean | number | string
}

/** Options by their names, without dashes. */
export type Options = Readonly<Record<string, Option>>

/** A value as `parseArgs` returns it: numbers as text. */
export type OptionValue = string | boolean | string[]

/** The options that a file may have. */
export const fileOptions = (options: Options): [name: string, option: Option][] =>
  Object.entries(options).filter(([, { inFile }]) => inFile !== 'never')
