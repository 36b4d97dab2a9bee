/** initialize, initialized, sessions, and what is refused before they are there. */
import { malformed, requests, script } from '../case.ts'
import type { Case } from '../case.ts'
import { NEW } from '../reference.ts'
import type { Reference } from '../reference.ts'
import type { Talk } from '../talk.ts'
import { sleep } from '../../../support/server.ts'

/** Of every method, params that it takes. */
const VALID: Record<string, object> = {
  'environment/info': {},
  'environment/status': {},
  'environmentConfig/read': { cwd: '$/ws', configPaths: [['mcp_servers']], requirementsPaths: [] },
  'capabilityRoots/discoverV1': { roots: [] },
  'capabilities/discoverV2': { cwd: '$/ws' },
  'process/start': { processId: 'p', argv: ['true'], cwd: '$/', env: {}, tty: false },
  'process/read': { processId: 'p' },
  'process/write': { processId: 'p', chunk: '', writeId: '1' },
  'process/signal': { processId: 'p', signal: 'interrupt' },
  'process/terminate': { processId: 'p' },
  'fs/readFile': { path: '$/file.txt' },
  'fs/writeFile': { path: '$/new', dataBase64: '' },
  'fs/createDirectory': { path: '$/new' },
  'fs/getMetadata': { path: '$/file.txt' },
  'fs/readDirectory': { path: '$/folder' },
  'fs/remove': { path: '$/file.txt' },
  'fs/copy': { sourcePath: '$/file.txt', destinationPath: '$/new', recursive: false },
  'fs/canonicalize': { path: '$/file.txt' },
  'fs/open': { handleId: 'h', path: '$/file.txt' },
  'fs/readBlock': { handleId: 'h', offset: 0, len: 1 },
  'fs/writeBlock': { handleId: 'h', offset: 0, chunk: 'YQ==' },
  'fs/close': { handleId: 'h' },
  'fs/walk': {
    path: '$/folder',
    options: { maxDepth: 1, maxDirectories: 10, maxEntries: 10, followDirectorySymlinks: false },
  },
  'fs/watchMissing': { watchId: 1, missing: ['$/nowhere'] },
  'http/request': { requestId: 'r', method: 'GET', url: '$H/echo' },
}

const known = ({ lacks }: Reference): [string, object][] =>
  Object.entries(VALID).filter(([method]) => !lacks.has(method))

const early: Case[] = [
  script('before initialize', async (scene) => {
    const talk = await scene.open()
    for (const [method, params] of known(scene.reference)) await talk.ask(method, params)
  }),
  script('before initialize, malformed', async (scene) => {
    const talk = await scene.open()
    for (const [method] of known(scene.reference)) await talk.ask(method, { unknownMember: 1 })
  }),
  script('before initialized', async (scene) => {
    const talk = await scene.open()
    await talk.ask('initialize', { clientName: 'parity' })
    for (const [method, params] of known(scene.reference)) await talk.ask(method, params)
  }),
  script('before initialized, malformed', async (scene) => {
    const talk = await scene.open()
    await talk.ask('initialize', { clientName: 'parity' })
    for (const [method] of known(scene.reference)) await talk.ask(method, 'text')
  }),
  script(
    'before initialize, what is checked by the method',
    async (scene) => {
      const talk = await scene.open()
      await talk.ask('environmentConfig/read', { cwd: '$/ws', configPaths: [], requirementsPaths: [] })
      await talk.ask('fs/walk', {
        path: '$/ws',
        options: { maxDepth: 65, maxDirectories: 0, maxEntries: 0, followDirectorySymlinks: false },
      })
      await talk.ask('fs/readBlock', { handleId: 'h', offset: 0, len: 0 })
      await talk.ask('fs/writeFile', { path: '$/new', dataBase64: '!' })
      await talk.ask('process/start', { processId: 'p', argv: [], cwd: '$/', env: {}, tty: false })
      await talk.ask('http/request', { requestId: 'r', method: '', url: '' })
    },
    NEW,
  ),
  script('newer methods', async (scene) => {
    const talk = await scene.connect()
    for (const method of scene.reference.lacks) await talk.ask(method, {})
  }),
]

const unknown: Case[] = [
  script('unknown methods before initialize', async (scene) => {
    const talk = await scene.open()
    for (const method of ['fs/unknown', '', 'initialized', 'process/output']) await talk.ask(method, {})
  }),
  script('unknown methods', async (scene) => {
    const talk = await scene.connect()
    const names = [
      'fs/watch',
      'fs/ReadFile',
      'fs',
      'process/list',
      'process/resize',
      'process/exited',
      'shutdown',
      'ping',
      'session/close',
    ]
    for (const method of [...names, 'constructor', '__proto__', 'initialized', ' fs/readFile', 'fs/missingChanged'])
      await talk.ask(method, {})
    await talk.ask('unknown/method', null)
    await talk.ask('unknown/method')
    await talk.ask('unknown/method', 'text')
  }),
]

