/** Nothing gets out of the policy through a tool. */
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import * as assert from 'uvu/assert'
import { atEnd } from '../../support/scope.ts'
import { suite } from '../../support/suite.ts'
import { BESIDE_TMP, dataOf, startAgent, textOf } from './mcp-client.ts'

const test = suite('mcp escapes', { limitMs: 180_000 })

/** A directory outside of every workspace and of /tmp, with a file in it. */
function outside(): { folder: string; file: string } {
  const folder = realpathSync(mkdtempSync(join(BESIDE_TMP, 'exec-server-mcp-outside-')))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'file')
  writeFileSync(file, 'untouched\n')
  return { folder, file }
}

const newFile = (path: string): string => `--- /dev/null\n+++ ${path}\n@@ -0,0 +1 @@\n+made\n`

for (const mode of ['workspace-write', 'read-only']) {
  test(`${mode}: no tool writes outside, by path, by .. or by a link`, async () => {
    const { folder, file } = outside()
    const { call, workspace } = await startAgent('--sandbox', mode)
    symlinkSync(folder, join(workspace, 'link'))
    const up = `..${folder.slice(folder.lastIndexOf('/'))}`
    for (const name of [file, `${up}/file`, 'link/file']) {
      const edits = [{ old_text: 'untouched', new_text: 'touched' }]
      const patch = `--- ${name}\n+++ ${name}\n@@ -1 +1 @@\n-untouched\n+touched\n`
      assert.is((await call('write_file', { path: name, content: 'touched' })).isError, true, name)
      assert.is((await call('edit_file', { path: name, edits })).isError, true, name)
      assert.is((await call('apply_patch', { patch })).isError, true, name)
      assert.is((await call('apply_patch', { patch: newFile(`${name}-2`) })).isError, true, name)
      assert.is.not(dataOf(await call('exec', { command: `echo touched > '${name}'` }))['exit_code'], 0, name)
    }
    assert.is(readFileSync(file, 'utf8'), 'untouched\n')
    assert.not(existsSync(`${file}-2`))
  })
}

test('read-only: nothing is written in the workspace either', async () => {
  const { call, workspace } = await startAgent('--sandbox', 'read-only')
  assert.is((await call('write_file', { path: 'a', content: '' })).isError, true)
  assert.is.not(dataOf(await call('exec', { command: 'touch a' }))['exit_code'], 0)
  assert.is((await call('apply_patch', { patch: newFile('a') })).isError, true)
  assert.not(existsSync(join(workspace, 'a')))
})

test('workspace-write: the hooks of git are protected', async () => {
  const { call, workspace } = await startAgent()
  assert.is((await call('write_file', { path: '.git/hooks/post-checkout', content: 'x' })).isError, true)
  assert.not(existsSync(join(workspace, '.git', 'hooks')))
})

test('options of ripgrep and grep cannot be given in a pattern, a glob or a path', async () => {
  const { call, workspace } = await startAgent()
  writeFileSync(join(workspace, 'a'), '--pre=touch x\n')
  assert.match(textOf(await call('grep', { pattern: '--pre=touch' })), /a:1:--pre=touch x/)
  assert.is((await call('grep', { pattern: 'x', path: '--pre=touch' })).isError, true)
})

test('without network a command reaches no port of this machine; with it, it and fetch do', async () => {
  let requests = 0
  const web = createServer((_request, response) => {
    requests++
    response.end('reached')
  })
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  atEnd(() => web.close())
  const { port } = web.address() as AddressInfo
  const command = `exec 3<>/dev/tcp/127.0.0.1/${port} && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3`
  const args = { command: `bash -c '${command.replaceAll("'", String.raw`'\''`)}'` }
  const closed = await startAgent()
  assert.is.not(dataOf(await closed.call('exec', args))['exit_code'], 0)
  assert.is(requests, 0)
  const open = await startAgent('--network', 'on')
  assert.match(textOf(await open.call('exec', args)), /reached/)
  assert.match(textOf(await open.call('fetch', { url: `http://127.0.0.1:${port}/` })), /^200[^]*reached$/)
  assert.is((await open.call('fetch', { url: 'file:///etc/passwd' })).isError, true)
})

test.run()
