import * as assert from 'uvu/assert'
import { nextSteps } from '../../../src/cli/serve/next-steps.ts'
import { test } from '../../support/suite.ts'

const lines = (url: string, needsToken = false): string[] => nextSteps({ url, needsToken }, 'exec-server').split('\n')

test('the next steps have the URL, at an address to connect to', () => {
  assert.equal(lines('ws://0.0.0.0:4600/c/x'), [
    'exec-server: it serves; from another terminal:',
    '  exec-server run --url ws://127.0.0.1:4600/c/x -- uname -a',
    '  CODEX_EXEC_SERVER_URL=ws://127.0.0.1:4600/c/x codex',
    '  Ctrl-C ends it',
    '',
  ])
})

test('a certificate that only its file makes trusted is named', () => {
  const steps = nextSteps({ url: 'wss://[::]:1', needsToken: false, authority: '/state/c.pem' }, 'exec-server')
  assert.equal(steps.split('\n').slice(1, 3), [
    '  exec-server run --url wss://[::1]:1 --tls-ca /state/c.pem -- uname -a',
    '  Ctrl-C ends it',
  ])
})

test('Codex is left out where it cannot connect by a variable', () => {
  assert.equal(lines('unix:/x').slice(1, 3), ['  exec-server run --url unix:/x -- uname -a', '  Ctrl-C ends it'])
  assert.equal(lines('ws://127.0.0.1:1', true).slice(1, 3), [
    '  exec-server run --url ws://127.0.0.1:1 --bearer-token-file PATH -- uname -a',
    '  Ctrl-C ends it',
  ])
})

test.run()
