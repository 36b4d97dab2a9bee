import * as assert from 'uvu/assert'
import type { GenericSchema } from 'valibot'
import {
  CanonicalizeParams,
  CopyParams,
  CreateDirectoryParams,
  GetMetadataParams,
  ReadDirectoryParams,
  ReadFileParams,
  RemoveParams,
  WriteFileParams,
} from '../../../src/protocol/schemas/fs.ts'
import { parseJson } from '../../../src/protocol/wire/json.ts'
import { decodeParams } from '../../../src/protocol/schemas/schema-primitives.ts'
import { test } from '../../support/suite.ts'

function read(schema: GenericSchema, params: unknown): any {
  try {
    return decodeParams(schema, parseJson(JSON.stringify(params)))
  } catch {
    return undefined
  }
}

const onePath: [string, GenericSchema, object][] = [
  ['readFile', ReadFileParams, {}],
  ['writeFile', WriteFileParams, { dataBase64: '' }],
  ['createDirectory', CreateDirectoryParams, {}],
  ['getMetadata', GetMetadataParams, {}],
  ['readDirectory', ReadDirectoryParams, {}],
  ['remove', RemoveParams, {}],
  ['canonicalize', CanonicalizeParams, {}],
]

test('every method on one path takes it plain or as a URI, and nothing relative', () => {
  for (const [name, schema, more] of onePath) {
    assert.is(read(schema, { path: '/a/../b', ...more }).path, '/b', name)
    assert.is(read(schema, { path: 'file:///a%20b', sandbox: null, unknown: 1, ...more }).path, '/a b', name)
    for (const path of ['a', '', null, 5, undefined, 'file:///a?b'])
      assert.is(read(schema, { path, ...more }), undefined, `${name} ${path}`)
    assert.is(read(schema, null), undefined, name)
  }
})

test('flags are booleans, null or absent', () => {
  const flags: [GenericSchema, object, string[]][] = [
    [ReadFileParams, {}, ['followSymlinks']],
    [WriteFileParams, { dataBase64: '' }, ['followSymlinks']],
    [CreateDirectoryParams, {}, ['recursive', 'followSymlinks']],
    [GetMetadataParams, {}, ['followSymlinks']],
    [RemoveParams, {}, ['recursive', 'force', 'followSymlinks']],
  ]
  for (const [schema, more, names] of flags) {
    for (const name of names) {
      for (const value of [true, false, null])
        assert.is(read(schema, { path: '/', ...more, [name]: value })[name], value, name)
      for (const value of [1, 'true', []])
        assert.is(read(schema, { path: '/', ...more, [name]: value }), undefined, name)
    }
  }
})

test('what is written is text; whether it is base64 is for the method to say', () => {
  assert.is(read(WriteFileParams, { path: '/', dataBase64: '!' }).dataBase64, '!')
  for (const dataBase64 of [undefined, null, 5]) assert.is(read(WriteFileParams, { path: '/', dataBase64 }), undefined)
})

test('a copy must say whether it is recursive', () => {
  const good = { sourcePath: '/a', destinationPath: 'file:///b', recursive: false }
  assert.is(read(CopyParams, good).destinationPath, '/b')
  for (const change of [
    { recursive: null },
    { recursive: undefined },
    { sourcePath: 'a' },
    { destinationPath: undefined },
  ]) {
    assert.is(read(CopyParams, { ...good, ...change }), undefined, JSON.stringify(change))
  }
})

test.run()
