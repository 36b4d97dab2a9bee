/**
 * Attempts to get out of workspace-write with what the tools of MCP clients can do, one after the other. After each the host
 * is looked at: nothing outside of the workspace may have changed, and nothing may have been reached.
 */
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { atEnd } from '../../support/scope.ts'
import { isAlive } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { BESIDE_TMP, dataOf, startAgent } from './mcp-client.ts'

const test = suite('mcp escapes, table', { limitMs: 300_000 })

/** What each command is given: the folder outside, the server's process, a port and a socket of the host. */
const COMMANDS: readonly [name: string, command: string][] = [
  ['a file outside', 'echo x > "$OUT/plain"'],
  ['a new file outside', 'echo x > "$OUT/new"'],
  ['appending', 'echo x >> "$OUT/plain"'],
  ['removing', 'rm -f "$OUT/plain"'],
  ['renaming out of it', 'mv "$OUT/plain" "$OUT/moved"'],
  ['renaming into the workspace', 'mv "$OUT/plain" ./taken'],
  ['renaming a file over it', 'echo x > own && mv own "$OUT/plain"'],
  ['a hard link', 'ln "$OUT/plain" ./hard && echo x > ./hard'],
  ['a link in the workspace', 'ln -s "$OUT/plain" ./soft; echo x > ./soft'],
  ['a link to the folder', 'echo x > ./link/new'],
  ['/proc/self/root', 'echo x > "/proc/self/root$OUT/new"'],
  ['/proc/1/root', 'echo x > "/proc/1/root$OUT/new"'],
  ["the server's root", 'echo x > "/proc/$SERVER/root$OUT/new"'],
  ["the server's directory", 'cd "/proc/$SERVER/cwd" && echo x > "$OUT/new"'],
  ['a descriptor of the folder', 'exec 9< "$OUT"; echo x > /proc/self/fd/9/new'],
  ['times and modes', 'touch -d 2000-01-01 "$OUT/plain"; chmod 777 "$OUT/plain"; chmod 777 "$OUT"'],
  ['owners', 'chown 12345 "$OUT/plain"'],
  ['truncating', 'truncate -s 0 "$OUT/plain"'],
  ['an extended attribute', 'setfattr -n user.x -v y "$OUT/plain"'],
  ['another user namespace', 'unshare -Ur sh -c "echo x > \\"$OUT/new\\""'],
  ['another mount namespace', 'unshare -m sh -c "mount -o remount,rw / && echo x > \\"$OUT/new\\""'],
  ['mounting', 'mount -o remount,rw,bind "$OUT"; mount --bind "$OUT" . && echo x > ./new'],
  ['the namespaces of the server', 'nsenter -t "$SERVER" -a sh -c "echo x > \\"$OUT/new\\""'],
  ['a device', 'mknod ./device b 8 0 && head -c 1 ./device'],
  ['settings of the kernel', 'echo 1 > /proc/sys/vm/drop_caches && touch "$REACHED"'],
  ['killing the server', 'kill -9 "$SERVER"'],
  ['the memory of the server', 'exec 9<> "/proc/$SERVER/mem" && touch "$REACHED"'],
  ['a port of the host', 'bash -c "exec 9<> /dev/tcp/127.0.0.1/$PORT" && touch "$REACHED"'],
  ['a port by UDP', 'bash -c "echo x > /dev/udp/127.0.0.1/$PORT" && touch "$REACHED"'],
  ['a service that starts later', 'mkdir -p .git/hooks && echo x > .git/hooks/post-checkout && touch "$REACHED"'],
  ['the configuration of agents', 'mkdir -p .codex && echo x > .codex/config.toml && touch "$REACHED"'],
  ['a program that stays', 'setsid -f sleep 1000; (trap "" TERM HUP; nohup sleep 1000 &) '],
]

/** Names of a file outside, for the tools that write files. */
const NAMES: readonly string[] = [
  '$OUT/new',
  '$OUT/plain',
  '../$BASE/new',
  './x/../../$BASE/plain',
  'link/new',
  'link/plain',
  '/proc/self/root$OUT/new',
  '/proc/1/root$OUT/new',
  '/proc/$SERVER/root$OUT/new',
  '/proc/self/cwd/../$BASE/new',
]

/** All that can be seen of a folder: names, kinds, modes, owners, times and contents. */
function stateOf(folder: string): string {
  return ['', ...readdirSync(folder).sort()]
    .map((name) => {
      const path = join(folder, name)
      const { mode, uid, mtimeMs, nlink } = lstatSync(path)
      return [name, mode, uid, mtimeMs, nlink, name === '' ? '' : readFileSync(path, 'utf8')].join(' ')
    })
    .join('\n')
}

test('no tool changes or reaches anything outside', async () => {
  const outside = realpathSync(mkdtempSync(join(BESIDE_TMP, 'exec-server-mcp-table-')))
  atEnd(() => rmSync(outside, { recursive: true, force: true }))
  writeFileSync(join(outside, 'plain'), 'untouched\n')
  let connections = 0
  const listener = createServer((socket) => {
    connections++
    socket.destroy()
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  atEnd(() => listener.close())
  const { port } = listener.address() as AddressInfo
  const { call, workspace, pid } = await startAgent()
  symlinkSync(outside, join(workspace, 'link'))
  const before = stateOf(outside)
  const values = { OUT: outside, BASE: outside.slice(outside.lastIndexOf('/') + 1), SERVER: String(pid) }
  const assignments = Object.entries({ ...values, PORT: String(port), REACHED: join(workspace, 'reached') })
    .map(([name, value]) => `${name}='${value}'`)
    .join(' ')
  const check = (name: string): void => {
    assert.is(stateOf(outside), before, name)
    assert.not(readdirSync(workspace).includes('reached'), name)
    assert.is(connections, 0, name)
    assert.ok(isAlive(pid) && isAlive(process.pid), name)
  }

  // What is tried does have an effect where it may.
  assert.is(dataOf(await call('exec', { command: `${assignments}; echo x > own-file; cat own-file` }))['output'], 'x\n')
  for (const [name, command] of COMMANDS) {
    await call('exec', { command: `export ${assignments}; ${command}`, yield_time_ms: 20_000 })
    check(name)
  }
  for (const template of NAMES) {
    const path = template.replaceAll(/\$([A-Z]+)/g, (_, name: string) => values[name as keyof typeof values])
    const edits = [{ old_text: 'untouched', new_text: 'touched' }]
    const writes: [string, Record<string, unknown>][] = [
      ['write_file', { path, content: 'x' }],
      ['edit_file', { path, edits }],
      ['apply_patch', { patch: `--- /dev/null\n+++ ${path}\n@@ -0,0 +1 @@\n+x\n` }],
      ['apply_patch', { patch: `--- ${path}\n+++ ${path}\n@@ -1 +1 @@\n-untouched\n+touched\n` }],
      ['apply_patch', { patch: `--- ${path}\n+++ /dev/null\n@@ -1 +0,0 @@\n-untouched\n` }],
    ]
    for (const [tool, args] of writes) {
      const { isError } = await call(tool, args)
      assert.is(isError, true, `${tool} ${template}`)
      check(`${tool} ${template}`)
    }
    const { isError } = await call('exec', { command: 'pwd', cwd: path })
    check(`exec in ${template}: ${isError}`)
  }
})

test.run()
