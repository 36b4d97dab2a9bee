import * as assert from 'uvu/assert'
import { parseServe } from '../../../src/cli/serve/arguments.ts'
import { refusalOf } from '../../support/refusal.ts'
import { test } from '../../support/suite.ts'

const ignored = (...args: string[]): readonly string[] => {
  const command = parseServe(args)
  return command.kind === 'serve' ? command.ignoredOptions : []
}

test("options of Codex's server that change nothing here are ignored, and named", () => {
  assert.equal(ignored('--listen', 'stdio'), [])
  const given = ['--concurrent-requests', '8', '-c', 'a.b=1', '--config', 'x=y', '--enable', 'a', '--enable', 'b']
  assert.equal(ignored(...given, '--disable=c', '--strict-config'), [
    'concurrent-requests',
    'config',
    'enable',
    'disable',
    'strict-config',
  ])
})

test('their values are read as Codex reads them', () => {
  for (const value of ['0', '-1', 'x', '', '1.5', '00'])
    assert.match(refusalOf([`--concurrent-requests=${value}`])?.message ?? '', /^--concurrent-requests takes/)
  assert.is(refusalOf(['--concurrent-requests', '1', '--concurrent-requests', '2'])?.exitCode, 2)
  assert.is(refusalOf(['--enable'])?.exitCode, 2)
})

test('options that change what commands may reach are refused with the reason', () => {
  for (const args of [
    ['--linux-sandbox-transparent-tcp'],
    ['--tcp-upstream-proxy', '127.0.0.1:3128'],
    ['--proxy-private-ips-via-upstream'],
  ]) {
    const { exitCode, message } = refusalOf(args) ?? { exitCode: 0, message: '' }
    assert.equal([exitCode, message], [2, `${args[0]} is not supported: this server has no network proxy`])
  }
  const inherit = refusalOf(['--linux-sandbox-pid-namespace', 'inherit'])
  assert.match(inherit?.message ?? '', /^--linux-sandbox-pid-namespace takes only isolate/)
  assert.is(refusalOf(['--linux-sandbox-pid-namespace', 'isolate']), undefined)
})

test("options for Codex's registry are refused, and the message names what carries this server there", () => {
  for (const args of [['--remote', 'https://x'], ['--environment-id=x'], ['--exit-on-stdin-close'], ['--aws-sigv4']])
    assert.match(refusalOf(args)?.message ?? '', /codex exec-server forward --connect URL/)
})

test.run()
