import * as assert from 'uvu/assert'
import type { serveOptions } from '../../src/cli/serve/arguments.ts'
import { parseServerConfig } from '../../src/embed/config.ts'
import type { PROCESS_OPTIONS } from '../../src/embed/config.ts'
import type { ServerConfig } from '../../src/embed/types.ts'
import { test } from '../support/suite.ts'

type Options = typeof serveOptions
/** Those that a configuration file may have, but for those of a process. */
type Option = Exclude<
  { [Name in keyof Options]: Options[Name] extends { inFile: 'never' } ? never : Name }[keyof Options],
  (typeof PROCESS_OPTIONS)[number]
>
/** Names that only one of the two has: an option that is added to the server belongs into ServerConfig, too. */
type Different = Exclude<Option, keyof ServerConfig> | Exclude<keyof ServerConfig, Option>

test('a program can set every option of the server', () => {
  const different: Record<Different, never> = {}
  assert.equal(different, {})
})

test('options have the meaning that they have on the command line', () => {
  const { limits, hosts, sandbox, httpPolicy, listen, logLevel } = parseServerConfig({
    listen: 'unix:/run/x.sock',
    'retained-mib': 3,
    'drain-seconds': 2,
    'allow-host': ['a.example', '*.b.example'],
    'require-sandbox': true,
    'capability-url': false,
    'http-policy': { allow: ['a.example'] },
    'log-level': 'debug',
  })
  assert.equal(
    [limits.retainedTotal, limits.drainMs, hosts, sandbox.required],
    [3 * 1024 * 1024, 2000, ['a.example', '*.b.example'], true],
  )
  assert.equal(
    [httpPolicy, listen, logLevel],
    ['{"allow":["a.example"]}', { kind: 'unix', path: '/run/x.sock' }, 'debug'],
  )
})

test('what is wrong with a configuration is said', () => {
  const bad: [config: object, message: RegExp][] = [
    [{ 'retained-mib': 0 }, /retained-mib takes a whole number/],
    [{ 'retained-mib': 1.5 }, /retained-mib/],
    [{ retained: 5 }, /there is no key retained/],
    [{ model: 'x' }, /there is no key model/],
    [{ 'exit-when-idle': 5 }, /exit-when-idle is for/],
    [{ help: true }, /there is no key help/],
    [{ listen: 'stdio' }, /serveStreams/],
    [{ listen: 'ws://0.0.0.0:1' }, /can be reached by others/],
    [{ 'allow-origin': ['*'] }, /allow-origin/],
    [{ 'log-level': 'loud' }, /log-level/],
  ]
  for (const [config, message] of bad)
    assert.throws(
      () => parseServerConfig(config),
      (error: Error) => message.test(error.message),
      JSON.stringify(config),
    )
})

test.run()
