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
import { spawn as spawnOnTerminal } from 'node-pty'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'

type Params = {
  path: string
  dataBase64: string
  processId: string
  argv: string[]
  cwd: string
  env: NodeJS.ProcessEnv
  tty: boolean
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

/** Sends the events of one process. */
class Events {
  readonly #processId: string
  readonly #socket: WebSocket
  #seq = 0
  constructor(processId: string, socket: WebSocket) {
    this.#processId = processId
    this.#socket = socket
  }

  send(method: string, params: object): void {
    this.#socket.send(JSON.stringify({ method, params: { processId: this.#processId, ...params } }))
  }

  /** Sends output. Pauses its source while too much is buffered. */
  output(stream: string, chunk: Buffer, source: Source): void {
    this.send('process/output', { seq: ++this.#seq, stream, chunk: chunk.toString('base64') })
    if (!this.#socket.isPaused && this.#socket.bufferedAmount > MAX_BUFFERED) void pauseUntilSent(source, this.#socket)
  }
}

type Source = { pause(): unknown; resume(): unknown }

function start(params: Params, socket: WebSocket): object {
  const { processId, argv, cwd, env, tty } = params
  const [file = '', ...args] = argv
  const events = new Events(processId, socket)
  const options = { cwd: localPath(cwd), env }
  if (tty) startOnTerminal(file, args, options, events)
  else startOnPipes(file, args, options, events)
  return { processId }
}

type Options = { cwd: string; env: NodeJS.ProcessEnv }

function startOnPipes(file: string, args: string[], options: Options, events: Events): void {
  const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].on('data', (chunk: Buffer) => events.output(stream, chunk, child[stream]))
  child.on('exit', (exitCode) => events.send('process/exited', { exitCode }))
  child.on('close', () => events.send('process/closed', {}))
}

/** By node-pty, which says that a terminal has ended once all its output has been read. */
function startOnTerminal(file: string, args: string[], options: Options, events: Events): void {
  const terminal = spawnOnTerminal(file, args, { ...options, encoding: null })
  terminal.onData((chunk: string | Buffer) => events.output('pty', Buffer.from(chunk), terminal))
  terminal.onExit(({ exitCode }) => {
    events.send('process/exited', { exitCode })
    events.send('process/closed', {})
  })
}

const MAX_BUFFERED = 4 * 1024 * 1024

async function pauseUntilSent(source: Source, socket: WebSocket): Promise<void> {
  source.pause()
  await new Promise((resolve) => socket.ping(undefined, undefined, resolve))
  source.resume()
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
