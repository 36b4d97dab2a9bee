/** What tells of files: fs/readFile, getMetadata, readDirectory, canonicalize. */
import { malformed, requests, script } from '../case.ts'
import type { Case } from '../case.ts'
import { NEW, OLD } from '../reference.ts'

const METHODS = ['fs/readFile', 'fs/getMetadata', 'fs/readDirectory', 'fs/canonicalize']
const FOLLOWING = ['fs/readFile', 'fs/getMetadata']

/** Tried with every one of them. */
const TARGETS = {
  'a file': 'file.txt',
  'an empty file': 'empty',
  'a larger file': 'data.bin',
  'a folder': 'folder',
  'an empty folder': 'empty-folder',
  'a file in a folder': 'folder/inner/c.txt',
  'a link': 'link',
  'a link to a folder': 'link-to-folder',
  'a file through a link': 'link-to-folder/a.txt',
  'a dangling link': 'dangling',
  'a loop of links': 'loop',
  'what is missing': 'nowhere',
  'what is missing in a missing folder': 'nowhere/at/all',
  'what is below a file': 'file.txt/x',
  'a trailing slash': 'folder/',
  'a file and a slash': 'file.txt/',
  'double slashes': 'folder//inner///c.txt',
  dots: 'folder/./inner/../a.txt',
  'dots beyond a link': 'link-to-folder/../file.txt',
  'dots beyond a missing folder': 'nowhere/../file.txt',
  'dots beyond the root': `${'../'.repeat(30)}etc/hostname`,
  'a hidden file': 'folder/.hidden',
  'a name that is too long': 'x'.repeat(300),
  'a path that is too long': 'x/'.repeat(3000),
  'a NUL': 'a\0b',
  'other letters': 'ünï.txt',
}

const DEVICES = { 'a device': 'dev/null', 'the root': '', 'a file of /proc': 'proc/version' }

/** How the newer release writes paths, and how not. */
const URIS = {
  'an escaped space': 'file://$T/sp%20ace.txt',
  'a space': 'file://$T/sp ace.txt',
  'escaped letters': 'file://$T/%C3%BCn%C3%AF.txt',
  'an escaped letter': 'file://$T/%66ile.txt',
  'an escaped slash': 'file://$T/folder%2Fa.txt',
  'an escaped backslash': 'file://$T/back%5Cslash',
  'escaped dots': 'file://$T/folder/%2e%2e/file.txt',
  'an escaped percent sign': 'file://$T/pct%2520x',
  'an escape that is none': 'file://$T/pct%zz',
  'a percent sign at the end': 'file://$T/pct%',
  'a name that is not UTF-8': 'file://$T/bad%FF%FEname',
  'an escaped NUL': 'file://$T/a%00b',
  'one slash': 'file:$T/file.txt',
  capitals: 'FILE://$T/file.txt',
  localhost: 'file://localhost$T/file.txt',
  LOCALHOST: 'file://LOCALHOST$T/file.txt',
  'another host': 'file://example.com$T/file.txt',
  'an address': 'file://127.0.0.1$T/file.txt',
  'a host and a port': 'file://localhost:80$T/file.txt',
  'a user': 'file://user@localhost$T/file.txt',
  'four slashes': 'file:///$T/file.txt',
  'a drive': 'file:///C:/x/y',
  'a drive in small letters': 'file:///c:/x',
  'a drive alone': 'file:///C:',
  'a drive with a bar': 'file:///C|/x',
  'a query': 'file://$T/file.txt?q',
  'an empty query': 'file://$T/file.txt?',
  'a fragment': 'file://$T/file.txt#f',
  'another scheme': 'http://localhost$T/file.txt',
  'a scheme alone': 'file:',
  'a scheme and slashes': 'file://',
  'a scheme and three slashes': 'file:///',
  'a relative URI': 'file:file.txt',
  'a plain path': '$T/file.txt',
  'a relative path': 'file.txt',
  nothing: '',
  'a tilde': '~/file.txt',
  'a backslash for a slash': 'file://$T\\file.txt',
  'white space around': ' file://$T/file.txt ',
  'a tab within': 'file://$T/fi\tle.txt',
}

