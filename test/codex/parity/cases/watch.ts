/** fs/watchMissing and fs/missingChanged. */
import { malformed, requests, script } from '../case.ts'
import type { Case } from '../case.ts'
import { NEW } from '../reference.ts'
import { literally } from '../scene.ts'
import type { Scene } from '../scene.ts'
import type { Talk } from '../talk.ts'

const newer = { release: NEW }
const own = { ...newer, own: true }

/** How long a change may take to be told of, and how long it is waited for what is not to come. */
const CHANGE_MS = 3000
const SILENCE_MS = 400

/** A watch, something that happens, and what is told of it. */
function watches(name: string, params: object, act: (scene: Scene, talk: Talk) => unknown, isTold = true): Case {
  return script(
    `fs/watchMissing ${name}`,
    async (scene) => {
      const talk = await scene.connect()
      await talk.ask('fs/watchMissing', { watchId: 1, ...params })
      await act(scene, talk)
      await talk.notified('fs/missingChanged', isTold ? CHANGE_MS : SILENCE_MS)
    },
    NEW,
  )
}

const missing = (...names: string[]): object => ({ missing: names.map((name) => `$/${name}`) })
const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `missing-${index}`)

export const watching: readonly Case[] = [
  ...malformed('fs/watchMissing', { watchId: 1, missing: ['$/nowhere'] }, { watchId: 'integer', missing: 'list' }, own),
  ...malformed(
    'fs/watchMissing',
    { watchId: 1, missing: ['$/nowhere'], present: '$/folder' },
    { present: 'string' },
    own,
  ).slice(6),
  ...requests(
    'fs/watchMissing',
    {
      'one path': { watchId: 1, ...missing('nowhere') },
      'an id of 0': { watchId: 0, ...missing('nowhere') },
      'a large id': { watchId: literally('18446744073709551615'), ...missing('nowhere') },
      'no paths': { watchId: 1, missing: [] },
      'no paths and something present': { watchId: 1, missing: [], present: '$/folder' },
      'what is there': { watchId: 1, ...missing('file.txt') },
      'one of two is there': { watchId: 1, ...missing('nowhere', 'folder') },
      'a dangling link': { watchId: 1, ...missing('dangling') },
      'a path twice': { watchId: 1, ...missing('nowhere', 'nowhere') },
      'in a missing folder': { watchId: 1, ...missing('nowhere/at/all') },
      'below a file': { watchId: 1, ...missing('file.txt/x') },
      'through a link': { watchId: 1, ...missing('link-to-folder/x') },
      'through a loop of links': { watchId: 1, ...missing('loop/x') },
      'present null': { watchId: 1, ...missing('nowhere'), present: null },
      'present a folder': { watchId: 1, ...missing('nowhere'), present: '$/folder' },
      'present a file': { watchId: 1, ...missing('nowhere'), present: '$/file.txt' },
      'present a link': { watchId: 1, ...missing('nowhere'), present: '$/link' },
      'present a dangling link': { watchId: 1, ...missing('nowhere'), present: '$/dangling' },
      'present what is missing': { watchId: 1, ...missing('nowhere'), present: '$/nowhere-too' },
      'present what is watched': { watchId: 1, ...missing('nowhere'), present: '$/nowhere' },
      '64 paths': { watchId: 1, ...missing(...many(64)) },
      '65 paths': { watchId: 1, ...missing(...many(65)) },
      '128 paths': { watchId: 1, ...missing(...many(128)) },
      'a plain path': { watchId: 1, missing: ['$T/nowhere'] },
      'a path on another host': { watchId: 1, missing: ['file://host/nowhere'] },
      'a path on a drive': { watchId: 1, missing: ['file:///C:/x'] },
      'a relative path': { watchId: 1, missing: ['nowhere'] },
      'present a plain path': { watchId: 1, ...missing('nowhere'), present: '$T/folder' },
      'a sandbox is passed over': { watchId: 1, ...missing('nowhere'), sandbox: 5 },
    },
    own,
  ),
  script(
    'fs/watchMissing ids',
    async (scene) => {
      const talk = await scene.connect()
      for (const watchId of [5, 5, 4, 6, 100, 7, 101])
        await talk.ask('fs/watchMissing', { watchId, ...missing('nowhere') })
      await talk.ask('fs/watchMissing', { watchId: 102, missing: [] })
      await talk.ask('fs/watchMissing', { watchId: 102, ...missing('nowhere') })
      await talk.ask('fs/watchMissing', { watchId: 103, ...missing('file.txt') })
      await talk.ask('fs/watchMissing', { watchId: 103, ...missing('nowhere') })
    },
    NEW,
  ),
  watches('a file appears', missing('nowhere'), ({ tree }) => tree.makeFile('nowhere')),
  watches('a folder appears', missing('nowhere'), ({ tree }) => tree.makeFolder('nowhere')),
  watches('a dangling link appears', missing('nowhere'), ({ tree }) => tree.makeLink('nowhere', 'nowhere-too')),
  watches('a file is moved there', missing('nowhere'), ({ tree }) => tree.move('file.txt', 'nowhere')),
  watches('the second appears', missing('nowhere', 'folder/nowhere'), ({ tree }) => tree.makeFile('folder/nowhere')),
  watches('a folder above appears', missing('nowhere/at/all'), ({ tree }) => tree.makeFolder('nowhere')),
  watches('a file above appears', missing('nowhere/at/all'), ({ tree }) => tree.makeFile('nowhere')),
  watches('through a link', missing('link-to-folder/x'), ({ tree }) => tree.makeFile('folder/x')),
  watches('in a folder that is moved away', missing('folder/inner/x'), ({ tree }) =>
    tree.move('folder/inner', 'elsewhere'),
  ),
  watches('in a folder that is removed', missing('empty-folder/x'), ({ tree }) => tree.remove('empty-folder')),
  watches('the folder above is replaced', missing('folder/inner/x'), ({ tree }) => {
    tree.move('folder/inner', 'elsewhere')
    tree.makeFolder('folder/inner')
    tree.makeFile('folder/inner/x')
  }),
  watches('what is present goes', { ...missing('nowhere'), present: '$/folder' }, ({ tree }) => tree.remove('folder')),
  watches('what is present is moved', { ...missing('nowhere'), present: '$/folder' }, ({ tree }) =>
    tree.move('folder', 'elsewhere'),
  ),
  watches('a present file goes', { ...missing('nowhere'), present: '$/file.txt' }, ({ tree }) =>
    tree.remove('file.txt'),
  ),
  watches(
    'a present file is written',
    { ...missing('nowhere'), present: '$/file.txt' },
    ({ tree }) => tree.makeFile('file.txt', 'more'),
    false,
  ),
  watches('the rights of what is present', { ...missing('nowhere'), present: '$/folder' }, ({ tree }) =>
    tree.chmod('folder', 0o700),
  ),
  watches(
    'something in what is present',
    { ...missing('nowhere'), present: '$/folder' },
    ({ tree }) => tree.makeFile('folder/new'),
    false,
  ),
  watches('something beside', missing('nowhere'), ({ tree }) => tree.makeFile('beside'), false),
  watches('something deeper', missing('nowhere'), ({ tree }) => tree.makeFile('folder/nowhere'), false),
  watches('nothing', missing('nowhere'), () => {}, false),
  watches(
    'twice',
    missing('nowhere'),
    async ({ tree }, talk) => {
      tree.makeFile('nowhere')
      await talk.notified('fs/missingChanged', CHANGE_MS)
      tree.remove('nowhere')
      tree.makeFile('nowhere')
    },
    false,
  ),
  watches('by a call of its own', missing('nowhere'), (_, talk) =>
    talk.ask('fs/createDirectory', { path: '$/nowhere' }),
  ),
  watches(
    'replaced by another',
    missing('nowhere'),
    async ({ tree }, talk) => {
      await talk.ask('fs/watchMissing', { watchId: 2, ...missing('other') })
      tree.makeFile('nowhere')
    },
    false,
  ),
  watches('the other appears', missing('nowhere'), async ({ tree }, talk) => {
    await talk.ask('fs/watchMissing', { watchId: 2, ...missing('other') })
    tree.makeFile('other')
  }),
  watches(
    'stopped',
    missing('nowhere'),
    async ({ tree }, talk) => {
      await talk.ask('fs/watchMissing', { watchId: 2, missing: [] })
      tree.makeFile('nowhere')
    },
    false,
  ),
  watches('not replaced by an older id', missing('nowhere'), async ({ tree }, talk) => {
    await talk.ask('fs/watchMissing', { watchId: 1, ...missing('other') })
    tree.makeFile('nowhere')
  }),
  watches('again after it was told of', missing('nowhere'), async ({ tree }, talk) => {
    tree.makeFile('nowhere')
    await talk.notified('fs/missingChanged', CHANGE_MS)
    await talk.ask('fs/watchMissing', { watchId: 2, ...missing('other') })
    tree.makeFile('other')
    await talk.notified('fs/missingChanged', CHANGE_MS, 2)
  }),
]
