import * as assert from 'uvu/assert'
import { environmentsOfVariable } from '../../../src/client/environments/variables.ts'
import { test } from '../../support/suite.ts'

test('without CODEX_EXEC_SERVER_URL, or with nothing in it, there is this process alone', () => {
  for (const value of [undefined, '', ' \t\n', '\u0085']) {
    assert.equal(
      environmentsOfVariable(value),
      { environments: [{ id: 'local', local: true }], defaultId: 'local' },
      JSON.stringify(value),
    )
  }
})

test('`none` in any case means no environment at all', () => {
  for (const value of ['none', ' NoNe ', 'NONE\n'])
    assert.equal(environmentsOfVariable(value), { environments: [] }, value)
})

test('anything else is the URL of the one environment, which is not looked at yet', () => {
  for (const url of ['ws://127.0.0.1:4600/c/T?x#y', 'unix:/run/box', 'http://nonsense', 'nones']) {
    assert.equal(environmentsOfVariable(` ${url}\n`), { environments: [{ id: 'remote', url }], defaultId: 'remote' })
  }
})

test.run()
