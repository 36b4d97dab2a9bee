/** The disk is full: every call says so in the system's words, and works again when there is room. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { holdingsOf, settled } from '../../support/faults/fault-proc.ts'
import {
  assertSilent,
  isRoot,
  needsLinux,
  shownUnless,
  startFaultServer,
  whyNoSandbox,
  works,
} from '../../support/faults/fault-server.ts'
import type { FaultServer } from '../../support/faults/fault-server.ts'
import { at, managed, special } from '../../support/sandbox.ts'
import { atEnd } from '../../support/scope.ts'
import { suite } from '../../support/suite.ts'

const test = suite('faults: the disk is full')

const MiB = 1024 * 1024
/** Small enough to be full at once; its number of files is small, too. */
const OPTIONS = 'size=2m,nr_inodes=40'
/** A mount that only the server and its children see, so that it is gone with them. */
const PRIVATE = isRoot ? ['unshare', '-m'] : ['unshare', '-r', '-m']
const onSmallDisk = (folder: string): string[] => [
  ...PRIVATE,
  'sh',
  '-c',
  `mount -t tmpfs -o ${OPTIONS} tmpfs "$0" && exec "$@"`,
  folder,
]

const whole = mkdtempSync(join(tmpdir(), 'exec-server-disk-'))
atEnd(() => rmSync(whole, { recursive: true }))
const needsMount = works([...onSmallDisk(whole), 'true']) ? undefined : 'no small disk can be mounted'
const needsSandbox = whyNoSandbox(PRIVATE)
const shown = shownUnless(needsLinux ?? needsMount, test)
const shownConfined = shownUnless(needsLinux ?? needsMount ?? needsSandbox, test)

let server: FaultServer
let client: Client

test.before(async () => {
  if (needsMount !== undefined) return
  // What the server or a child puts into the temporary folder is put there as well.
  server = await startFaultServer({ under: onSmallDisk(whole), env: { ...process.env, TMPDIR: whole } })
  client = await Client.connect(server.url)
})
test.after(async () => {
  await client?.close()
  await server?.stop()
})

/** As the server has it, and as the test sees it from outside of the mount. */
const inside = (name: string): string => join(whole, name)
const outside = (name: string): string => join(`/proc/${server.pid}/root`, whole, name)

/** Its code, and the system's text at the end of the message. */
function assertFull({ error }: { error?: { code: number; message: string } }, what?: string): void {
  assert.is(error?.code, -32603, what)
  assert.match(error?.message ?? '', /No space left on device \(os error 28\)$/, what)
}
const block = Buffer.alloc(MiB, 'block ')
const dataBase64 = block.toString('base64')
const twoBlocks = Buffer.alloc(3 * MiB, 'large ')

const empty = async (): Promise<void> => {
  const { entries } = await client.request('fs/readDirectory', { path: whole })
  for (const { fileName } of entries) await client.request('fs/remove', { path: inside(fileName), recursive: true })
}

/** Takes all the room there is. */
async function fill(): Promise<void> {
  const { code } = await client.run(`fill${++filled}`, ['/bin/sh', '-c', 'head -c 4000000 /dev/zero > fill'], {
    cwd: whole,
  })
  assert.is.not(code, 0)
}
let filled = 0

const isPrefix = (part: Buffer, of: Buffer): boolean => part.equals(of.subarray(0, part.length))