const handshakes: Case[] = [
  script('initialize', async (scene) => {
    const talk = await scene.open()
    await talk.ask('initialize', { clientName: 'codex-environment', resumeSessionId: null })
    await talk.tell('initialized', {})
    await talk.ask('fs/getMetadata', { path: '$/file.txt' })
  }),
  script('initialize twice', async (scene) => {
    const talk = await scene.open()
    await talk.ask('initialize', { clientName: '' })
    await talk.ask('initialize', { clientName: 'again' })
    await talk.ask('initialize', {})
    await talk.tell('initialized', null)
    await talk.ask('initialize', { clientName: 'again' })
    await talk.ask('initialize', { clientName: 'again', resumeSessionId: 'unknown' })
    await talk.ask('fs/getMetadata', { path: '$/file.txt' })
  }),
  script('initialize after failures', async (scene) => {
    const talk = await scene.open()
    await talk.ask('initialize')
    await talk.ask('initialize', { clientName: 'x', resumeSessionId: 'unknown' })
    await talk.ask('initialize', { clientName: 'x', resumeSessionId: '' })
    await talk.ask('initialize', { clientName: 'x', resumeSessionId: '00000000-0000-4000-8000-000000000000' })
    await talk.ask('fs/getMetadata', { path: '$/file.txt' })
    await talk.ask('initialize', { clientName: 'x' })
    await talk.ask('fs/getMetadata', { path: '$/file.txt' })
  }),
  ...malformed(
    'initialize',
    { clientName: 'x', resumeSessionId: null },
    { clientName: 'string', resumeSessionId: 'string' },
    { early: true },
  ),
]

const notifications: Case[] = [
  script('initialized before initialize', async (scene) => (await scene.open()).tell('initialized', {})),
  script('initialized after a failed initialize', async (scene) => {
    const talk = await scene.open()
    await talk.ask('initialize', {})
    await talk.tell('initialized', {})
  }),
  ...Object.entries({ null: null, absent: undefined, 'a list': [1], text: 'text', 'unknown members': { a: 1 } }).map(
    ([name, params]) =>
      script(`initialized with ${name}`, async (scene) => {
        const talk = await scene.open()
        await talk.quietly('initialize', { clientName: 'x' })
        await talk.tell('initialized', params)
        await talk.ask('fs/getMetadata', { path: '$/file.txt' })
      }),
  ),
  script('initialized again', async (scene) => {
    const talk = await scene.connect()
    await talk.tell('initialized', {})
    await talk.ask('fs/getMetadata', { path: '$/file.txt' })
  }),
  script('an unknown notification', async (scene) => (await scene.connect()).tell('unknown/event', {})),
  script('an unknown notification before initialize', async (scene) => (await scene.open()).tell('unknown/event', {})),
  script('a request without an id', async (scene) =>
    (await scene.connect()).tell('fs/getMetadata', { path: '$/file.txt' }),
  ),
]

const sessions: Case[] = [
  script('a session that is held', async (scene) => {
    const holder = await scene.open()
    const sessionId = await holder.shakeHands()
    const other = await scene.open()
    await other.ask('initialize', { clientName: 'x', resumeSessionId: sessionId })
    await holder.ask('fs/getMetadata', { path: '$/file.txt' })
    await other.ask('initialize', { clientName: 'x', resumeSessionId: null })
  }),
  script('a session that is resumed', async (scene) => {
    const first = await scene.open()
    const sessionId = await first.shakeHands()
    const argv = ['/bin/sh', '-c', 'printf one; sleep 0.3; printf two; sleep 60']
    await first.ask('process/start', { processId: 'p', argv, cwd: '$/', env: {}, tty: false })
    await first.wrote('p', 3)
    await first.drop()
    const second = await scene.open()
    await resume(second, sessionId)
    await second.ask('process/read', { processId: 'p' })
    await second.tell('initialized', {})
    await second.ask('process/start', { processId: 'p', argv, cwd: '$/', env: {}, tty: false })
    await second.ask('process/read', { processId: 'p', afterSeq: 1, waitMs: 3000 })
    await second.ask('process/terminate', { processId: 'p' })
  }),
  script('a session whose client never said initialized', async (scene) => {
    const first = await scene.open()
    const { sessionId } = await first.quietly('initialize', { clientName: 'x' })
    await first.drop()
    await resume(await scene.open(), sessionId)
  }),
  script('processes belong to their session', async (scene) => {
    const [one, other] = [await scene.connect(), await scene.connect()]
    const params = { processId: 'p', argv: ['sleep', '60'], cwd: '$/', env: { PATH: '/usr/bin:/bin' }, tty: false }
    await one.ask('process/start', params)
    await other.ask('process/read', { processId: 'p' })
    await other.ask('process/write', { processId: 'p', chunk: '', writeId: '1' })
    await other.ask('process/terminate', { processId: 'p' })
    await other.ask('process/start', params)
    await one.ask('process/terminate', { processId: 'p' })
    await other.ask('process/terminate', { processId: 'p' })
  }),
]

/** Once the server has seen that the old connection is gone. */
async function resume(talk: Talk, sessionId: string): Promise<void> {
  await sleep(200)
  await talk.ask('initialize', { clientName: 'x', resumeSessionId: sessionId })
}

export const handshake: readonly Case[] = [
  ...early,
  ...unknown,
  ...handshakes,
  ...notifications,
  ...sessions,
  ...requests('environment/info', { 'with an object': { a: 1 } }, { release: NEW }),
]
