import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { fileFailure } from '../../../src/host/fs/file-failure.ts'
import { files } from '../../../src/host/fs/files.ts'
import { ErrorCode, invalidRequest, RpcError } from '../../../src/protocol/wire/errors.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const read = { followSymlinks: true, maxBytes: 10, reserve: () => undefined }
const write = { followSymlinks: true }

async function refusal(call: Promise<unknown>): Promise<[code: number, message: string]> {
  try {
    await call
  } catch (error) {
    if (error instanceof RpcError) return [error.code, error.message]
    throw error
  }
  throw new Error('it was done')
}

const MISSING = 'No such file or directory (os error 2)'

test('a missing directory on the way to a file is named; a missing file is not', async () => {
  const folder = temporaryFolder()
  symlinkSync('nowhere', join(folder, 'dangling'))
  const none = `${folder}/none`
  for (const [call, message] of [
    [() => files.readFile(none, read), `${none} does not exist on this devbox`],
    [() => files.readFile(`${none}/a/b`, read), `${none}/a/b: directory ${none} does not exist on this devbox`],
    [
      () => files.writeFile(`${none}/a`, new Uint8Array(), write),
      `${none}/a: directory ${none} does not exist on this devbox`,
    ],
    [
      () => files.readFile(`${folder}/dangling`, read),
      `${folder}/dangling is a symbolic link to what does not exist on this devbox`,
    ],
    [() => files.readDirectory(none), `${none} does not exist on this devbox`],
    [() => files.copy(none, `${folder}/x`, { recursive: false }), `${none} does not exist on this devbox`],
  ] as const)
    assert.equal(await refusal(call()), [ErrorCode.NotFound, `${message}: ${MISSING}`])
})

test('what is tried with fs/getMetadata is answered as briefly as before', async () => {
  assert.equal(await refusal(files.getMetadata('/nowhere/x', write)), [ErrorCode.NotFound, MISSING])
})

test('the part of a path that is no directory is named', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'file'), '')
  const [, inside] = await refusal(files.readFile(`${folder}/file/a/b`, read))
  assert.is(inside, `${folder}/file/a/b: ${folder}/file is not a directory: Not a directory (os error 20)`)
  const [, listed] = await refusal(files.readDirectory(`${folder}/file`))
  assert.is(listed, `${folder}/file is not a directory: Not a directory (os error 20)`)
})

test('what exists, is a directory or is not empty is said of its path', async () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'd', 'e'), { recursive: true })
  for (const [call, pattern] of [
    [
      () => files.createDirectory(`${folder}/d`, { recursive: false, followSymlinks: true }),
      /\/d exists already: .*\(os error 17\)$/,
    ],
    [() => files.writeFile(`${folder}/d`, new Uint8Array(), write), /\/d is a directory: .*\(os error 21\)$/],
    [
      () => files.remove(`${folder}/d`, { recursive: false, force: false, followSymlinks: true }),
      /^directory .*\/d is not empty: /,
    ],
  ] as const)
    assert.match((await refusal(call()))[1], pattern)
})

test('a lack of permission, room or a writable disk says whose, and what helps', async () => {
  const about = async (code: string): Promise<[number, string]> => {
    const { code: number, message } = await fileFailure(Object.assign(new Error(code), { code }), ['/a'])
    return [number, message]
  }
  const [denied, text] = await about('EACCES')
  assert.is(denied, ErrorCode.InvalidRequest)
  assert.match(text, /^\/a may not be accessed by the user .* sandbox: Permission denied \(os error 13\)$/)
  assert.match(
    (await about('EROFS'))[1],
    /^\/a may not be written in the sandbox .*: Read-only file system \(os error 30\)$/,
  )
  assert.match((await about('ENOSPC'))[1], /^the disk of \/a is full: .* on this devbox: No space left on device /)
  assert.match((await about('EIO'))[1], /^Input\/output error|^I\/O error/i)
  assert.is((await about('EIO'))[0], ErrorCode.Internal)
})

test('a message is one line, however a path is named and however long it is', async () => {
  const [, message] = await refusal(files.readFile(`/nowhere\n\x1b[31m/${'x'.repeat(1000)}`, read))
  assert.match(
    message,
    /^\/nowhere\\x0a\\x1b\[31m\/x+…: directory \/nowhere\\x0a\\x1b\[31m does not exist .* \(os error 2\)$/,
  )
})

test('of a copy, the path that the system complains of is named', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'file'), '')
  const [, message] = await refusal(files.copy(`${folder}/file`, `${folder}/none/x`, { recursive: false }))
  assert.is(message, `${folder}/none/x: directory ${folder}/none does not exist on this devbox: ${MISSING}`)
})

test('an error that is one of the protocol stays as it is', async () => {
  const error = invalidRequest('told')
  assert.is(await fileFailure(error, ['/a']), error)
})

test.run()
