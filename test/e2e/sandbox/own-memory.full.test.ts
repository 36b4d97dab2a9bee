/** Secrets of the server: reads under a sandbox that lets everything be read show a helper, and not the server. */
import { spawn } from 'node:child_process'
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { endWithTest } from '../../support/child.ts'
import { firstLine } from '../../support/first-line.ts'
import { forEachUser, managed, READ_ALL, TOKEN, uri, WRITE_ROOTS } from '../../support/sandbox.ts'
import type { Attempt } from '../../support/sandbox.ts'
import { serverCommand } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const full = ({ tree }: Attempt) => managed([tree.ws], [READ_ALL, WRITE_ROOTS])

forEachUser("the server's own memory", (row) => {
  row.asRoot('its environment is not to be read, under whatever name, by any call', async (a) => {
    const { tree, server } = a
    const sandbox = full(a)
    tree.link('ws/environ', '/proc/self/environ')
    tree.link('ws/server', `/proc/${server.pid}/environ`)
    tree.link('ws/proc', '/proc')
    for (const path of [
      '/proc/self/environ',
      '/proc/thread-self/environ',
      `/proc/${server.pid}/environ`,
      `/proc/${server.pid}/task/${server.pid}/environ`,
      tree.in('ws/environ'),
      tree.in('ws/server'),
      tree.in(`ws/proc/${server.pid}/environ`),
      '/dev/fd/../environ',
      '/tmp/../proc/self/environ',
    ]) {
      const { result } = await a.fs('readFile', { path }, sandbox)
      const text = Buffer.from(result?.dataBase64 ?? '', 'base64').toString()
      assert.not.match(text, TOKEN, path)
      const opened = await a.client.ask('fs/open', { handleId: `h${path}`, path: uri(path), sandbox })
      if (opened.error !== undefined) continue
      const block = await a.client.ask('fs/readBlock', { handleId: `h${path}`, offset: 0, len: 65_536 })
      assert.not.match(Buffer.from(block.result?.chunk ?? '', 'base64').toString(), TOKEN, path)
      await a.client.ask('fs/close', { handleId: `h${path}` })
    }
  })

  row.asRoot('neither are its memory, its open files, or the names in its folder of /proc', async (a) => {
    const { server } = a
    const sandbox = full(a)
    for (const path of [`/proc/${server.pid}/fd`, `/proc/${server.pid}`]) {
      assert.match((await a.refused('readDirectory', { path }, sandbox)).message, /No such file|ermission denied/)
      await a.refused('getMetadata', { path }, sandbox)
      await a.refused('canonicalize', { path }, sandbox)
    }
    for (const path of [`/proc/${server.pid}/mem`, `/proc/${server.pid}/maps`, `/proc/${server.pid}/exe`])
      await a.refused('readFile', { path }, sandbox)
    const { path } = await a.ok('canonicalize', { path: '/proc/self' }, sandbox)
    assert.is.not(path, `file:///proc/${server.pid}`)
    // Where its stack is, is random.
    const stack = (maps: string): string | undefined => /^.*\[stack\]$/m.exec(maps)?.[0]
    const own = stack(readFileSync(`/proc/${server.pid}/maps`, 'utf8'))
    assert.is.not(stack(await a.text('/proc/self/maps', sandbox)), own)
    const options = { maxDepth: 3, maxDirectories: 5000, maxEntries: 50_000, followDirectorySymlinks: true }
    const { entries } = await a.ok('walk', { path: '/proc', options }, sandbox)
    assert.is(
      entries.some((entry: { path: string }) => entry.path.startsWith(`file:///proc/${server.pid}/`)),
      false,
    )
  })

  row.asRoot('other files are read as before, /proc of the helper among them', async (a) => {
    const sandbox = full(a)
    a.tree.link('ws/link', 'inside.txt')
    assert.is(await a.text(a.tree.in('ws/inside.txt'), sandbox), 'inside')
    assert.match(await a.text('/proc/version', sandbox), /^Linux version/)
    assert.is(await a.text(a.tree.in('ws/link'), sandbox), 'inside')
  })
})

const test = suite('a token in the environment')
const onLinux = process.platform === 'linux' ? test : (test.skip as typeof test)

onLinux('does not stay in the memory that /proc shows, where a token of the server is in it', async () => {
  const folder = temporaryFolder()
  const token = 'a-token-that-was-exported-as-well'
  const file = join(folder, 'token')
  writeFileSync(file, token)
  symlinkSync(file, join(folder, 'link'))
  const [command, args] = serverCommand(['--capability-url', '--ws-token-file', join(folder, 'link')])
  const env = {
    PATH: process.env['PATH'],
    BEFORE: 'before',
    URL_OF_SERVER: `ws://x/c/${token}`,
    TOKEN: token,
    AFTER: 'after',
  }
  const child = endWithTest(spawn(command, args, { env, stdio: ['ignore', 'pipe', 'inherit'] }))
  await firstLine(child)
  const shown = readFileSync(`/proc/${child.pid}/environ`, 'latin1')
  assert.not.match(shown, token)
  for (const kept of ['BEFORE=before', 'URL_OF_SERVER=\0', 'AFTER=after']) assert.match(shown, kept)
})

test.run()
