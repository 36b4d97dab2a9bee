/**
 * The least that Node needs for the same work: its WebSocket library, JSON, base64, its calls of files and processes, and
 * none of what a server has to see to besides. Prints its URL. Speaks as much of the protocol as the benchmarks of
 * requests, pipes and files do, all in one session.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'

type Params = {
  path: string
  dataBase64: string
  processId: string
  argv: string[]
  cwd: string
  env: NodeJS.ProcessEnv
}
type Request = { id?: number; method: string; params: Params }

const methods: Record<string, (params: Params, socket: WebSocket) => unknown> = {
  initialize: () => ({ sessionId: 'plain' }),
  'environment/status': () => ({ status: 'ready' }),
  'fs/getMetadata': async ({ path }) => {
    const info = await stat(localPath(path))
    return { isDirectory: info.isDirectory(), isFile: info.isFile(), size: info.size, modifiedAtMs: info.mtimeMs }
  },
  'fs/readFile': async ({ path }) => ({ dataBase64: (await readFile(localPath(path))).toString('base64') }),
  'fs/writeFile': async ({ path, dataBase64 }) => {
    await writeFile(localPath(path), Buffer.from(dataBase64, 'base64'))
    return {}
  },
  'process/start': start,
}

const localPath = (path: string): string => (path.startsWith('file:') ? fileURLToPath(path) : path)

function start({ processId, argv: [file = '', ...args], cwd, env }: Params, socket: WebSocket): object {
  const child = spawn(file, args, { cwd: localPath(cwd), env, stdio: ['ignore', 'pipe', 'pipe'] })
  const send = (method: string, params: object): void =>
    socket.send(JSON.stringify({ method, params: { processId, ...params } }))
  let seq = 0
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].on('data', (chunk: Buffer) => {
      send('process/output', { seq: ++seq, stream, chunk: chunk.toString('base64') })
      if (!socket.isPaused && socket.bufferedAmount > MAX_BUFFERED) void pauseUntilSent(child[stream], socket)
    })
  child.on('exit', (exitCode) => send('process/exited', { exitCode }))
  child.on('close', () => send('process/closed', {}))
  return { processId }
}

const MAX_BUFFERED = 4 * 1024 * 1024

async function pauseUntilSent(stream: NodeJS.ReadableStream, socket: WebSocket): Promise<void> {
  stream.pause()
  await new Promise((resolve) => socket.ping(undefined, undefined, resolve))
  stream.resume()
}

async function answer(text: string, socket: WebSocket): Promise<void> {
  const { id, method, params } = JSON.parse(text) as Request
  const call = methods[method]
  if (id === undefined || call === undefined) return
  const result = await call(params, socket)
  socket.send(JSON.stringify({ id, result }))
}

const http = createServer()
new WebSocketServer({ server: http, maxPayload: 256 * 1024 * 1024, perMessageDeflate: false }).on(
  'connection',
  (socket) => socket.on('message', (data: Buffer) => void answer(data.toString(), socket)),
)
await once(http.listen(0, '127.0.0.1'), 'listening')
process.stdout.write(`ws://127.0.0.1:${(http.address() as AddressInfo).port}\n`)
