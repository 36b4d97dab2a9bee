/** What changes files: fs/writeFile, createDirectory, remove, copy. The files are compared afterwards. */
import { Buffer } from 'node:buffer'
import { malformed, requests, script } from '../case.ts'
import type { Case } from '../case.ts'
import { NEW } from '../reference.ts'

const newer = { release: NEW }
const data = (text: string): string => Buffer.from(text, 'latin1').toString('base64')

const write = (path: string, more: object = {}): object => ({
  path: `$/${path}`,
  dataBase64: data('written\n'),
  ...more,
})

const writing: Case[] = [
  ...malformed('fs/writeFile', { path: '$/new', dataBase64: 'YQ==' }, { path: 'string', dataBase64: 'string' }),
  ...malformed('fs/writeFile', { path: '$/new', dataBase64: 'YQ==', sandbox: null }, { sandbox: 'object' }).slice(6),
  ...requests('fs/writeFile', {
    'a new file': write('new'),
    'a file that is there': write('file.txt'),
    'a file with other rights': write('script'),
    nothing: { path: '$/file.txt', dataBase64: '' },
    'bytes that are no text': { path: '$/new', dataBase64: data('\0\xff\xfe') },
    'a new file in a folder': write('folder/new'),
    'in a missing folder': write('nowhere/new'),
    'below a file': write('file.txt/new'),
    'a folder': write('folder'),
    'through a link': write('link'),
    'through a dangling link': write('dangling'),
    'through a loop of links': write('loop'),
    'through a link to a folder': write('link-to-folder/new'),
    'a trailing slash': write('new/'),
    'other letters': write('nëw ünï'),
    'a name that is too long': write('x'.repeat(300)),
    'a NUL': write('a\0b'),
    'base64 without padding': { path: '$/new', dataBase64: 'YQ' },
    'base64 with white space': { path: '$/new', dataBase64: 'YQ==\n' },
    'base64 of another alphabet': { path: '$/new', dataBase64: '_-8=' },
    'base64 with trailing bits': { path: '$/new', dataBase64: 'YR==' },
    'no base64': { path: '$/new', dataBase64: 'a!b=' },
    'base64 padded too much': { path: '$/new', dataBase64: 'YWJj====' },
    'no base64 to a missing folder': { path: '$/nowhere/new', dataBase64: '!' },
    'followSymlinks true': write('link', { followSymlinks: true }),
    'followSymlinks null': write('link', { followSymlinks: null }),
  }),
  ...requests(
    'fs/writeFile',
    {
      'followSymlinks false': write('file.txt', { followSymlinks: false }),
      'followSymlinks false, a new file': write('new', { followSymlinks: false }),
      'followSymlinks false, a link': write('link', { followSymlinks: false }),
      'followSymlinks false, a dangling link': write('dangling', { followSymlinks: false }),
      'followSymlinks false, through a link': write('link-to-folder/new', { followSymlinks: false }),
      'followSymlinks false, in a missing folder': write('nowhere/new', { followSymlinks: false }),
      'followSymlinks false, a folder': write('folder', { followSymlinks: false }),
      'followSymlinks text': write('new', { followSymlinks: 'x' }),
      'a plain path': { path: '$T/new', dataBase64: '' },
      'a name that is not UTF-8': { path: 'file://$T/bad%FE', dataBase64: '' },
    },
    newer,
  ),
]

