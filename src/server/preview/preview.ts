/**
 * Shows what listens on the devbox's loopback in a browser: HTTP and WebSockets, through the server's own port. README.md
 * says what keeps the pages from the server.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Refusal } from '../http/host-check.ts'
import { peerName } from '../http/peer-name.ts'
import { refuseRequest, refuseUpgrade } from '../http/refuse.ts'
import type { ServerLimits } from '../limits.ts'
import type { PreviewTraffic } from '../telemetry/preview-traffic.ts'
import { createAdmission } from './admission.ts'
import type { AdmissionOptions, Decision } from './admission.ts'
import { connectLoopback } from './connect-loopback.ts'
import { Exchanges } from './exchanges.ts'
import { notConnected } from './failure.ts'
import { forwardRequest } from './forward-request.ts'
import { forwardUpgrade } from './forward-upgrade.ts'
import type { PreviewTarget } from './place.ts'
import { createPreviewKeys } from './preview-keys.ts'

/** What is asked for: `allows` tells whether the server's rules allow an address of loopback. `traffic` counts. */
export type PreviewSource = Pick<AdmissionOptions, 'hosts'> & {
  allows: (address: string) => boolean
  traffic: PreviewTraffic
}

export type PreviewOptions = Omit<AdmissionOptions, 'keys'> &
  PreviewSource & {
    limits: ServerLimits
    /** Called for each socket that carries a preview, which may take long. */
    onLong: (socket: Socket) => void
  }

/** The previews of a server. */
export type Preview = {
  /** Answers a request, if it is for a preview. False: it is for the server itself. */
  request(request: IncomingMessage, response: ServerResponse): boolean
  /** The same for an upgrade. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean
  /** Cuts off what is under way. */
  close(): void
}

export function createPreview({ limits, allows, traffic, onLong, ...options }: PreviewOptions): Preview {
  const admission = createAdmission({ ...options, keys: createPreviewKeys() })
  const exchanges = new Exchanges({ total: limits.previewExchanges, perPort: limits.previewExchangesOfPort })
  const bounds = {
    responseMs: limits.previewResponseMs,
    idleMs: limits.previewIdleMs,
    headBytes: limits.previewHeadBytes,
  }

  /** Connects on behalf of `socket`, and calls `use`; `refuse` is called with why that is not possible. */
  const exchange = async (
    { socket }: IncomingMessage,
    port: number,
    { use, refuse }: { use: (program: Socket) => void; refuse: (refusal: Refusal) => void },
    ending: { once(event: 'close', call: () => void): unknown },
  ): Promise<void> => {
    const done = exchanges.begin(port, () => socket.destroy())
    if (done === undefined) {
      const message = `too many requests of previews are under way: ${limits.previewExchangesOfPort} of one port`
      options.onRefused({ status: 503, reason: 'connections', peer: peerName(socket), why: message })
      return refuse({ status: 503, message })
    }
    ending.once('close', done)
    onLong(socket)
    let program: Socket
    try {
      program = await connectLoopback(port, { allows, timeoutMs: limits.previewConnectMs })
    } catch (error) {
      return refuse(notConnected(port, error))
    }
    traffic.add(program)
    if (socket.destroyed) return void program.destroy()
    try {
      use(program)
    } catch {
      program.destroy()
      refuse({ status: 400, message: 'the request has characters that HTTP does not allow' })
    }
  }

  const answer = async (request: IncomingMessage, response: ServerResponse, target: PreviewTarget): Promise<void> => {
    const decision = await admission.decide(request, target)
    if ('answer' in decision) return refuseRequest(response, decision.answer, decision.headers)
    const { place } = decision
    if (isPreflight(request, decision)) return void response.writeHead(204, PREFLIGHT).end()
    const refuse = (refusal: Refusal): void => refuseRequest(response, refusal)
    const use = (socket: Socket): void => forwardRequest(request, response, { place, socket, bounds })
    await exchange(request, place.port, { use, refuse }, response)
  }

  const answerUpgrade = async (
    request: IncomingMessage,
    client: Duplex,
    head: Buffer,
    target: PreviewTarget,
  ): Promise<void> => {
    const decision = await admission.decide(request, target)
    const refuse = (refusal: Refusal): void => refuseUpgrade(client, request, refusal)
    if ('answer' in decision) {
      const { answer } = decision
      return refuse(answer.status === 303 ? { status: 400, message: 'open the preview with a GET first' } : answer)
    }
    if (request.method !== 'GET' || request.headers.upgrade?.toLowerCase() !== 'websocket')
      return refuse({ status: 400, message: 'only WebSockets can be upgraded to' })
    const { place } = decision
    const use = (socket: Socket): void => forwardUpgrade(request, { client, head }, { place, socket, bounds })
    await exchange(request, place.port, { use, refuse }, client)
  }

  return {
    request: (request, response) => {
      const target = admission.find(request)
      if (target === undefined) return false
      answer(request, response, target).catch(() => response.destroy())
      return true
    },
    upgrade: (request, socket, head) => {
      const target = admission.find(request)
      if (target === undefined) return false
      answerUpgrade(request, socket, head, target).catch(() => socket.destroy())
      return true
    },
    close: () => exchanges.endAll(),
  }
}

/** To a page with an opaque origin its own program is another origin, which the browser asks first. */
const isPreflight = ({ method, headers }: IncomingMessage, decision: Decision): boolean =>
  'place' in decision &&
  decision.place.kind === 'path' &&
  method === 'OPTIONS' &&
  headers['access-control-request-method'] !== undefined

const PREFLIGHT = {
  'access-control-allow-origin': 'null',
  'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
  'access-control-allow-headers': '*, authorization',
  'access-control-max-age': '600',
}
