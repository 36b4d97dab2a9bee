import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as assert from 'uvu/assert'
import { ErrorCode, RpcError, UnsupportedError } from '../../../src/client/base/errors.ts'
import type { Sandbox } from '../../../src/client/base/types.ts'
import { test } from '../../support/suite.ts'
import { sharing } from './support/shared-server.ts'
import { subjects } from './support/subject.ts'
import type { Subject } from './support/subject.ts'
import { failure, isSame, pattern, withClient } from './support/with-client.ts'

const MiB = 1024 * 1024

const shared = subjects.map((subject) => sharing(test, subject))
const [ours] = shared as [Subject]

for (const subject of shared) {
  const { name, faults } = subject
  /** What came with 0.150: blocks, fs/walk, links that are not followed. */
  const isNew = !faults.has('noBlocks')
  /** What came with 0.140: sizes, fs/canonicalize. */
  const isOld = faults.has('noSignal')

  test(`${name}: files are written, read, looked at, listed, copied and removed`, () =>
    withClient(subject, async ({ client: { fs }, folder }) => {
      const at = (...names: string[]): string => join(folder, ...names)
      await fs.createDirectory(at('sp ace', 'ä'))
      await fs.writeFile(at('sp ace', 'ä', 'f'), 'häll\ufeffo')
      await fs.writeFile(pathToFileURL(at('sp ace', 'b%41')), new Uint8Array([0, 255, 1]))
      assert.is(await fs.readTextFile(pathToFileURL(at('sp ace', 'ä', 'f'))), 'häll\ufeffo')
      assert.equal([...(await fs.readFile(at('sp ace', 'b%41')))], [0, 255, 1])
      const { createdAtMs: _, ...metadata } = await fs.getMetadata(at('sp ace', 'b%41'))
      assert.equal(metadata, {
        isDirectory: false,
        isFile: true,
        isSymlink: false,
        size: isOld ? -1 : 3,
        modifiedAtMs: Math.floor(statSync(at('sp ace', 'b%41')).mtimeMs),
      })
      const entries = await fs.readDirectory(at('sp ace'))
      assert.equal(
        entries.sort((a, b) => (a.fileName < b.fileName ? -1 : 1)),
        [
          { fileName: 'b%41', isDirectory: false, isFile: true },
          { fileName: 'ä', isDirectory: true, isFile: false },
        ],
      )
      assert.is((await failure(fs.copy(at('sp ace'), at('copy')))).name, 'Error')
      await fs.copy(at('sp ace'), at('copy'), { recursive: true })
      assert.is(readFileSync(at('copy', 'ä', 'f'), 'utf8'), 'häll\ufeffo')
      assert.is(await fs.exists(at('copy', 'ä')), true)
      assert.match(
        (await failure(fs.remove(at('copy'), { recursive: false }))).message,
        /Directory not empty \(os error 39\)$/,
      )
      await fs.remove(at('copy'))
      await fs.remove(at('copy'))
      assert.is((await failure(fs.remove(at('copy'), { force: false }))).code, ErrorCode.NotFound)
      assert.is(await fs.exists(at('copy', 'ä')), false)
    }))

  test(`${name}: what the server refuses is an RpcError with its code, and a path that is not absolute a TypeError`, () =>
    withClient(subject, async ({ client: { fs }, folder }) => {
      const missing = await failure(fs.readFile(join(folder, 'missing')))
      assert.instance(missing, RpcError)
      assert.is(missing.code, ErrorCode.NotFound)
      assert.is((await failure(fs.writeFile(join(folder, 'missing', 'x'), 'x'))).code, ErrorCode.NotFound)
      assert.is(
        (await failure(fs.createDirectory(join(folder, 'a', 'b'), { recursive: false }))).code,
        ErrorCode.NotFound,
      )
      const calls = [fs.readFile('x'), fs.writeFile('./x', ''), fs.walk('x'), fs.copy('/x', 'y')]
      for (const error of await Promise.all(calls.map(failure))) assert.instance(error, TypeError)
    }))

  test(`${name}: a path below a file does not exist, and an unreadable directory is an error`, () =>
    withClient(subject, async ({ client: { fs }, folder }) => {
      writeFileSync(join(folder, 'f'), '')
      symlinkSync('loop', join(folder, 'loop'))
      assert.is(await fs.exists(join(folder, 'f')), true)
      assert.is(await fs.exists(join(folder, 'f', 'x')), false)
      assert.is(await fs.exists(join(folder, 'nowhere')), false)
      assert.instance(await failure(fs.exists(join(folder, 'loop'))), RpcError)
    }))

  test(`${name}: a walk gives the same everywhere`, () =>
    withClient(subject, async ({ client: { fs }, folder }) => {
      mkdirSync(join(folder, 'b', 'deep', 'er'), { recursive: true })
      mkdirSync(join(folder, '.a'))
      for (const file of ['z', 'ä', '.a/hidden', 'b/deep/er/f']) writeFileSync(join(folder, file), '')
      symlinkSync('b', join(folder, 'link'))
      symlinkSync('z', join(folder, 'filelink'))
      symlinkSync('nowhere', join(folder, 'dangling'))
      const below = async (options = {}): Promise<object> => {
        const { entries, errors, truncated } = await fs.walk(folder, options)
        const lines = entries.map(
          ({ path, kind }) => `${kind === 'directory' ? 'd' : 'f'} ${path.slice(folder.length + 1)}`,
        )
        return { entries: lines, errors, truncated }
      }
      const entries = ['d .a', 'd b', 'f z', 'f ä', 'f .a/hidden', 'd b/deep', 'd b/deep/er', 'f b/deep/er/f']
      assert.equal(await below(), { entries, errors: [], truncated: false })
      assert.equal(await below({ maxDepth: 0 }), { entries: entries.slice(0, 4), errors: [], truncated: false })
      assert.equal(await below({ maxDirectories: 1 }), { entries: entries.slice(0, 4), errors: [], truncated: true })
      assert.equal(await below({ maxEntries: 2 }), { entries: entries.slice(0, 2), errors: [], truncated: true })
      const followed = (await below({ followDirectorySymlinks: true, maxDepth: 0 })) as { entries: string[] }
      assert.equal(followed.entries, ['d .a', 'd b', 'd link', 'f z', 'f ä'])
      assert.equal(await fs.walk(join(folder, 'z')), { entries: [], errors: [], truncated: false })
      assert.equal(await fs.walk(join(folder, 'link')), { entries: [], errors: [], truncated: false })
      assert.is((await failure(fs.walk(join(folder, 'missing')))).code, ErrorCode.NotFound)
      for (const wrong of [{ maxEntries: 0 }, { maxDirectories: 0 }, { maxDepth: 65 }, { maxEntries: 50_001 }]) {
        assert.is((await failure(fs.walk(folder, wrong))).code, ErrorCode.InvalidRequest, JSON.stringify(wrong))
      }
    }))

  const inFrames = (length: number) => (): Promise<void> =>
    withClient(subject, async ({ client: { fs }, folder }) => {
      const bytes = pattern(length)
      writeFileSync(join(folder, 'f'), pattern(length + 1_000_000))
      await fs.writeFile(join(folder, 'f'), bytes)
      assert.ok(isSame(readFileSync(join(folder, 'f')), bytes))
      assert.ok(isSame(await fs.readFile(join(folder, 'f')), bytes))
    })
  // As base64 more than the 16 MiB of a frame.
  test.full(`${name}: a file of 13 MB, more than a frame holds, goes there and back unchanged`, inFrames(13_000_001))
  test.full(`${name}: a file of 30 MB, more than a frame holds, goes there and back unchanged`, inFrames(30_000_001))

  test(`${name}: a file that is more than a message is to hold goes block by block where there are blocks`, () =>
    withClient(
      subject,
      async ({ client: { fs, environmentInfo }, folder }) => {
        if (environmentInfo?.capabilities['fileWriteStreaming'] !== true) return
        const bytes = pattern(3_000_001)
        await fs.writeFile(join(folder, 'f'), bytes)
        assert.ok(isSame(readFileSync(join(folder, 'f')), bytes))
      },
      { limits: { fileInOneMessage: 2_000_000, fileInOneFrame: 1_000_000 } },
    ))

  test.full(`${name}: a file of 60 MB, more than a message holds, does where there are blocks`, () =>
    withClient(subject, async ({ client: { fs, environmentInfo }, folder }) => {
      const bytes = pattern(60_000_000)
      const path = join(folder, 'f')
      if (environmentInfo?.capabilities['fileWriteStreaming'] === true) await fs.writeFile(path, bytes)
      else {
        assert.instance(await failure(fs.writeFile(path, bytes)), UnsupportedError)
        assert.is(await fs.exists(path), false)
        writeFileSync(path, bytes)
      }
      assert.ok(isSame(readFileSync(path), bytes))
      assert.ok(isSame(await fs.readFile(path), bytes))
    }),
  )

  test(`${name}: an abort rejects with its reason`, () =>
    withClient(subject, async ({ client: { fs }, folder }) => {
      const reason = new Error('enough')
      assert.is(await failure(fs.readFile(join(folder, 'f'), { signal: AbortSignal.abort(reason) })), reason)
      const controller = new AbortController()
      const call = failure(fs.readDirectory(folder, { signal: controller.signal }))
      controller.abort(reason)
      assert.is(await call, reason)
    }))

  test(`${name}: a link that is not to be followed is not followed, or the call is refused`, () =>
    withClient(subject, async ({ client: { fs }, folder }) => {
      const followSymlinks = false
      writeFileSync(join(folder, 'f'), 'content')
      symlinkSync('f', join(folder, 'link'))
      const kind = isNew ? RpcError : UnsupportedError
      assert.instance(await failure(fs.readFile(join(folder, 'link'), { followSymlinks })), kind)
      assert.instance(await failure(fs.writeFile(join(folder, 'link'), 'x', { followSymlinks })), kind)
      assert.instance(await failure(fs.getMetadata(join(folder, 'link'), { followSymlinks })), kind)
      assert.instance(await failure(fs.readStream(join(folder, 'link'), { followSymlinks }).getReader().read()), kind)
      assert.instance(await failure(fs.writeStream(join(folder, 'link'), { followSymlinks }).getWriter().close()), kind)
      assert.instance(await failure(fs.walk(folder, { followSymlinks })), UnsupportedError)
      assert.is(readFileSync(join(folder, 'f'), 'utf8'), 'content')
      if (isNew) assert.is(await fs.readTextFile(join(folder, 'f'), { followSymlinks }), 'content')
    }))

  test(`${name}: a sandbox is enforced`, () =>
    withClient(subject, async ({ client: { fs }, folder }) => {
      mkdirSync(join(folder, 'in'))
      mkdirSync(join(folder, 'out'))
      const sandbox: Sandbox = {
        files: {
          unrestricted: false,
          entries: [
            { at: { type: 'root' }, access: 'read' },
            { at: { type: 'project_roots' }, access: 'write' },
          ],
        },
        network: 'restricted',
        cwd: join(folder, 'in'),
      }
      const write = fs.writeFile(join(folder, 'in', 'f'), 'x', { sandbox })
      // Before 0.125 sandboxes were another thing, which we do not speak of: refused, never left out.
      if (faults.has('noHttp')) return assert.instance(await failure(write), RpcError)
      await write
      assert.is(await fs.readTextFile(join(folder, 'in', 'f'), { sandbox }), 'x')
      assert.instance(await failure(fs.writeFile(join(folder, 'out', 'f'), 'x', { sandbox })), RpcError)
      assert.instance(
        await failure(
          fs
            .writeStream(join(folder, 'out', 'f'), { sandbox })
            .getWriter()
            .close(),
        ),
        RpcError,
      )
      const writer = fs.writeStream(join(folder, 'in', 'g'), { sandbox }).getWriter()
      await writer.write(new Uint8Array([1]))
      await writer.close()
      assert.equal([...readFileSync(join(folder, 'in', 'g'))], [1])
      assert.is(await fs.exists(join(folder, 'out', 'f')), false)
    }))

  if (!isNew) {
    test(`${name}: a walk by hand tells of a name that it cannot reach, and goes on`, () =>
      withClient(subject, async ({ client: { fs }, folder }) => {
        // Deno cannot make such a name.
        execFileSync('sh', ['-c', 'printf x > "$1/$(printf "a\\377")"; printf x > "$1/b"', 'sh', folder])
        assert.equal(await fs.walk(folder), {
          entries: [{ path: join(folder, 'b'), kind: 'file' }],
          errors: [{ path: join(folder, 'a\ufffd'), message: 'No such file or directory (os error 2)' }],
          truncated: false,
        })
      }))
  }

  test(`${name}: canonicalize is done by the server, or not at all`, () =>
    withClient(subject, async ({ client: { fs }, folder }) => {
      writeFileSync(join(folder, 'x y'), '')
      symlinkSync('x y', join(folder, 'link'))
      const found = fs.canonicalize(join(folder, 'link'))
      if (!isOld) return assert.is(await found, join(folder, 'x y'))
      for (const each of [found, fs.canonicalize(folder)]) assert.instance(await failure(each), UnsupportedError)
    }))
}

test('a file above the bound is refused and leads to readStream', () =>
  withClient(ours, async ({ client: { fs }, folder }) => {
    writeFileSync(join(folder, 'f'), '')
    truncateSync(join(folder, 'f'), 600 * MiB)
    const error = await failure(fs.readFile(join(folder, 'f')))
    assert.instance(error, RangeError)
    assert.match(error.message, 'readStream')
  }))

test('a refusal with the code of a file that is too large stays what it is', () =>
  withClient(ours, async ({ client: { fs }, folder }) => {
    assert.match((await failure(fs.readFile(folder))).message, 'is not a file')
  }))

test.run()