const making: Case[] = [
  ...malformed('fs/createDirectory', { path: '$/new', recursive: true }, { path: 'string', recursive: 'boolean' }),
  ...requests('fs/createDirectory', {
    'a new folder': { path: '$/new' },
    'recursive false': { path: '$/new', recursive: false },
    'in a missing folder': { path: '$/nowhere/at/all' },
    'in a missing folder, recursive false': { path: '$/nowhere/at/all', recursive: false },
    'a folder that is there': { path: '$/folder' },
    'a folder that is there, recursive false': { path: '$/folder', recursive: false },
    'a file that is there': { path: '$/file.txt' },
    'a file that is there, recursive false': { path: '$/file.txt', recursive: false },
    'below a file': { path: '$/file.txt/new' },
    'below a file, recursive false': { path: '$/file.txt/new', recursive: false },
    'a link to a folder': { path: '$/link-to-folder' },
    'a link to a folder, recursive false': { path: '$/link-to-folder', recursive: false },
    'through a link': { path: '$/link-to-folder/new' },
    'a dangling link': { path: '$/dangling' },
    'a dangling link, recursive false': { path: '$/dangling', recursive: false },
    'through a loop of links': { path: '$/loop/new' },
    'a trailing slash': { path: '$/new/' },
    'a name that is too long': { path: `$/${'x'.repeat(300)}` },
    'with dots': { path: '$/new/../other' },
  }),
  ...requests(
    'fs/createDirectory',
    {
      'followSymlinks false': { path: '$/new', followSymlinks: false },
      'followSymlinks false, in a missing folder': { path: '$/nowhere/new', followSymlinks: false },
      'followSymlinks false, in a missing folder, recursive false': {
        path: '$/nowhere/new',
        recursive: false,
        followSymlinks: false,
      },
      'followSymlinks false, a link to a folder': { path: '$/link-to-folder', followSymlinks: false },
      'followSymlinks false, a link to a folder, recursive false': {
        path: '$/link-to-folder',
        recursive: false,
        followSymlinks: false,
      },
      'followSymlinks false, through a link': { path: '$/link-to-folder/new', followSymlinks: false },
      'followSymlinks false, a folder that is there': { path: '$/folder', followSymlinks: false },
      'followSymlinks false, a file that is there': { path: '$/file.txt', followSymlinks: false },
      'followSymlinks false, below a file': { path: '$/file.txt/new', followSymlinks: false },
      'followSymlinks text': { path: '$/new', followSymlinks: 'x' },
    },
    newer,
  ),
]

const removing: Case[] = [
  ...malformed(
    'fs/remove',
    { path: '$/file.txt', recursive: true, force: true },
    { path: 'string', recursive: 'boolean', force: 'boolean' },
  ),
  ...requests('fs/remove', {
    'a file': { path: '$/file.txt' },
    'a folder': { path: '$/folder' },
    'a folder, recursive false': { path: '$/folder', recursive: false },
    'an empty folder, recursive false': { path: '$/empty-folder', recursive: false },
    'a file, recursive false': { path: '$/file.txt', recursive: false },
    'a file, force false': { path: '$/file.txt', force: false },
    'a link': { path: '$/link' },
    'a link to a folder': { path: '$/link-to-folder' },
    'a link to a folder, recursive false': { path: '$/link-to-folder', recursive: false },
    'a link to a folder and a slash': { path: '$/link-to-folder/' },
    'a dangling link': { path: '$/dangling' },
    'a FIFO': { path: '$/fifo' },
    'through a link': { path: '$/link-to-folder/a.txt' },
    'what is missing': { path: '$/nowhere' },
    'what is missing, force false': { path: '$/nowhere', force: false },
    'what is missing in a missing folder': { path: '$/nowhere/x', force: false },
    'below a file': { path: '$/file.txt/x' },
    'below a file, force false': { path: '$/file.txt/x', force: false },
    'through a loop of links': { path: '$/loop/x' },
    'a file and a slash': { path: '$/file.txt/' },
  }),
  ...requests(
    'fs/remove',
    {
      'followSymlinks false': { path: '$/file.txt', followSymlinks: false },
      'followSymlinks false, recursive false': { path: '$/file.txt', recursive: false, followSymlinks: false },
      'followSymlinks false, a link': { path: '$/link', recursive: false, followSymlinks: false },
      'followSymlinks false, through a link': {
        path: '$/link-to-folder/a.txt',
        recursive: false,
        followSymlinks: false,
      },
      'followSymlinks false, a folder': { path: '$/folder', recursive: false, followSymlinks: false },
      'followSymlinks false, an empty folder': { path: '$/empty-folder', recursive: false, followSymlinks: false },
      'followSymlinks false, what is missing': { path: '$/nowhere', recursive: false, followSymlinks: false },
      'followSymlinks false, what is missing, force false': {
        path: '$/nowhere',
        recursive: false,
        force: false,
        followSymlinks: false,
      },
      'followSymlinks false, in a missing folder': { path: '$/nowhere/x', recursive: false, followSymlinks: false },
      'followSymlinks text': { path: '$/file.txt', followSymlinks: 'x' },
      'a name that is not UTF-8': { path: 'file://$T/bad%FF%FEname', force: false },
    },
    newer,
  ),
]

const copy = (source: string, destination: string, recursive: unknown = false): object => ({
  sourcePath: `$/${source}`,
  destinationPath: `$/${destination}`,
  recursive,
})