const PLAIN = {
  'a relative path': 'file.txt',
  'a dot': './file.txt',
  nothing: '',
  'a tilde': '~/file.txt',
  'a URI': 'file://$T/file.txt',
  'another scheme': 'http://localhost$T/file.txt',
  'a Windows path': 'C:\\x',
  'a percent sign': '$T/pct%20x',
  'a space': '$T/sp ace.txt',
  'a backslash': '$T/back\\slash',
  'a question mark': '$T/file.txt?q',
  'a hash sign': '$T/file.txt#f',
  'two slashes': '//$T/file.txt',
}

function paths(table: Record<string, string>, more: object = {}, prefix = '$/'): Record<string, object> {
  return Object.fromEntries(Object.entries(table).map(([name, target]) => [name, { path: prefix + target, ...more }]))
}

/** On a connection of its own each, as the older release never answers. */
const fifo = (method: string): Case[] => [
  ...requests(method, { 'a FIFO': { path: '$/fifo' } }, method === 'fs/readFile' ? { patienceMs: 1500 } : {}),
]

function cases(method: string): Case[] {
  const options = method === 'fs/canonicalize' ? { release: NEW } : {}
  const wanted = (one: Case): boolean => (one.release ?? NEW) === (options.release ?? one.release ?? NEW)
  return [
    ...malformed(method, { path: '$/file.txt' }, { path: 'string' }, options),
    ...malformed(method, { path: '$/file.txt', sandbox: null }, { sandbox: 'object' }, options).slice(6),
    ...requests(method, paths(TARGETS), options),
    ...requests(method, paths(DEVICES, {}, '/'), { release: OLD }).filter(() => method !== 'fs/canonicalize'),
    ...requests(method, paths(DEVICES, {}, 'file:///'), { release: NEW }),
    ...fifo(method).map((one) => ({ ...one, ...options })),
  ].filter(wanted)
}

function following(method: string): Case[] {
  return [
    ...requests(method, {
      'followSymlinks true': { path: '$/link', followSymlinks: true },
      'followSymlinks null': { path: '$/link', followSymlinks: null },
    }),
    ...requests(
      method,
      {
        'followSymlinks false': { path: '$/file.txt', followSymlinks: false },
        'followSymlinks false, a link': { path: '$/link', followSymlinks: false },
        'followSymlinks false, a dangling link': { path: '$/dangling', followSymlinks: false },
        'followSymlinks false, through a link': { path: '$/link-to-folder/a.txt', followSymlinks: false },
        'followSymlinks false, a folder': { path: '$/folder', followSymlinks: false },
        'followSymlinks false, what is missing': { path: '$/nowhere', followSymlinks: false },
        'followSymlinks false, below a file': { path: '$/file.txt/x', followSymlinks: false },
        'followSymlinks false, a FIFO': { path: '$/fifo', followSymlinks: false },
        'followSymlinks text': { path: '$/file.txt', followSymlinks: 'false' },
        'followSymlinks a number': { path: '$/file.txt', followSymlinks: 0 },
      },
      { release: NEW },
    ),
  ]
}

export const fsRead: readonly Case[] = [
  ...METHODS.flatMap(cases),
  ...FOLLOWING.flatMap(following),
  ...requests('fs/readFile', paths(URIS, {}, ''), { release: NEW }),
  ...requests('fs/readFile', paths(PLAIN, {}, ''), { release: OLD }),
  ...requests('fs/canonicalize', { ...paths(URIS, {}, '') }, { release: NEW }),
  ...['fs/readDirectory', 'fs/canonicalize'].flatMap((method) =>
    requests(
      method,
      { 'followSymlinks false is passed over': { path: '$/link-to-folder', followSymlinks: false } },
      { release: NEW },
    ),
  ),
  script('fs/readFile a file that is too large', async (scene) => {
    const talk = await scene.connect()
    scene.tree.makeSparse('huge', 2 ** 29 + 1)
    await talk.ask('fs/readFile', { path: '$/huge' })
  }),
  script('fs/readFile a file of some MiB', async (scene) => {
    const talk = await scene.connect()
    scene.tree.makeSparse('large', 5 * 2 ** 20)
    const { dataBase64 } = await talk.quietly('fs/readFile', { path: '$/large' })
    scene.note('fs/readFile', (dataBase64 as string).length)
  }),
]
