/** fs/open, fs/readBlock, fs/writeBlock, fs/close. */
import { Buffer } from 'node:buffer'
import { malformed, script } from '../case.ts'
import type { Case } from '../case.ts'
import { NEW } from '../reference.ts'
import { literally } from '../scene.ts'
import type { Talk } from '../talk.ts'

const newer = { release: NEW }
const data = (text: string): string => Buffer.from(text, 'latin1').toString('base64')

function streams(name: string, play: (talk: Talk) => Promise<void>): Case {
  return script(`streams ${name}`, async (scene) => play(await scene.connect()), NEW)
}

/** A name of its own each. */
const opens = (name: string, ways: object[]): Case =>
  streams(name, async (talk) => {
    for (const [index, way] of ways.entries()) await talk.ask('fs/open', { handleId: `h${index}`, ...way })
  })

const read = (talk: Talk, offset: unknown, len: unknown, handleId = 'h'): Promise<any> =>
  talk.ask('fs/readBlock', { handleId, offset, len })
const write = (talk: Talk, offset: unknown, text: string, handleId = 'h'): Promise<any> =>
  talk.ask('fs/writeBlock', { handleId, offset, chunk: data(text) })

const own = { ...newer, own: true }

const malformedOnes: Case[] = [
  ...malformed(
    'fs/open',
    { handleId: 'h', path: '$/file.txt', mode: 'read' },
    { handleId: 'string', path: 'string', mode: 'string' },
    own,
  ),
  ...malformed('fs/open', { handleId: 'h', path: '$/file.txt', sandbox: null }, { sandbox: 'object' }, own).slice(6),
  ...malformed(
    'fs/readBlock',
    { handleId: 'h', offset: 0, len: 1 },
    { handleId: 'string', offset: 'integer', len: 'integer' },
    newer,
  ),
  ...malformed(
    'fs/writeBlock',
    { handleId: 'h', offset: 0, chunk: 'YQ==' },
    { handleId: 'string', offset: 'integer', chunk: 'string' },
    newer,
  ),
  ...malformed('fs/close', { handleId: 'h' }, { handleId: 'string' }, newer),
]

const files = [
  'file.txt',
  'empty',
  'folder',
  'link',
  'dangling',
  'loop',
  'fifo',
  'nowhere',
  'nowhere/x',
  'file.txt/x',
  'link-to-folder/a.txt',
]

const opening: Case[] = [
  opens('opened for reading', [
    ...files.map((path) => ({ path: `$/${path}` })),
    { path: 'file:///dev/null' },
    { path: '$T/file.txt' },
  ]),
  opens(
    'opened for writing',
    [...files, 'new'].map((path) => ({ path: `$/${path}`, mode: 'replace' })),
  ),
  opens(
    'opened in some mode',
    ['read', null, 'write', 'READ', '', 5].map((mode) => ({ path: '$/file.txt', mode })),
  ),
  opens('followSymlinks is passed over', [{ path: '$/link', followSymlinks: false }]),
  streams('names', async (talk) => {
    for (const handleId of ['', 'x'.repeat(32), 'x'.repeat(33), 'ü'.repeat(16), 'ü'.repeat(17), '\0', ' ']) {
      await talk.ask('fs/open', { handleId, path: '$/file.txt' })
    }
  }),
  streams('a name twice', async (talk) => {
    await talk.ask('fs/open', { handleId: 'h', path: '$/file.txt' })
    await talk.ask('fs/open', { handleId: 'h', path: '$/data.bin' })
    await talk.ask('fs/open', { handleId: 'h', path: '$/nowhere' })
    await read(talk, 0, 10)
    await talk.ask('fs/close', { handleId: 'h' })
    await talk.ask('fs/open', { handleId: 'h', path: '$/data.bin' })
    await read(talk, 0, 10)
  }),
  streams('too long a name for a missing file', async (talk) =>
    talk.ask('fs/open', { handleId: 'x'.repeat(33), path: '$/nowhere' }),
  ),
  streams('as many as there may be', async (talk) => {
    for (let index = 0; index < 128; index++)
      await talk.quietly('fs/open', { handleId: `h${index}`, path: '$/file.txt' })
    await talk.ask('fs/open', { handleId: 'one more', path: '$/file.txt' })
    await talk.ask('fs/open', { handleId: 'one more', path: '$/nowhere' })
    await talk.ask('fs/open', { handleId: 'h5', path: '$/file.txt' })
    await talk.ask('fs/close', { handleId: 'h5' })
    await talk.ask('fs/open', { handleId: 'one more', path: '$/file.txt' })
  }),
  script(
    'streams belong to their connection',
    async (scene) => {
      const [one, other] = [await scene.connect(), await scene.connect()]
      await one.ask('fs/open', { handleId: 'h', path: '$/file.txt' })
      await read(other, 0, 10)
      await other.ask('fs/close', { handleId: 'h' })
      await read(one, 0, 10)
    },
    NEW,
  ),
]

