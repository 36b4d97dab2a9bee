import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  decodeName,
  encodeName,
  normalizePath,
  parsePath,
  PathSyntaxError,
  pathToUri,
} from '../../../src/protocol/schemas/path-uri.ts'
import { anyCharacter } from '../../support/characters.ts'
import { assertLinear } from '../../support/time/cpu-time.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

const refused = (text: string): void => {
  assert.throws(
    () => parsePath(text),
    (error: unknown) => error instanceof PathSyntaxError,
    text,
  )
}

/** What the file system allows as a name: any bytes but NUL and the separator. */
const nameBytes = fc
  .uint8Array({ minLength: 1, maxLength: 12 })
  .map((bytes) => bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x41 : byte)))
const name = fc
  .oneof(
    nameBytes,
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).map((text) => Buffer.from(text.replace(/[/\0]/g, '_'))),
  )
  .map(decodeName)
  .filter((text) => text !== '.' && text !== '..')
const absolutePath = fc.array(name, { maxLength: 5 }).map((names) => `/${names.join('/')}`)

test('a name of any bytes survives being a string', () => {
  const edges = fc
    .array(fc.constantFrom(0x41, 0x80, 0xbf, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xed, 0xa0, 0xf0, 0x9f, 0x98, 0xff), {
      maxLength: 10,
    })
    .map((bytes) => Uint8Array.from(bytes))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 30 }), edges), (bytes) =>
      assert.equal(Array.from(encodeName(decodeName(bytes))), Array.from(bytes)),
    ),
    {
      numRuns: 1000,
    },
  )
})

test('a name that is UTF-8 is the text that it says, its byte-order mark included', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => assert.is(decodeName(Buffer.from(text)), text)))
  assert.is(decodeName(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)), '\ufeffa')
})

test('two names of different bytes are different strings', () => {
  fc.assert(
    fc.property(nameBytes, nameBytes, (one, other) => {
      assert.is(decodeName(one) === decodeName(other), Buffer.compare(one, other) === 0)
    }),
  )
})

test('a path comes back from its URI, whatever bytes its names are of', () => {
  fc.assert(
    fc.property(absolutePath, (path) => assert.is(parsePath(pathToUri(path)), path)),
    { numRuns: 1000 },
  )
})

test('a directory at the root that is named like a Windows drive comes back from its URI too', () => {
  for (const path of ['/C:', '/C:/x', '/z:/y/z']) assert.is(parsePath(pathToUri(path)), path)
})

test('a URI is ASCII and holds nothing but what URLs have in their paths: clients compare it with those that they make', () => {
  fc.assert(
    fc.property(absolutePath, (path) =>
      assert.match(pathToUri(path), /^file:\/\/\/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/[\]^|]|%[0-9A-F]{2})*$/),
    ),
    { numRuns: 1000 },
  )
})

test('spaces, backslashes and bytes that are not UTF-8 are percent-encoded', () => {
  assert.is(pathToUri('/sp ace'), 'file:///sp%20ace')
  assert.is(pathToUri('/back\\slash'), 'file:///back%5Cslash')
  assert.is(pathToUri(`/bad${decodeName(Uint8Array.of(0xff, 0xfe))}n`), 'file:///bad%FF%FEn')
  assert.is(pathToUri('/é😀'), 'file:///%C3%A9%F0%9F%98%80')
  assert.is(pathToUri('/pct%20x?#'), 'file:///pct%2520x%3F%23')
  assert.is(pathToUri('/'), 'file:///')
})

test('every form of a file URI is read', () => {
  const forms = [
    'file:///tmp/x',
    'file:/tmp/x',
    'FILE:///tmp/x',
    'File:/tmp/x',
    'file://localhost/tmp/x',
    'file://LOCALHOST/tmp/x',
    'file:////tmp/x',
    'file:///tmp/x/',
    'file:///%74mp/%78',
    'file:///tmp/a/../x',
  ]
  for (const form of forms) assert.is(parsePath(form), '/tmp/x', form)
  assert.is(parsePath('file:///'), '/')
  assert.is(parsePath('file://'), '/')
  assert.is(parsePath('file://localhost'), '/')
})

test('escapes in a URI are decoded once, and what is no escape stays as it is', () => {
  assert.is(parsePath('file:///a%20b c'), '/a b c')
  assert.is(parsePath('file:///pct%2520x'), '/pct%20x')
  assert.is(parsePath('file:///a%2Fb'), '/a/b')
  assert.is(parsePath('file:///a/%2e%2E/b'), '/b')
  assert.is(parsePath('file:///%zz%4'), '/%zz%4')
  assert.is(parsePath('file:///%'), '/%')
  assert.is(parsePath('file:///é%C3%A9'), '/éé')
  assert.is(parsePath('file:///a+b'), '/a+b')
  assert.equal(Array.from(encodeName(parsePath('file:///bad%FF%FEn'))), [...Buffer.from('/bad'), 0xff, 0xfe, 0x6e])
})

