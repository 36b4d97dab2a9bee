/** Files that are given to the program must be its user's, or root's. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  lchownSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { openTrusted } from '../../src/base/trusted-file.ts'
import { test } from '../support/suite.ts'
import { temporaryFolder } from '../support/temporary.ts'

const OTHER_USER = 65_533
const asRoot = process.getuid?.() === 0 ? test : (test.skip as typeof test)

const read = (path: string): string => {
  const { fd } = openTrusted(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}

function file(path: string, mode = 0o600): string {
  writeFileSync(path, 'text')
  chmodSync(path, mode)
  return path
}

function folderOf(path: string, mode: number): string {
  mkdirSync(path)
  chmodSync(path, mode)
  return path
}

test('a file that only its user can change is opened, readable by others or not, and through links of that user', () => {
  const folder = temporaryFolder()
  for (const mode of [0o400, 0o600, 0o644, 0o755]) assert.is(read(file(join(folder, `f${mode}`), mode)), 'text')
  symlinkSync('f420', join(folder, 'link'))
  symlinkSync(join(folder, 'link'), join(folder, 'link-to-link'))
  assert.is(read(join(folder, 'link-to-link')), 'text')
  assert.is(openTrusted(join(folder, 'link-to-link'), constants.O_RDONLY).path, join(folder, 'f420'))
})

test('a file that its group or others can write is refused, with what to do', () => {
  const folder = temporaryFolder()
  for (const mode of [0o620, 0o602, 0o666, 0o777]) {
    const path = file(join(folder, `f${mode}`), mode)
    assert.throws(() => read(path), `${path} can be written by its group or by others: chmod go-w ${path}`)
  }
  const fifo = join(folder, 'fifo')
  execFileSync('mkfifo', ['-m', '666', fifo])
  assert.throws(() => read(fifo), /can be written by its group or by others/)
})

test('so is one in a directory that they can write, unless it is sticky', () => {
  const folder = temporaryFolder()
  for (const mode of [0o770, 0o707, 0o777]) {
    const inside = folderOf(join(folder, `d${mode}`), mode)
    const path = file(join(inside, 'file'))
    assert.throws(() => read(path), new RegExp(`its directory ${inside} can be written by .*chmod go-w ${inside}`))
    symlinkSync(path, join(folder, `link${mode}`))
    assert.throws(() => read(join(folder, `link${mode}`)), /its directory/)
  }
  assert.is(read(file(join(folderOf(join(folder, 'sticky'), 0o1777), 'file'))), 'text')
})

asRoot('so is one of another user, and a link of his', () => {
  const folder = folderOf(join(temporaryFolder(), 'sticky'), 0o1777)
  const theirs = file(join(folder, 'theirs'))
  chownSync(theirs, OTHER_USER, OTHER_USER)
  assert.throws(() => read(theirs), `${theirs} belongs to user ${OTHER_USER}, not to this one or root: chown it`)
  const link = join(folder, 'link')
  symlinkSync(file(join(folder, 'ours')), link)
  lchownSync(link, OTHER_USER, OTHER_USER)
  assert.throws(() => read(link), `${link} is a symbolic link of user ${OTHER_USER}: name the file itself`)
  // Nor is anything made where it leads.
  const dangling = join(folder, 'dangling')
  symlinkSync(join(folder, 'made'), dangling)
  lchownSync(dangling, OTHER_USER, OTHER_USER)
  assert.throws(() => openTrusted(dangling, constants.O_WRONLY | constants.O_CREAT, 0o600), /symbolic link of user/)
  assert.is(statSync(join(folder, 'made'), { throwIfNoEntry: false }), undefined)
})

test('a file is made with its mode, and a missing one or a circle of links is the system’s error', () => {
  const folder = temporaryFolder()
  const { fd } = openTrusted(join(folder, 'new'), constants.O_WRONLY | constants.O_CREAT, 0o600)
  closeSync(fd)
  assert.is(statSync(join(folder, 'new')).mode & 0o777, 0o600)
  assert.throws(() => read(join(folder, 'missing')), /ENOENT/)
  symlinkSync('circle', join(folder, 'circle'))
  assert.throws(() => read(join(folder, 'circle')))
})

test('a descriptor that the program was started with is opened, a pipe of a shell among them', () => {
  const fd = openSync(file(join(temporaryFolder(), 'file')), 'r')
  assert.is(read(`/dev/fd/${fd}`), 'text')
  closeSync(fd)
  const script = `import { openTrusted } from ${JSON.stringify(join(import.meta.dirname, '../../src/base/trusted-file.ts'))}
    import { readFileSync } from 'node:fs'
    process.stdout.write(readFileSync(openTrusted(process.argv[1], 0).fd))`
  const command = 'exec "$0" --input-type=module -e "$1" <(printf piped)'
  if ('Deno' in globalThis) return
  assert.is(execFileSync('bash', ['-c', command, process.execPath, script], { encoding: 'utf8' }), 'piped')
})

test.run()
