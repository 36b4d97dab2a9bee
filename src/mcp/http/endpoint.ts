/** MCP over streamable HTTP: one session for each client, with a server of its own. */
import { randomUUID } from 'node:crypto'
import type { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import { isInitializeRequest } from '@modelcontextprotocol/sdk/types.js'
import { once } from '../../base/once.ts'
import { messageOf } from '../../client/base/errors.ts'
import { HTTP_SESSIONS, RETRY_MS, SESSION_IDLE_MS } from '../limits.ts'
import { EventLog } from './event-log.ts'
import { readJson } from './read-json.ts'
import type { JsonBody } from './read-json.ts'

/** Answers the requests of one path. */
export type McpEndpoint = {
  /** Never rejects. */
  fetch(request: Request): Promise<Response>
  /** How many clients have a session. */
  sessions(): number
  /** Ends all sessions, and what was started in them. */
  close(): Promise<void>
}

/** What answers one client. */
export type McpBackend = {
  /** Not connected yet. */
  server: Pick<Server, 'connect' | 'close'>
  /** Settles when it can answer no more: the session ends then. */
  ended: Promise<unknown>
  /** Ends what was started for the client. */
  close(): Promise<unknown>
}

/** A client: its transport, what answers it, and how many of its requests are being answered. */
type Session = {
  transport: WebStandardStreamableHTTPServerTransport
  backend: McpBackend
  requests: number
  cancelEnd: () => void
}

const SESSION_HEADER = 'mcp-session-id'

/** Creates the endpoint. `open` makes what answers a new client. */
export function createMcpEndpoint(open: () => Promise<McpBackend>): McpEndpoint {
  /** By id; the least recently used first. */
  const sessions = new Map<string, Session>()
  let opening = 0
  let isClosed = false

  const end = async (id: string): Promise<void> => {
    const session = sessions.get(id)
    if (session === undefined) return
    sessions.delete(id)
    session.cancelEnd()
    await session.backend.server.close().catch(() => {})
    await session.backend.close().catch(() => {})
  }

  /** A client that has gone without a word is forgotten after a while. */
  const rest = (id: string, session: Session): void => {
    const timer = setTimeout(() => void end(id), SESSION_IDLE_MS)
    timer.unref()
    session.cancelEnd = () => clearTimeout(timer)
  }

  const answer = async (id: string, session: Session, request: Request, body?: JsonBody): Promise<Response> => {
    session.cancelEnd()
    sessions.delete(id)
    sessions.set(id, session)
    session.requests++
    const done = once(() => {
      session.requests--
      if (session.requests === 0 && sessions.has(id)) rest(id, session)
    })
    try {
      return whenEnded(await session.transport.handleRequest(request, body && { parsedBody: body.value }), done)
    } catch (error) {
      done()
      throw error
    }
  }

  /** Ends the session that was idle for the longest time. False if none is. */
  const makeRoom = (): boolean => {
    if (sessions.size + opening < HTTP_SESSIONS) return true
    const [idle] = [...sessions].find(([, { requests }]) => requests === 0) ?? []
    if (idle === undefined) return false
    void end(idle)
    return true
  }

  const openSession = async (request: Request, body: JsonBody): Promise<Response> => {
    if (isClosed || !makeRoom()) return failure(503, `there are ${HTTP_SESSIONS} sessions: close one of them`)
    opening++
    const id = randomUUID()
    try {
      const backend = await open()
      const transport = new WebStandardStreamableHTTPServerTransport({
        sessionIdGenerator: () => id,
        eventStore: new EventLog(),
        retryInterval: RETRY_MS,
        onsessionclosed: () => end(id),
      })
      const session: Session = { transport, backend, requests: 0, cancelEnd: () => {} }
      sessions.set(id, session)
      void backend.ended.then(() => end(id))
      await backend.server.connect(transport)
      const response = await answer(id, session, request, body)
      if (!response.ok || isClosed) await end(id)
      return response
    } catch (error) {
      await end(id)
      return failure(500, messageOf(error))
    } finally {
      opening--
    }
  }

  return {
    fetch: async (request) => {
      try {
        const body = request.method === 'POST' ? await readJson(request) : undefined
        if (body !== undefined && 'refusal' in body) return failure(body.status, body.refusal)
        const id = request.headers.get(SESSION_HEADER)
        if (id !== null) {
          const session = sessions.get(id)
          return session === undefined
            ? failure(404, 'there is no such session: initialize a new one')
            : await answer(id, session, request, body)
        }
        if (request.method !== 'POST' && request.method !== 'GET' && request.method !== 'DELETE')
          return failure(405, 'this is an MCP endpoint: POST, GET or DELETE', { allow: 'GET, POST, DELETE' })
        if (body === undefined || !isInitializeRequest(body.value))
          return failure(400, `a request without ${SESSION_HEADER} must be initialize`)
        return await openSession(request, body)
      } catch (error) {
        return failure(500, messageOf(error))
      }
    },
    sessions: () => sessions.size,
    close: async () => {
      isClosed = true
      await Promise.all([...sessions.keys()].map(end))
    },
  }
}

/** An answer of the endpoint itself, in the form of the transport's. */
function failure(status: number, message: string, headers: Record<string, string> = {}): Response {
  const error = { jsonrpc: '2.0', error: { code: status === 404 ? -32_001 : -32_000, message }, id: null }
  return Response.json(error, { status, headers })
}

/** The same response; `done` is called once its body has ended, or its client has gone. */
function whenEnded(response: Response, done: () => void): Response {
  if (response.body === null) {
    done()
    return response
  }
  const reader = response.body.getReader()
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      try {
        const { done: isEnd, value } = await reader.read()
        if (!isEnd) return controller.enqueue(value)
        done()
        controller.close()
      } catch (error) {
        done()
        controller.error(error)
      }
    },
    cancel: async (reason) => {
      done()
      await reader.cancel(reason)
    },
  })
  return new Response(body, response)
}