for (const confined of [false, true]) {
  const row = confined ? shownConfined : shown
  const where = confined ? ' in a sandbox' : ''
  // What may be read is not all, so that a helper in a sandbox does it.
  const sandbox = confined ? managed([whole], [special('minimal', 'read'), at(whole, 'write')]) : null

  row(
    `a file that does not fit is an error${where}, what fitted is there, and it can be written once there is room`,
    async () => {
      await empty()
      await client.request('fs/writeFile', { path: inside('a'), dataBase64, sandbox })
      const answer = await client.ask('fs/writeFile', {
        path: inside('b'),
        dataBase64: twoBlocks.toString('base64'),
        sandbox,
      })
      assertFull(answer)
      // Writing truncates in place; so what is left of the file is a beginning of the new text, and never a mixture.
      assert.ok(isPrefix(readFileSync(outside('b')), twoBlocks))
      assert.ok(readFileSync(outside('a')).equals(block), 'others are unharmed')
      await client.request('fs/remove', { path: inside('b'), sandbox })
      await client.request('fs/writeFile', {
        path: inside('b'),
        dataBase64: block.subarray(0, 500_000).toString('base64'),
        sandbox,
      })
      assert.ok(readFileSync(outside('b')).equals(block.subarray(0, 500_000)))
    },
  )

  row(
    `a block that does not fit is an error${where} and closes the handle; with room another can be opened and written`,
    async () => {
      await empty()
      await client.request('fs/open', { handleId: 'h', path: inside('a'), mode: 'replace', sandbox })
      await client.request('fs/writeBlock', { handleId: 'h', offset: 0, chunk: dataBase64 })
      await fill()
      assertFull(await client.ask('fs/writeBlock', { handleId: 'h', offset: MiB, chunk: dataBase64 }))
      assert.is((await client.ask('fs/writeBlock', { handleId: 'h', offset: 0, chunk: 'eA==' })).error?.code, -32004)
      assert.ok(isPrefix(block, readFileSync(outside('a')).subarray(0, MiB)), 'the block before is whole')
      await client.request('fs/remove', { path: inside('fill') })
      await client.request('fs/open', { handleId: 'h', path: inside('a'), mode: 'replace', sandbox })
      await client.request('fs/writeBlock', { handleId: 'h', offset: 0, chunk: dataBase64 })
      await client.request('fs/close', { handleId: 'h' })
      assert.ok(readFileSync(outside('a')).equals(block))
    },
  )

  row(
    `a copy that does not fit is an error${where}, its source is unharmed, and it can be made once there is room`,
    async () => {
      await empty()
      await client.request('fs/createDirectory', { path: inside('tree') })
      await client.request('fs/writeFile', { path: inside('tree/leaf'), dataBase64 })
      await client.request('fs/writeFile', {
        path: inside('rest'),
        dataBase64: block.subarray(0, 600_000).toString('base64'),
      })
      const copy = { sourcePath: inside('tree'), destinationPath: inside('copy'), recursive: true, sandbox }
      assertFull(await client.ask('fs/copy', copy))
      // The runtime takes a file that it could not copy away again, or leaves its beginning.
      assert.ok(!existsSync(outside('copy/leaf')) || isPrefix(readFileSync(outside('copy/leaf')), block))
      assert.ok(readFileSync(outside('tree/leaf')).equals(block))
      await client.request('fs/remove', { path: inside('copy'), recursive: true })
      await client.request('fs/remove', { path: inside('rest') })
      await client.request('fs/writeFile', {
        path: inside('tree/leaf'),
        dataBase64: block.subarray(0, 500_000).toString('base64'),
      })
      await client.request('fs/copy', copy)
      assert.ok(readFileSync(outside('copy/leaf')).equals(block.subarray(0, 500_000)))
    },
  )

  row(
    `where there can be no more files, a file, a folder and a copy are errors${where}, and can be made once there can`,
    async () => {
      await empty()
      await client.request('fs/writeFile', { path: inside('one'), dataBase64: 'eA==' })
      await client.run(`files${++filled}`, ['/bin/sh', '-c', 'mkdir many; for i in $(seq 60); do : > many/$i; done'], {
        cwd: whole,
      })
      const calls: [string, object][] = [
        ['fs/writeFile', { path: inside('new'), dataBase64: 'eA==', sandbox }],
        ['fs/createDirectory', { path: inside('folder'), recursive: true, sandbox }],
        ['fs/copy', { sourcePath: inside('one'), destinationPath: inside('two'), recursive: false, sandbox }],
        ['fs/open', { handleId: 'n', path: inside('opened'), mode: 'replace', sandbox }],
      ]
      for (const [method, params] of calls) assertFull(await client.ask(method, params), method)
      const { entries } = await client.request('fs/readDirectory', { path: whole })
      assert.equal(entries.map(({ fileName }: { fileName: string }) => fileName).sort(), ['many', 'one'])
      await client.request('fs/remove', { path: inside('many'), recursive: true })
      for (const [method, params] of calls) assert.is((await client.ask(method, params)).error, undefined, method)
      await client.request('fs/close', { handleId: 'n' })
    },
  )
}

shown(
  'a child gets the error from its own calls, on pipes and on a terminal; its output and exit code arrive',
  async () => {
    await empty()
    await fill()
    for (const tty of [false, true]) {
      const id = `child${tty}`
      const script = 'LC_ALL=C cp /bin/sh copied; echo "cp ended with $?"; exit 9'
      const { code, output } = await client.run(id, ['/bin/sh', '-c', script], { cwd: whole, tty })
      assert.is(code, 9)
      assert.match(output, /No space left on device/)
      assert.match(output, /cp ended with 1/)
    }
  },
)

for (const confined of [false, true]) {
  const row = confined ? shownConfined : shown
  row(
    `programs and terminals start${confined ? ' in a sandbox' : ''} though there is no room for a temporary file`,
    async () => {
      await empty()
      await fill()
      const before = holdingsOf(server.pid)
      const sandbox = confined ? managed(['/'], [special('root', 'read')]) : null
      for (const tty of [false, true]) {
        const id = `start${confined}${tty}`
        const { code, output } = await client.run(id, ['/bin/sh', '-c', 'echo here; exit 4'], { tty, sandbox })
        assert.equal([code, output.trim()], [4, 'here'])
      }
      await settled(server.pid, before)
    },
  )
}

shown('reading goes on while nothing can be written, and the server says nothing of all this', async () => {
  await empty()
  await client.request('fs/writeFile', { path: inside('a'), dataBase64 })
  await fill()
  assert.is((await client.request('fs/readFile', { path: inside('a') })).dataBase64, dataBase64)
  assert.is(statSync(outside('a')).size, MiB)
  assertSilent(server)
})

test.run()
