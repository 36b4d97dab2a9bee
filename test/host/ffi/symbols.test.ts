/** The functions of the C library, looked up one by one. */
import process from 'node:process'
import * as assert from 'uvu/assert'
import { canLock, checkLibc, getLimit, lockFile, Lock, openPipe, peerCredentials } from '../../../src/host/ffi/libc.ts'
import { openLibrary } from '../../../src/host/ffi/library.ts'
import { checkSymbols, resolveSymbols } from '../../../src/host/ffi/symbols.ts'
import type { Functions, Lookup } from '../../../src/host/ffi/symbols.ts'
import { isDeno } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

const missing = (functions: Functions): string[] =>
  checkSymbols(functions).flatMap(({ name, isPresent }) => (isPresent ? [] : name))

/** A C library that lacks these functions. */
const without =
  (...names: string[]): Lookup =>
  (name, signature) => {
    if (names.includes(name)) throw new Error(`undefined symbol: ${name}`)
    return openLibrary()(name, signature)
  }

test('every function is found in the C library that the tests run on', () => {
  assert.equal(
    checkLibc().filter(({ isPresent }) => !isPresent),
    [],
  )
})

test('a function that is missing leaves the others, and is named with what is lost', () => {
  for (const name of ['flock', 'close', 'ioctl'] as const) {
    const functions = resolveSymbols(without(name))
    if (name === 'flock' && process.platform !== 'linux') continue
    assert.equal(missing(functions), [`libc ${name}`])
    assert.is(functions[name], undefined)
    assert.type(functions.signal, 'function')
  }
  assert.equal(missing(resolveSymbols(without('malloc_trim', 'fcntl'))), [])
})

test('a function is looked up when it is first asked for, and once', () => {
  const asked: string[] = []
  const functions = resolveSymbols((name, signature) => {
    asked.push(name)
    return openLibrary()(name, signature)
  })
  assert.equal(asked, [])
  assert.is(functions.signal, functions.signal)
  assert.equal(asked, ['signal'])
})

test('without foreign functions everything is missing, and nothing throws', () => {
  const functions = resolveSymbols(() => undefined)
  assert.is(missing(functions).length, checkLibc().length)
  assert.equal(functions, Object.fromEntries(Object.keys(functions).map((name) => [name, undefined])))
})

test('without a function, what depends on it falls back', () => {
  assert.is(openPipe(resolveSymbols(without('ioctl'))), undefined)
  assert.is(openPipe(resolveSymbols(without('pipe'))), undefined)
  const pipe = openPipe(resolveSymbols(without('flock', 'getsockopt')))
  assert.is(pipe === undefined, isDeno)
  assert.is(getLimit(15, {}), undefined)
})

test('without a function that guards something, it is as if the guard said no', () => {
  assert.is(canLock({}), false)
  assert.is(lockFile(0, Lock.Shared, {}), false)
  assert.is(peerCredentials(0, {}), undefined)
})

test.run()
