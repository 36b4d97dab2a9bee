import * as assert from 'uvu/assert'
import { devboxPath } from '../../../src/cli/devbox/devbox-path.ts'
import { test } from '../../support/suite.ts'

const info = { userHomeDir: '/home/me', cwd: 'file:///srv/my%20work' } as const
const at = (path: string): string => devboxPath({ environmentInfo: info as never }, path)

test('a tilde is the home on the devbox, and relative paths start where its server was started', () => {
  assert.is(at('/a/../b'), '/a/../b')
  assert.is(at('~'), '/home/me')
  assert.is(at('~/x'), '/home/me/x')
  assert.is(at('.'), '/srv/my work/.')
  assert.is(at('./x/../y'), '/srv/my work/./x/../y')
  assert.is(at('~/x/'), '/home/me/x/')
  assert.is(devboxPath({ environmentInfo: { userHomeDir: '/', cwd: '/' } as never }, '~/x'), '/x')
  assert.is(at('x/y'), '/srv/my work/x/y')
  assert.is(at('~other'), '/srv/my work/~other')
})

test('a server that does not tell them takes absolute paths only', () => {
  assert.throws(
    () => devboxPath({ environmentInfo: undefined }, '~/x'),
    /does not tell where ~ is: ~\/x must be absolute/,
  )
  assert.is(devboxPath({ environmentInfo: undefined }, '/x'), '/x')
})

test.run()