const reading: Case[] = [
  streams('read', async (talk) => {
    await talk.ask('fs/open', { handleId: 'h', path: '$/file.txt' })
    await read(talk, 0, 6)
    await read(talk, 6, 6)
    await read(talk, 0, 7)
    await read(talk, 2, 2)
    await read(talk, 100, 1)
    await read(talk, 0, 1_048_576)
    await read(talk, 0, 1_048_577)
    await read(talk, 0, 0)
    await read(talk, 0, literally('18446744073709551615'))
    await read(talk, literally('9223372036854775807'), 1)
    await read(talk, literally('9223372036854775808'), 1)
    await read(talk, 0, 1)
    await talk.ask('fs/close', { handleId: 'h' })
    await read(talk, 0, 1)
    await talk.ask('fs/close', { handleId: 'h' })
  }),
  streams('read far beyond the end', async (talk) => {
    await talk.ask('fs/open', { handleId: 'h', path: '$/file.txt' })
    await read(talk, 2 ** 40, 1)
    await read(talk, literally('9223372036854775800'), 1)
    await read(talk, literally('18446744073709551615'), 1)
    await read(talk, 0, 3)
  }),
  streams('read an empty file', async (talk) => {
    await talk.ask('fs/open', { handleId: 'h', path: '$/empty' })
    await read(talk, 0, 1)
  }),
  streams('read after the file was replaced', async (talk) => {
    await talk.ask('fs/open', { handleId: 'h', path: '$/file.txt' })
    await talk.ask('fs/remove', { path: '$/file.txt' })
    await talk.ask('fs/writeFile', { path: '$/file.txt', dataBase64: data('other\n') })
    await read(talk, 0, 10)
  }),
  streams('read an unknown name', async (talk) => {
    await read(talk, 0, 1)
    await read(talk, 0, 0)
    await talk.ask('fs/close', { handleId: 'x'.repeat(100) })
    await read(talk, 0, 1, 'x'.repeat(100))
  }),
  streams('write to what is open for reading', async (talk) => {
    await talk.ask('fs/open', { handleId: 'h', path: '$/file.txt' })
    await write(talk, 0, 'x')
    await read(talk, 0, 10)
  }),
]

const writing: Case[] = [
  streams('written', async (talk) => {
    await talk.ask('fs/open', { handleId: 'h', path: '$/file.txt', mode: 'replace' })
    await talk.ask('fs/readFile', { path: '$/file.txt' })
    await write(talk, 0, 'one')
    await write(talk, 6, 'two')
    await write(talk, 1, 'X')
    await talk.ask('fs/close', { handleId: 'h' })
    await talk.ask('fs/readFile', { path: '$/file.txt' })
  }),
  streams('written badly', async (talk) => {
    await talk.ask('fs/open', { handleId: 'h', path: '$/new', mode: 'replace' })
    await write(talk, 0, '')
    await talk.ask('fs/writeBlock', { handleId: 'h', offset: 0, chunk: '!' })
    await talk.ask('fs/writeBlock', { handleId: 'h', offset: 0, chunk: 'YQ' })
    await talk.ask('fs/writeBlock', { handleId: 'h', offset: 0, chunk: 'YR==' })
    await write(talk, literally('9223372036854775807'), 'x')
    await write(talk, literally('18446744073709551615'), 'x')
    await write(talk, 0, 'x'.repeat(1_048_577))
    await write(talk, 0, 'x'.repeat(1_048_576))
    await write(talk, 0, '', 'unknown')
    await write(talk, 0, 'x', 'unknown')
    await talk.ask('fs/close', { handleId: 'h' })
  }),
  streams('written too far', async (talk) => {
    await talk.ask('fs/open', { handleId: 'h', path: '$/new', mode: 'replace' })
    await write(talk, literally('9223372036854775806'), 'x')
    await write(talk, 0, 'x')
  }),
  streams('read what is open for writing', async (talk) => {
    await talk.ask('fs/open', { handleId: 'h', path: '$/new', mode: 'replace' })
    await read(talk, 0, 1)
    await write(talk, 0, 'x')
  }),
]

export const fsOpen: readonly Case[] = [...malformedOnes, ...opening, ...reading, ...writing]
