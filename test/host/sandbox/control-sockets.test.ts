/** Which control sockets of this machine a policy leaves covered. */
import { once } from 'node:events'
import { mkdirSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { controlSockets } from '../../../src/host/sandbox/control-sockets.ts'
import type { Policy } from '../../../src/sandbox/policy/policy.ts'
import { atEnd } from '../../support/scope.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const policy = (...rules: Policy['rules']): Policy => ({ rules, minimal: false, denyGlobs: [], network: 'enabled' })

async function listen(path: string): Promise<string> {
  const server = createServer().listen(path)
  atEnd(() => server.close())
  await once(server, 'listening')
  return path
}

test("they are found by their real paths, this server's own among them, and those that an entry names are left out", async () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'podman'))
  const [own, engine] = [await listen(join(folder, 'own')), await listen(join(folder, 'engine'))]
  const pod = await listen(join(folder, 'podman', 'podman.sock'))
  symlinkSync(engine, join(folder, 'link'))
  const env = {
    XDG_RUNTIME_DIR: folder,
    DOCKER_HOST: `unix://${join(folder, 'link')}`,
    CONTAINER_HOST: join(folder, 'no'),
  }
  const found = (...rules: Policy['rules']): string[] =>
    controlSockets(policy(...rules), [own], { uid: -1, home: undefined, env })
      .filter((path) => path.startsWith(folder))
      .sort()
  const all = [engine, own, join(folder, 'podman')].sort()
  assert.equal(found(), all)
  assert.equal(found({ path: folder, access: 'write' }, { path: engine, access: 'deny' }), all)
  assert.equal(
    found({ path: join(folder, 'link'), access: 'read' }),
    all.filter((path) => path !== engine),
  )
  // The directory stays covered; the entry shows the socket in it.
  assert.equal(found({ path: pod, access: 'write' }), all)
})

test.run()
