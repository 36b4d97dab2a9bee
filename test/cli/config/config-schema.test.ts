/** The schema for the real options of the server. */
import * as assert from 'uvu/assert'
import { decodeConfig } from '../../../src/cli/config/config-schema.ts'
import type { ConfigFault } from '../../../src/cli/config/config-schema.ts'
import { fileOptions } from '../../../src/cli/config/options.ts'
import type { Option } from '../../../src/cli/config/options.ts'
import { serveOptions } from '../../../src/cli/serve/arguments.ts'
import { test } from '../../support/suite.ts'

const valid = ({ type, multiple, inFile }: Option): unknown =>
  type === 'boolean' ? true : multiple === true ? ['x'] : inFile === 'number' ? 7 : 'x'

const faultOf = (input: unknown): ConfigFault => {
  const decoded = decodeConfig(input, serveOptions)
  if ('fault' in decoded) return decoded.fault
  throw new Error(`${JSON.stringify(input)} was accepted`)
}

test('every option of the server is a key, but for those that print something and --config itself', () => {
  const names = fileOptions(serveOptions).map(([name]) => name)
  assert.equal(
    Object.keys(serveOptions).filter((name) => !names.includes(name)),
    ['config', 'help', 'version', 'licenses'],
  )
  const all = Object.fromEntries(fileOptions(serveOptions).map(([name, option]) => [name, valid(option)]))
  const decoded = decodeConfig(all, serveOptions)
  assert.ok('values' in decoded && decoded.values.length === names.length)
})

test('a value of another type is refused with the type that the key takes', () => {
  for (const [name, option] of fileOptions(serveOptions)) {
    const fault = faultOf({ [name]: option.type === 'boolean' ? 'yes' : true })
    assert.is(fault.key, name)
    assert.match(fault.message, new RegExp(`^${name} takes .*, not (?:"yes"|true)$`))
  }
  assert.match(faultOf({ 'max-sessions': 1.5 }).message, /takes a whole number, not 1.5/)
  assert.match(faultOf({ 'max-sessions': '1' }).message, /takes a whole number, not "1"/)
  assert.match(faultOf({ 'allow-host': [1] }).message, /^allow-host takes a text/)
  assert.match(faultOf({ 'http-policy': [] }).message, /takes a table/)
})

test('values become what the command line has', () => {
  const input = { 'max-sessions': 12, 'http-policy': { deny: ['10.0.0.0/8'] }, 'capability-url': false }
  assert.equal(decodeConfig(input, serveOptions), {
    values: [
      ['capability-url', false],
      ['max-sessions', '12'],
      ['http-policy', '{"deny":["10.0.0.0/8"]}'],
    ],
  })
})

test('an unknown key is refused with the nearest name, or with where to look', () => {
  const hints = (key: string): string => faultOf({ [key]: 1 }).hints.join()
  assert.is(faultOf({ 'max-sesions': 1 }).message, 'there is no key max-sesions')
  assert.is(hints('max-sesions'), 'did you mean max-sessions?')
  assert.is(hints('max_sessions'), 'did you mean max-sessions?')
  assert.match(hints('password'), /^a secret stands in a file of its own, .*ws-token-file/)
  assert.match(hints('server'), /exec-server --help/)
  assert.match(hints('config'), /for the command line only/)
  assert.match(hints('constructor'), /exec-server --help/)
})

test.run()
