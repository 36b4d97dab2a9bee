/**
 * Transcripts: files with command lines, what each writes, and its exit code, which a test runs again and compares.
 * `EXEC_SERVER_TEST_UPDATE=1` writes them anew.
 *
 *     $ NAME=VALUE exec-server run 'a b'
 *     exec-server: …
 *     [255]
 */
import { readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import * as assert from 'uvu/assert'

/** Runs one command line of `exec-server`. */
export type Run = (
  args: readonly string[],
  env: NodeJS.ProcessEnv,
) => Promise<{ code: number; stdout: string; stderr: string }>

/** What stands in the transcript for values that differ from run to run, such as folders and ports: name to value. */
export type Places = Readonly<Record<string, string>>

const COMMAND = /^\$ (?<variables>(?:\w+=\S* )*)exec-server ?(?<args>.*)$/

/** Words as in a shell: bare, or in single quotes. */
const words = (text: string): string[] =>
  Array.from(text.matchAll(/'([^']*)'|(\S+)/g), ([, quoted, bare]) => quoted ?? (bare as string))

/** Runs every command line of the file, and compares all of it. `mask` changes what cannot be foreseen. */
export async function checkTranscript(
  path: string,
  run: Run,
  { env = {}, places = {}, mask = (text) => text }: Options = {},
): Promise<void> {
  const expected = readFileSync(path, 'utf8')
  const filled = (text: string): string =>
    Object.entries(places).reduce((all, [name, value]) => all.replaceAll(name, value), text)
  const emptied = (text: string): string =>
    Object.entries(places).reduce((all, [name, value]) => all.replaceAll(value, name), text)
  const pieces: string[] = []
  let isOutput = false
  for (const line of expected.split('\n')) {
    const { variables = '', args } = COMMAND.exec(line)?.groups ?? {}
    if (args === undefined) {
      // Comments and empty lines between the commands stay.
      if (!isOutput) pieces.push(line)
      else if (/^\[\d+\]$/.test(line)) isOutput = false
      continue
    }
    const own = Object.fromEntries(words(filled(variables)).map((each) => each.split(/=(.*)/s, 2)))
    const { code, stdout, stderr } = await run(words(filled(args)), { ...env, ...own })
    const written = emptied(mask(Buffer.from(stdout + stderr, 'latin1').toString())).replaceAll('\r\n', '\n')
    pieces.push(line, ...(written === '' ? [] : [written.replace(/\n$/, '')]), `[${code}]`)
    isOutput = true
  }
  const actual = pieces.join('\n')
  if (process.env['EXEC_SERVER_TEST_UPDATE'] === '1') writeFileSync(path, actual)
  assert.is(actual, process.env['EXEC_SERVER_TEST_UPDATE'] === '1' ? actual : expected)
}

type Options = { env?: NodeJS.ProcessEnv; places?: Places; mask?: (text: string) => string }
