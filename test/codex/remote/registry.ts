/**
 * Stands in for what Codex's remote environments need on the way: the registry, which introduces a client to an
 * executor, and the relay, which carries the frames between them, encrypted end to end.
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'

export type Registry = {
  url: string
  environmentId: string
  /** What was asked of the registry, by whom: the path's last word, and the bearer token. */
  asked: readonly { what: string; token: string | undefined }[]
  /** Whether an executor waits at the relay. */
  hasExecutor(): boolean
  close(): void
}

const PROFILE = 'noise_hybrid_ik_v1'

type Body = {
  executor_public_key?: unknown
  harness_public_key?: unknown
  harness_key_authorization?: string
}

/** For one executor, and one client at a time. */
export async function startRegistry(): Promise<Registry> {
  const environmentId = 'env-1'
  const registrationId = randomUUID()
  const asked: { what: string; token: string | undefined }[] = []
  /** What the registry has given to clients, with their keys. */
  const authorizations = new Map<string, string>()
  let executorKey: unknown
  let executor: WebSocket | undefined
  let harness: WebSocket | undefined

  const answer = (what: string, body: Body, port: number): object | undefined => {
    const common = {
      environment_id: environmentId,
      security_profile: PROFILE,
      executor_registration_id: registrationId,
    }
    if (what === 'register') {
      executorKey = body.executor_public_key
      return { ...common, url: `ws://127.0.0.1:${port}/relay?role=executor` }
    }
    if (what === 'connect' && executorKey !== undefined) {
      const authorization = randomUUID()
      authorizations.set(authorization, JSON.stringify(body.harness_public_key))
      return {
        ...common,
        url: `ws://127.0.0.1:${port}/relay?role=harness`,
        executor_public_key: executorKey,
        harness_key_authorization: authorization,
      }
    }
    if (what === 'validate') {
      const key = authorizations.get(body.harness_key_authorization ?? '')
      return { valid: key !== undefined && key === JSON.stringify(body.harness_public_key) }
    }
    return undefined
  }

  const serve = async (request: IncomingMessage): Promise<object | undefined> => {
    const [, id, what = ''] = /^\/cloud\/environment\/([^/]+)\/(\w+)$/.exec(request.url ?? '') ?? []
    const token = request.headers.authorization
    asked.push({ what, token })
    if (id !== environmentId || token === undefined) return undefined
    return answer(what, (await json(request)) as Body, request.socket.localPort ?? 0)
  }

  const http = createServer((request, response) => {
    serve(request).then(
      (found) => {
        response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' })
        response.end(JSON.stringify(found ?? { error: { code: 'not_found', message: 'not here' } }))
      },
      () => response.destroy(),
    )
  })
  const websockets = new WebSocketServer({ noServer: true })
  http.on('upgrade', (request, socket, head) => {
    websockets.handleUpgrade(request, socket, head, (websocket) => {
      const isExecutor = new URL(request.url ?? '', 'ws://relay').searchParams.get('role') === 'executor'
      if (isExecutor) executor = websocket
      else harness = websocket
      websocket.on('error', () => {})
      websocket.on('message', (frame: Buffer) => (isExecutor ? harness : executor)?.send(frame, { binary: true }))
      websocket.on('close', () => {
        if (executor === websocket) executor = undefined
        if (harness === websocket) harness = undefined
      })
    })
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    environmentId,
    asked,
    hasExecutor: () => executor !== undefined,
    close: () => {
      http.close()
      http.closeAllConnections()
      for (const websocket of websockets.clients) websocket.terminate()
    },
  }
}
