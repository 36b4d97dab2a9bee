/** fs/walk. */
import { malformed, requests, script } from '../case.ts'
import type { Case } from '../case.ts'
import { NEW } from '../reference.ts'

const newer = { release: NEW }
const OPTIONS = { maxDepth: 10, maxDirectories: 100, maxEntries: 1000, followDirectorySymlinks: false }

const walk = (path: string, options: object = {}): object => ({ path, options: { ...OPTIONS, ...options } })

const limits: Record<string, object> = {
  'maxDepth 0': { maxDepth: 0 },
  'maxDepth 1': { maxDepth: 1 },
  'maxDepth 2': { maxDepth: 2 },
  'maxDepth 64': { maxDepth: 64 },
  'maxDepth 65': { maxDepth: 65 },
  'maxDirectories 0': { maxDirectories: 0 },
  'maxDirectories 1': { maxDirectories: 1 },
  'maxDirectories 2': { maxDirectories: 2 },
  'maxDirectories 3': { maxDirectories: 3 },
  'maxDirectories 10000': { maxDirectories: 10_000 },
  'maxDirectories 10001': { maxDirectories: 10_001 },
  'maxEntries 0': { maxEntries: 0 },
  'maxEntries 1': { maxEntries: 1 },
  'maxEntries 2': { maxEntries: 2 },
  'maxEntries 3': { maxEntries: 3 },
  'maxEntries 4': { maxEntries: 4 },
  'maxEntries 5': { maxEntries: 5 },
  'maxEntries 6': { maxEntries: 6 },
  'maxEntries 7': { maxEntries: 7 },
  'maxEntries 50000': { maxEntries: 50_000 },
  'maxEntries 50001': { maxEntries: 50_001 },
  'all limits': { maxDepth: 64, maxDirectories: 10_000, maxEntries: 50_000 },
  'zero and too much': { maxDepth: 65, maxDirectories: 0 },
  'no depth and little else': { maxDepth: 0, maxDirectories: 1, maxEntries: 1 },
}

export const walks: readonly Case[] = [
  ...malformed('fs/walk', walk('$/folder') as Record<string, unknown>, { path: 'string', options: 'object' }, newer),
  ...malformed('fs/walk', { ...walk('$/folder'), sandbox: null }, { sandbox: 'object' }, newer).slice(6),
  ...requests(
    'fs/walk',
    Object.fromEntries([
      ...Object.keys(OPTIONS).flatMap((member) => [
        [`without options.${member}`, walk('$/folder', { [member]: undefined })],
        [`with options.${member} null`, walk('$/folder', { [member]: null })],
        [`with options.${member} of text`, walk('$/folder', { [member]: '1' })],
        [`with options.${member} -1`, walk('$/folder', { [member]: -1 })],
        [`with options.${member} 1.5`, walk('$/folder', { [member]: 1.5 })],
      ]),
      ...Object.entries(limits).map(([name, options]) => [name, walk('$/folder', options)]),
      ...Object.entries(limits).map(([name, options]) => [
        `${name}, everything`,
        walk('$/', { ...options, followDirectorySymlinks: true }),
      ]),
      ...[true, false, null, 'true', 1].map((pruneHiddenDirectories) => [
        `everything, pruneHiddenDirectories ${JSON.stringify(pruneHiddenDirectories)}`,
        walk('$/', { pruneHiddenDirectories }),
      ]),
      [
        'everything through links, pruneHiddenDirectories',
        walk('$/', { pruneHiddenDirectories: true, followDirectorySymlinks: true }),
      ],
      ['options with an unknown member', walk('$/folder', { more: 1 })],
      ['everything', walk('$/')],
      ['everything through links', walk('$/', { followDirectorySymlinks: true })],
      ['an empty folder', walk('$/empty-folder')],
      ['a file', walk('$/file.txt')],
      ['a link to a file', walk('$/link')],
      ['a link to a folder', walk('$/link-to-folder')],
      ['a link to a folder, followed', walk('$/link-to-folder', { followDirectorySymlinks: true })],
      ['a dangling link', walk('$/dangling')],
      ['a dangling link, followed', walk('$/dangling', { followDirectorySymlinks: true })],
      ['a loop of links', walk('$/loop')],
      ['a loop of links, followed', walk('$/loop', { followDirectorySymlinks: true })],
      ['a FIFO', walk('$/fifo')],
      ['what is missing', walk('$/nowhere')],
      ['what is missing, with bad limits', walk('$/nowhere', { maxEntries: 0 })],
      ['below a file', walk('$/file.txt/x')],
      ['a trailing slash', walk('$/folder/')],
      ['a plain path', walk('$T/folder')],
      ['followSymlinks is passed over', { ...walk('$/link-to-folder'), followSymlinks: false }],
    ]),
    newer,
  ),
  script(
    'fs/walk links that lead back',
    async (scene) => {
      const talk = await scene.connect()
      scene.tree.makeLink('folder/inner/up', '..')
      scene.tree.makeLink('folder/inner/self', '.')
      scene.tree.makeLink('folder/again', 'inner')
      await talk.ask('fs/walk', walk('$/folder', { followDirectorySymlinks: true }))
      await talk.ask('fs/walk', walk('$/folder', { followDirectorySymlinks: true, maxDepth: 3 }))
      await talk.ask('fs/walk', walk('$/folder'))
    },
    NEW,
  ),
  script(
    'fs/walk order',
    async (scene) => {
      const talk = await scene.connect()
      for (const name of ['B', 'a', 'C', 'b', 'é', 'Z', 'z', '10', '9', '_', '.x', 'ab', 'a b', 'a-b', '日本'])
        scene.tree.makeFile(`empty-folder/${name}`)
      await talk.ask('fs/walk', walk('$/empty-folder'))
    },
    NEW,
  ),
]
