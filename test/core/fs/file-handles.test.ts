/** Files that a connection holds open: what becomes of one that is closed while it is being opened. */
import * as assert from 'uvu/assert'
import { FileHandles } from '../../../src/core/fs/file-handles.ts'
import { ErrorCode, RpcError } from '../../../src/protocol/wire/errors.ts'
import { FakeFile, opening } from '../../support/fakes/fake-file.ts'
import { test } from '../../support/suite.ts'

const opened = async (handles: FileHandles, id: string, mode: 'read' | 'replace' = 'read'): Promise<FakeFile> => {
  const file = new FakeFile()
  await handles.open(id, mode, async () => file)
  return file
}

async function errorOf(call: () => Promise<unknown>): Promise<{ code: number; message: string }> {
  try {
    await call()
  } catch (error) {
    assert.instance(error, RpcError)
    return error as RpcError
  }
  throw new Error('it did not fail')
}

const readOf = (handles: FileHandles, id: string): Promise<Uint8Array> =>
  handles.use(id, 'read', (file) => file.read(0, 1))

test('a file that is closed while it is being opened is closed as soon as it is open, once', async () => {
  const handles = new FileHandles(10)
  const { open, file, succeed } = opening()
  const answer = handles.open('h', 'read', open)
  assert.is(handles.size, 1)
  await handles.close('h')
  assert.equal([handles.size, file.closes], [0, 0])
  succeed()
  await answer
  assert.equal([handles.size, file.closes], [0, 1])
  assert.is((await errorOf(() => readOf(handles, 'h'))).code, ErrorCode.NotFound)
  await handles.close('h')
  handles.dispose()
  assert.is(file.closes, 1)
})

test('files that are being opened when their connection goes are closed as soon as they are open', async () => {
  const handles = new FileHandles(10)
  const { open, file, succeed } = opening()
  const answer = handles.open('h', 'read', open)
  const other = await opened(handles, 'other')
  handles.dispose()
  assert.equal([handles.size, file.closes, other.closes], [0, 0, 1])
  succeed()
  await answer
  assert.equal([handles.size, file.closes], [0, 1])
  // An open that stood behind another call when the connection went.
  assert.is((await opened(handles, 'later')).closes, 1)
})

test('a handle has its place while its file is being opened, and cannot be used', async () => {
  const handles = new FileHandles(2)
  const { open, file, succeed } = opening()
  const answer = handles.open('h', 'read', open)
  const again = await errorOf(() => opened(handles, 'h'))
  assert.equal([again.code, again.message], [ErrorCode.InvalidRequest, 'file handle `h` already exists'])
  assert.is((await errorOf(() => readOf(handles, 'h'))).code, ErrorCode.NotFound)
  await opened(handles, 'second')
  const third = await errorOf(() => opened(handles, 'third'))
  assert.equal(
    [third.code, third.message],
    [ErrorCode.InvalidRequest, 'at most 2 file handles may be open per connection'],
  )
  succeed()
  await answer
  assert.is((await readOf(handles, 'h')).length, 1)
  assert.equal([handles.size, file.closes], [2, 0])
  await handles.close('second')
  await opened(handles, 'third')
})

test('a file that cannot be opened leaves its place and its name free', async () => {
  const handles = new FileHandles(1)
  const { open, fail } = opening()
  const answer = errorOf(() => handles.open('h', 'read', open))
  fail(new RpcError(ErrorCode.NotFound, 'no such file'))
  assert.is((await answer).message, 'no such file')
  assert.is(handles.size, 0)
  await opened(handles, 'h')
})

test('a file that fails is closed, one that is only read is not written and stays', async () => {
  const handles = new FileHandles(10)
  const file = await opened(handles, 'h')
  const denied = await errorOf(() => handles.use('h', 'replace', (open) => open.write(0, new Uint8Array(1))))
  assert.equal([denied.code, denied.message], [ErrorCode.Internal, 'Bad file descriptor (os error 9)'])
  assert.equal([file.closes, file.writes], [0, []])
  await readOf(handles, 'h')
  file.failure = new RpcError(ErrorCode.Internal, 'Input/output error (os error 5)')
  assert.is((await errorOf(() => readOf(handles, 'h'))).message, 'Input/output error (os error 5)')
  assert.equal([handles.size, file.closes], [0, 1])

  const replaced = await opened(handles, 'w', 'replace')
  await handles.use('w', 'replace', (open) => open.write(3, new TextEncoder().encode('x')))
  await readOf(handles, 'w')
  assert.equal([replaced.writes, replaced.reads, replaced.closes], [['3: x'], [0], 0])
})

test('the name of a handle has 32 bytes of UTF-8 at most', async () => {
  const handles = new FileHandles(10)
  const [longest, tooLong] = ['é'.repeat(16), `${'é'.repeat(16)}x`]
  await opened(handles, longest)
  const opens = async (): Promise<unknown> => opened(handles, tooLong)
  for (const call of [opens, () => readOf(handles, tooLong), () => handles.close(tooLong)]) {
    const { code, message } = await errorOf(call)
    assert.equal([code, message], [ErrorCode.InvalidRequest, 'file handle ID must not exceed 32 bytes'])
  }
  assert.is(handles.size, 1)
})

test.run()
