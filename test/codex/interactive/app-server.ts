/** Codex's app-server, as an editor drives it: environments are added while it runs, and chosen for each turn. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Home } from '../home.ts'
import { killAtExit } from '../processes.ts'

type Answer = { result?: unknown; error?: { code: number; message: string } }
type Notification = { method: string; params: Record<string, unknown> }

export type AppServer = {
  /** @throws {Error} with the error's message */
  request<T>(method: string, params: object): Promise<T>
  /** The first notification from now on that matches. */
  next(method: string, matches?: (params: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>
  /** Ends its stdin. Resolves with its exit code. */
  close(): Promise<number | null>
}

/** Of a turn with a handful of tool calls. */
const LIMIT_MS = 60_000

export async function startAppServer(codex: string, home: Home, env: Record<string, string>): Promise<AppServer> {
  const child = killAtExit(
    spawn(codex, ['app-server'], {
      cwd: home.work,
      env: { ...home.clientEnv, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    }),
  )
  let log = ''
  child.stderr.on('data', (bytes: Buffer) => (log += bytes.toString()))
  const exited = once(child, 'exit')
  const answers = new Map<number, (answer: Answer) => void>()
  const listeners = new Set<(notification: Notification) => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line) as Answer & Partial<Notification> & { id?: number }
    if (message.method !== undefined) for (const listen of listeners) listen(message as Notification)
    else answers.get(message.id ?? -1)?.(message)
  })
  let requests = 0
  const withLimit = <T>(what: string, promise: Promise<T>): Promise<T> => {
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(() => reject(new Error(`${what} did not come. ${log.slice(-2000)}`)), LIMIT_MS)
    return Promise.race([promise, late]).finally(() => clearTimeout(timer))
  }
  const server: AppServer = {
    request: async <T>(method: string, params: object) => {
      const id = ++requests
      const { promise, resolve } = Promise.withResolvers<Answer>()
      answers.set(id, resolve)
      child.stdin.write(`${JSON.stringify({ id, method, params })}\n`)
      const { result, error } = await withLimit(`the answer to ${method}`, promise)
      if (error !== undefined) throw new Error(`${method}: ${error.message}`)
      return result as T
    },
    next: (method, matches = () => true) => {
      const { promise, resolve } = Promise.withResolvers<Record<string, unknown>>()
      const listen = (notification: Notification): void => {
        if (notification.method !== method || !matches(notification.params)) return
        listeners.delete(listen)
        resolve(notification.params)
      }
      listeners.add(listen)
      return withLimit(method, promise)
    },
    close: async () => {
      child.stdin.end()
      const [code] = (await withLimit('the end of the app-server', exited)) as [number | null]
      return code
    },
  }
  const clientInfo = { name: 'exec-server-test', title: null, version: '1' }
  await server.request('initialize', { clientInfo, capabilities: { experimentalApi: true } })
  child.stdin.write(`${JSON.stringify({ method: 'initialized' })}\n`)
  return server
}
