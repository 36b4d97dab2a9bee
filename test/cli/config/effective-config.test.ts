import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { settingsJson, settingsOf, settingsToml } from '../../../src/cli/config/effective-config.ts'
import { readConfig } from '../../../src/cli/config/read-config.ts'
import { serveOptions } from '../../../src/cli/serve/arguments.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const config = {
  file: '/f',
  values: { 'max-sessions': '3', 'allow-host': ['a'], 'max-requests': '9' },
  lines: { 'max-sessions': 1, 'allow-host': undefined, 'max-requests': 2 },
}
const settings = settingsOf(serveOptions, { 'max-requests': '8', 'capability-url': false }, config)

test('the command line wins over the file, and the file over the defaults', () => {
  assert.equal(settings['max-requests'], { value: 8, from: 'command line' })
  assert.equal(settings['capability-url'], { value: false, from: 'command line' })
  assert.equal(settings['max-sessions'], { value: 3, from: 'file', line: 1 })
  assert.equal(settings['allow-host'], { value: ['a'], from: 'file' })
  assert.equal(settings['listen'], { value: 'ws://127.0.0.1:0', from: 'default' })
  assert.equal(settings['session-ttl-seconds'], { value: 80, from: 'default' })
  assert.equal(settings['bwrap'], { value: null, from: 'default' })
  assert.is(settings['help'], undefined)
})

test('the TOML says where each value comes from, and as a file has the same effect', async () => {
  const toml = await settingsToml(settings, '/f')
  assert.match(toml, /^max-requests = 8 {2}# command line$/m)
  assert.match(toml, /^max-sessions = 3 {2}# \/f:1$/m)
  assert.match(toml, /^# session-ttl-seconds = 80 {2}\(default\)$/m)
  const path = join(temporaryFolder(), 'f.toml')
  writeFileSync(path, toml, { mode: 0o600 })
  assert.equal(readConfig(path, serveOptions).values, {
    'allow-host': ['a'],
    'capability-url': false,
    'max-requests': '8',
    'max-sessions': '3',
  })
})

test('the JSON tells the same', () => {
  const told = JSON.parse(settingsJson(settings, undefined)) as { file: unknown; options: object }
  assert.is(told.file, null)
  assert.equal(told.options, settings)
})

test.run()
