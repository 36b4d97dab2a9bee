/** What the executable must be able to do on every platform. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as assert from 'uvu/assert'
import type { Client } from '../support/client.ts'

/** A check, which throws if it fails, and may have a figure to report. */
export type Check = { title: string; run(client: Client): Promise<void | string> }

const ENV = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }
const LONG_MS = 300_000
let count = 0

/** Runs a shell script to its end. Emulated and busy machines are slow. */
async function sh(client: Client, script: string, more: object = {}): Promise<{ code: number; output: string }> {
  const processId = `p${++count}`
  await client.start(processId, ['/bin/sh', '-c', script], { env: ENV, ...more })
  return { code: await client.closed(processId, LONG_MS), output: client.outputOf(processId).toString() }
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

export const CHECKS: readonly Check[] = [
  {
    title: 'another server gives its URL',
    async run(client) {
      const processId = `p${++count}`
      const before = performance.now()
      await client.start(processId, ['/usr/local/bin/exec-server'], { env: ENV })
      await client.until(() => client.outputOf(processId).includes('\n'), LONG_MS)
      const milliseconds = performance.now() - before
      await client.request('process/terminate', { processId })
      await client.closed(processId, LONG_MS)
      assert.match(client.outputOf(processId).toString(), /^ws:\/\/127\.0\.0\.1:\d+\n/)
      return `after ${milliseconds.toFixed(0)} ms`
    },
  },
  {
    title: 'a command runs with pipes',
    async run(client) {
      assert.equal(await sh(client, 'echo out; echo err >&2; exit 3'), { code: 3, output: 'out\nerr\n' })
    },
  },
  {
    title: 'a command runs on a terminal',
    async run(client) {
      const script = 'test -t 0 && stty size; exit 4'
      assert.equal(await sh(client, script, { tty: true }), { code: 4, output: '24 80\r\n' })
    },
  },
  {
    title: 'a command gets its argv[0], with pipes and on a terminal',
    async run(client) {
      for (const tty of [false, true]) {
        // BusyBox runs the applet that the last part names.
        const { code, output } = await sh(client, 'echo $0', { arg0: '/custom/sh', tty })
        assert.equal({ code, output: output.trim() }, { code: 0, output: '/custom/sh' })
      }
    },
  },
  {
    title: 'a file is written and read',
    async run(client) {
      const path = '/tmp/file'
      await client.request('fs/writeFile', { path, dataBase64: base64('content') })
      assert.is((await client.request('fs/readFile', { path })).dataBase64, base64('content'))
      assert.equal(await sh(client, 'cat /tmp/file'), { code: 0, output: 'content' })
    },
  },
  {
    title: 'an HTTP request is made',
    async run(client) {
      const server = createServer((_, response) => response.end('answer'))
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      try {
        const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
        const result = await client.request('http/request', { method: 'GET', url, requestId: 'r' })
        assert.equal([result.status, result.bodyBase64], [200, base64('answer')])
      } finally {
        server.close()
      }
    },
  },
]

type Entry = { path: object; access: 'read' | 'write' }

const READ_ALL: Entry = { path: { type: 'special', value: { kind: 'root' } }, access: 'read' }

const sandbox = (...entries: Entry[]): object => ({
  permissions: { type: 'managed', file_system: { type: 'restricted', entries }, network: 'restricted' },
  cwd: 'file:///srv',
  workspaceRoots: ['file:///srv'],
})

/** Before bubblewrap is there. */
export const UNSANDBOXED: Check = {
  title: 'without bubblewrap a sandboxed command is refused, with the remedy',
  async run(client) {
    const { error } = await client.ask('process/start', {
      ...{ processId: 'refused', argv: ['/bin/true'], cwd: '/', env: ENV, tty: false },
      sandbox: sandbox(READ_ALL),
    })
    assert.match(error?.message ?? 'it was started', /install it \(apt install bubblewrap/)
  },
}

/** `install`: the script that makes bubblewrap available. */
export const sandboxChecks = (install: string): Check[] => [
  {
    title: `after ${install}`,
    async run(client) {
      const { code, output } = await sh(client, install)
      assert.is(code, 0, output.slice(-500))
    },
  },
  {
    title: 'a sandboxed command reads and cannot write, with pipes and on a terminal',
    async run(client) {
      for (const tty of [false, true]) {
        const script = 'cat /etc/passwd >/dev/null && echo read; echo x >/srv/new || echo refused'
        const { code, output } = await sh(client, script, { tty, sandbox: sandbox(READ_ALL) })
        // The shell's own message comes from another stream, at any place.
        const lines = output.split(/\r?\n/).filter((line) => line === 'read' || line === 'refused')
        assert.equal({ code, lines }, { code: 0, lines: ['read', 'refused'] }, output)
      }
    },
  },
  {
    title: 'a sandbox that shows one folder only reads files there, and no other',
    async run(client) {
      await client.request('fs/writeFile', { path: '/srv/file', dataBase64: base64('content') })
      const only = sandbox({ path: { type: 'path', path: 'file:///srv' }, access: 'read' })
      const read = (path: string) => client.ask('fs/readFile', { path, sandbox: only })
      assert.is((await read('/srv/file')).result?.dataBase64, base64('content'))
      assert.match((await read('/etc/passwd')).error?.message ?? 'it was read', /No such file|denied|not permitted/i)
    },
  },
]

/** `install`: the command of the first installation. */
export const reinstallCheck = (install: string): Check => ({
  title: 'it is installed anew while it serves, and goes on serving',
  async run(client) {
    const { code, output } = await sh(client, install)
    assert.is(code, 0, output)
    assert.match(output, /^exec-server \d+\.\d+\.\d+\S* is installed: \/usr\/local\/bin\/exec-server\n/)
    assert.equal(await sh(client, 'echo on'), { code: 0, output: 'on\n' })
    assert.equal(await sh(client, 'ls -a /opt /usr/local/bin 2>/dev/null | grep -c install'), {
      code: 1,
      output: '0\n',
    })
  },
})
