import * as assert from 'uvu/assert'
import { fingerprint, startupFiles } from '../../../src/core/shell-snapshot/startup-files.ts'
import { test } from '../../support/suite.ts'

test('the files of each shell are those of the machine and of the home directory', () => {
  const files = (shell: string, env: Record<string, string>) => startupFiles(shell, new Map(Object.entries(env)))
  assert.ok(files('bash', { HOME: '/h' }).includes('/h/.bashrc'))
  assert.ok(files('zsh', { HOME: '/h', ZDOTDIR: '/z' }).includes('/z/.zprofile'))
  assert.ok(files('sh', { HOME: '/h', ENV: '/e' }).includes('/e'))
  assert.not(files('sh', { ENV: 'relative', HOME: 'relative' }).some((path) => !path.startsWith('/')))
})

test('the fingerprint changes with the size, the time and the presence of a file', async () => {
  const seen = new Set<string>()
  for (const state of [[1, 1], [2, 1], [1, 2], undefined])
    seen.add(
      await fingerprint(['/a', '/b'], {
        async getMetadata(path) {
          if (path === '/b' || state === undefined) throw new Error('no such file')
          const [size = 0, modifiedAtMs = 0] = state
          return { isFile: true, isDirectory: false, isSymlink: false, size, createdAtMs: 0, modifiedAtMs }
        },
      }),
    )
  assert.is(seen.size, 4)
})

test.run()