const copying: Case[] = [
  ...malformed(
    'fs/copy',
    { sourcePath: '$/file.txt', destinationPath: '$/new', recursive: false },
    { sourcePath: 'string', destinationPath: 'string', recursive: 'boolean' },
  ),
  ...malformed('fs/copy', { ...copy('file.txt', 'new'), sandbox: null }, { sandbox: 'object' }).slice(6),
  ...requests('fs/copy', {
    'a file': copy('file.txt', 'new'),
    'a file, recursive': copy('file.txt', 'new', true),
    'a file that may be run': copy('script', 'new'),
    'an empty file': copy('empty', 'new'),
    'over a file': copy('file.txt', 'data.bin'),
    'over a shorter file': copy('data.bin', 'file.txt'),
    'onto itself': copy('file.txt', 'file.txt'),
    'onto itself by another name': copy('file.txt', 'link'),
    'into a folder': copy('file.txt', 'folder/new'),
    'onto a folder': copy('file.txt', 'folder'),
    'into a missing folder': copy('file.txt', 'nowhere/new'),
    'below a file': copy('file.txt', 'empty/new'),
    'through a link': copy('data.bin', 'link'),
    'through a dangling link': copy('file.txt', 'dangling'),
    'a link': copy('link', 'new'),
    'a link over a file': copy('link', 'data.bin'),
    'a dangling link': copy('dangling', 'new'),
    'a link to a folder': copy('link-to-folder', 'new'),
    'a link to a folder, recursive': copy('link-to-folder', 'new', true),
    'through a link to a folder': copy('link-to-folder/a.txt', 'new'),
    'a FIFO': copy('fifo', 'new'),
    'a FIFO, recursive': copy('fifo', 'new', true),
    'what is missing': copy('nowhere', 'new'),
    'what is missing, recursive': copy('nowhere', 'new', true),
    'what is below a file': copy('file.txt/x', 'new'),
    'a folder': copy('folder', 'new'),
    'a folder, recursive': copy('folder', 'new', true),
    'a folder into a folder that is there': copy('folder/inner', 'empty-folder', true),
    'a folder over a folder that has more': copy('folder/inner', 'ws', true),
    'a folder over a file': copy('folder', 'file.txt', true),
    'a folder into a missing folder': copy('folder', 'nowhere/new', true),
    'a folder onto itself': copy('folder', 'folder', true),
    'a folder into itself': copy('folder', 'folder/inner/new', true),
    'a folder into itself through a link': copy('folder', 'link-to-folder/new', true),
    'a folder to where its name begins alike': copy('folder', 'folder-too', true),
  }),
  script('fs/copy a folder twice', async (scene) => {
    const talk = await scene.connect()
    await talk.ask('fs/copy', copy('folder/inner', 'new', true))
    await talk.ask('fs/copy', copy('folder/inner', 'new', true))
  }),
  script('fs/copy a folder with a link twice', async (scene) => {
    const talk = await scene.connect()
    await talk.ask('fs/copy', copy('folder', 'new', true))
    await talk.ask('fs/copy', copy('folder', 'new', true))
  }),
  script('fs/copy a folder with a FIFO', async (scene) => {
    const talk = await scene.connect()
    scene.tree.makeFifo('folder/fifo')
    await talk.ask('fs/copy', copy('folder', 'new', true))
  }),
]

const series: Case[] = [
  script('fs: what one call makes the next sees', async (scene) => {
    const talk = await scene.connect()
    await talk.ask('fs/createDirectory', { path: '$/a/b/c' })
    await talk.ask('fs/writeFile', { path: '$/a/b/c/file', dataBase64: data('text') })
    await talk.ask('fs/readFile', { path: '$/a/b/c/file' })
    await talk.ask('fs/getMetadata', { path: '$/a/b/c/file' })
    await talk.ask('fs/copy', { sourcePath: '$/a', destinationPath: '$/copy', recursive: true })
    await talk.ask('fs/readDirectory', { path: '$/copy/b/c' })
    await talk.ask('fs/remove', { path: '$/a' })
    await talk.ask('fs/getMetadata', { path: '$/a' })
    await talk.ask('fs/readFile', { path: '$/copy/b/c/file' })
    await talk.ask('fs/remove', { path: '$/copy', recursive: false })
    await talk.ask('fs/remove', { path: '$/copy' })
    await talk.ask('fs/remove', { path: '$/copy', force: false })
  }),
]

export const fsWrite: readonly Case[] = [...writing, ...making, ...removing, ...copying, ...series]
