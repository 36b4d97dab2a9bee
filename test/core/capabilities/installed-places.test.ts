/** Where Codex keeps what it has installed. */
import * as assert from 'uvu/assert'
import { installedPlaces } from '../../../src/core/capabilities/installed-places.ts'
import type { ConfigFiles } from '../../../src/core/codex-config/config-files.ts'
import { test } from '../../support/suite.ts'

const places = (homes: ConfigFiles['homes']): ReturnType<typeof installedPlaces> =>
  installedPlaces({ systemDirectory: '/etc/codex', homes } as ConfigFiles)

test("Codex's home comes first, then the user's, then the whole machine", async () => {
  assert.equal(await places(async () => ({ user: '/home/é', codex: '/c' })), {
    pluginCache: '/c/plugins/cache',
    skills: [
      { id: 'codex-home-skills', path: 'file:///c/skills' },
      { id: 'user-agent-skills', path: 'file:///home/%C3%A9/.agents/skills' },
      { id: 'system-skills', path: 'file:///etc/codex/skills' },
    ],
    warnings: [],
  })
})

test('without a home, the skills of the machine are left, and a warning', async () => {
  const { pluginCache, skills, warnings } = await places(async () => {
    throw new Error('no home')
  })
  assert.equal([pluginCache, skills.map(({ id }) => id), warnings], [undefined, ['system-skills'], ['no home']])
})

test.run()