test('queries, fragments, other hosts, Windows drives and NUL are refused in a URI', () => {
  for (const text of [
    'file:///a?q',
    'file:///a?',
    'file:///a#f',
    'file:///a#',
    'file://host/a',
    'file://127.0.0.1/a',
    'file://server/share/x',
    'file:///C:/x',
    'file:///c:',
    'file:///a%00b',
    'file:///a\0b',
    'file:a',
    'file:',
    'file:../a',
  ]) {
    refused(text)
  }
  // A name may end in a colon anywhere else.
  assert.is(parsePath('file:///ab:/c'), '/ab:/c')
  assert.is(parsePath('file:///a/C:/x'), '/a/C:/x')
})

test('a plain absolute path is taken as it is, percent signs and all', () => {
  fc.assert(fc.property(absolutePath, (path) => assert.is(parsePath(path), path)))
  assert.is(parsePath('/a%20b?c#d'), '/a%20b?c#d')
  assert.is(parsePath('/file:///x'), '/file:/x')
  assert.is(parsePath('/C:/x'), '/C:/x')
})

test('relative paths, other schemes, Windows paths and NUL are refused', () => {
  for (const text of [
    '',
    'a',
    './a',
    '../a',
    '~/x',
    '.',
    'C:\\x',
    'C:/x',
    '\\\\server\\x',
    'http://x/a',
    'https:///a',
    'mailto:a',
    '/a\0b',
    ' /a',
    ' file:///a',
    'file',
    '//'.slice(2),
  ])
    refused(text)
  assert.throws(() => parsePath('HTTP://x'), /unsupported path URI scheme `http`/)
})

test('no text makes anything but a PathSyntaxError, and what is read is absolute and normal', () => {
  const text = fc.oneof(
    fc.string({ unit: anyCharacter, maxLength: 20 }),
    fc
      .tuple(
        fc.constantFrom('file:', 'file://', 'file:///', '/'),
        fc.string({ unit: fc.constantFrom(...'/.%aF2e0:?#\\ é'), maxLength: 20 }),
      )
      .map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(text, (text) => {
      let path: string
      try {
        path = parsePath(text)
      } catch (error) {
        assert.instance(error, PathSyntaxError)
        return
      }
      assert.is(normalizePath(path), path)
      assert.ok(path.startsWith('/') && !path.includes('\0'))
    }),
    { numRuns: 1000 },
  )
})

test('paths are normalised by their text alone', () => {
  const parts = fc.array(fc.constantFrom('', '.', '..', 'a', 'b', '...', '..a'), { maxLength: 10 })
  fc.assert(
    fc.property(parts, (list) => {
      // Folding one `x/..` or empty part at a time is the model; the code walks once.
      let model = `/${list.join('/')}/`
      for (let before = ''; before !== model; ) {
        before = model
        model = model.replace(/\/\/|\/\.\/|^\/\.\.\/|\/(?!\.{1,2}\/)[^/]+\/\.\.\//, '/')
      }
      assert.is(normalizePath(`/${list.join('/')}`), model === '/' ? '/' : model.slice(0, -1))
    }),
  )
  for (const [path, normal] of [
    ['/a/../b', '/b'],
    ['/a/b/', '/a/b'],
    ['//a///b', '/a/b'],
    ['/..', '/'],
    ['/../../a', '/a'],
    ['/a/./.', '/a'],
    ['/', '/'],
  ] as const) {
    assert.is(parsePath(path), normal)
  }
})

const MIXED = ['%FF', '%FFa', '%FF%41', '%C3/', '%F0%9F%98']

function readLong(uri: string): void {
  try {
    assert.ok(parsePath(uri).startsWith('/'))
  } catch (error) {
    assert.instance(error, PathSyntaxError)
  }
}

test('a long URI of bytes that are not UTF-8 is read or refused, however they are mixed with others', () => {
  for (const unit of MIXED) readLong(`file:///${unit.repeat(200_000)}`)
})

// One message may hold a hundred times as much, and the whole server waits for it.
test.full('a long URI of bytes that are not UTF-8 takes time for each byte, however they are mixed with others', () => {
  for (const unit of MIXED) {
    assertLinear(unit, 50_000, (size) => {
      const uri = `file:///${unit.repeat(size)}`
      return () => readLong(uri)
    })
  }
})

test.run()
