import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { holdMountPoints, isMountPoint } from '../../../src/host/sandbox/mount-points.ts'
import { eventually, isDeno, root } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

let folder: string
const at = (name: string): string => join(folder, name)
test.before.each(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'mount-points-')))
})
test.after.each(() => rmSync(folder, { recursive: true }))

const wanted = () => [
  { path: at('.git'), isDirectory: true },
  { path: at('notes'), isDirectory: false },
]

test('what is held is there until its last holder releases it', () => {
  const [one, other] = [holdMountPoints(wanted()), holdMountPoints(wanted())]
  assert.equal(one.held, wanted())
  assert.ok(isMountPoint(at('.git')) && isMountPoint(at('notes')))
  one.release()
  assert.equal(readdirSync(folder).sort(), ['.git', 'notes'])
  other.release()
  assert.equal(readdirSync(folder), [])
})

test('what someone of their own made is no mount point, and is not taken for one', () => {
  mkdirSync(at('.git'))
  writeFileSync(at('notes'), '')
  assert.not(isMountPoint(at('.git')) || isMountPoint(at('notes')))
  assert.throws(() => holdMountPoints(wanted()), /EEXIST/)
  assert.equal(readdirSync(folder).sort(), ['.git', 'notes'])
})

test('what someone begins to use meanwhile is left to them', () => {
  const { release } = holdMountPoints(wanted())
  writeFileSync(at('.git/HEAD'), '')
  release()
  assert.equal(readdirSync(folder), ['.git'])
})

test('without locks nothing is held, as another server could remove it', () => {
  assert.throws(() => holdMountPoints(wanted(), false), /\.git.*file locks are not available/)
  assert.equal(readdirSync(folder), [])
  assert.equal(holdMountPoints([], false).held, [])
})

test('what cannot be made is left out', () => {
  const { held, release } = holdMountPoints([{ path: '/sys/exec-server-test', isDirectory: true }, ...wanted()])
  assert.equal(held, wanted())
  release()
})

test('a directory that is gone, or has become a link, gets no mount points, nor does what the link leads to', () => {
  mkdirSync(at('elsewhere'))
  symlinkSync('elsewhere', at('link'))
  for (const name of ['no/such/directory', 'link/.git'])
    assert.throws(() => holdMountPoints([...wanted(), { path: at(name), isDirectory: true }]), /was replaced/)
  assert.equal(readdirSync(folder).sort(), ['elsewhere', 'link'])
  assert.equal(readdirSync(at('elsewhere')), [])
})

test('a mount point is removed from its own directory, not from what has taken its place', () => {
  for (const name of ['mine', 'foreign']) mkdirSync(at(name))
  const { release } = holdMountPoints([{ path: at('mine/.git'), isDirectory: true }])
  const other = holdMountPoints([{ path: at('foreign/.git'), isDirectory: true }])
  renameSync(at('mine'), at('moved'))
  symlinkSync('foreign', at('mine'))
  release()
  assert.equal(readdirSync(at('moved')), [])
  assert.equal(readdirSync(at('foreign')), ['.git'])
  other.release()
  assert.equal(readdirSync(at('foreign')), [])
})

test('what a killed server leaves is not looked for behind a link', async () => {
  for (const name of ['mine', 'foreign']) mkdirSync(at(name))
  const holder = await startHolder([
    { path: at('mine/.git'), isDirectory: true },
    { path: at('own'), isDirectory: true },
  ])
  renameSync(at('mine'), at('moved'))
  symlinkSync('foreign', at('mine'))
  mkdirSync(at('foreign/.git'))
  holder.kill('SIGKILL')
  // Removed after the other one.
  await eventually(() => !existsSync(at('own')), 5000, 'the end of what is where it was')
  assert.equal(readdirSync(at('foreign')), ['.git'])
})

/** Another server's part: holds the points of a folder until it is told to stop. */
const HOLDER = `
  const { holdMountPoints } = await import(process.argv[2])
  const { release } = holdMountPoints(JSON.parse(process.argv[3]))
  console.log('held')
  process.stdin.once('data', () => { release(); process.exit() })
`

async function startHolder(points = wanted()): Promise<ChildProcess> {
  const script = join(folder, '..', `holder-${process.pid}.mjs`)
  writeFileSync(script, HOLDER)
  const module = join(root, 'src', 'host', 'sandbox', 'mount-points.ts')
  const child = spawn(process.execPath, [...(isDeno ? ['run', '-A'] : []), script, module, JSON.stringify(points)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await once(child.stdout as NodeJS.ReadableStream, 'data')
  rmSync(script)
  return child
}

test('servers that work in one directory share them, and the last one removes them', async () => {
  const other = await startHolder()
  const { held, release } = holdMountPoints(wanted())
  assert.equal(held, wanted())
  other.stdin?.write('stop')
  await once(other, 'exit')
  assert.equal(readdirSync(folder).sort(), ['.git', 'notes'])
  release()
  assert.equal(readdirSync(folder), [])
})

test("a server that is killed has its own cleared up after it, and no one else's", async () => {
  const alone = await startHolder()
  alone.kill('SIGKILL')
  await eventually(() => !existsSync(at('.git')) && !existsSync(at('notes')), 5000, 'an empty folder')

  // Its own is the last that is cleared up.
  const shared = await startHolder([...wanted(), { path: at('own'), isDirectory: true }])
  const { release } = holdMountPoints(wanted())
  shared.kill('SIGKILL')
  await eventually(() => !existsSync(at('own')), 5000, 'the end of its own')
  assert.equal(readdirSync(folder).sort(), ['.git', 'notes'])
  release()
  assert.equal(readdirSync(folder), [])
})

test.run()
