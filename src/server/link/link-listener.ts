/** Accepts clients by dialling out: keeps links waiting at the other end, and passes on those that a client uses. */
import type { Socket } from 'node:net'
import { clearTimeout, setTimeout } from 'node:timers'
import type { Log } from '../telemetry/log.ts'
import { createBackoff } from '../../base/backoff.ts'
import type { Dial } from './dial-link.ts'
import type { LinkLimits } from './link-limits.ts'
import { LinkStream } from './link-stream.ts'
import type { SocketOpener } from '../http/socket-opener.ts'

/** The close code of an end that goes away (RFC 6455, section 7.4.1). */
const GOING_AWAY = 1001

/** What a listener of links needs. `name` is the URL for the log. */
export type LinkListenerOptions = {
  name: string
  dial: Dial
  limits: LinkLimits
  log: Log
  /** Called when the first link waits. */
  onReady?: () => void
  random?: () => number
}

/** Links in place of accepted sockets. */
export type LinkListener = {
  /** Starts dialling. Passes on the carrier of each link that a client begins to use. */
  accept(take: (carrier: Socket) => void): void
  /** Leads from the carrier to its link, and back. */
  opener: SocketOpener
  /** Stops dialling, and closes the links that wait. Those in use stay. */
  close(): void
}

/** Creates the listener. It dials until it is closed, however often that fails. */
export function createLinkListener({
  name,
  dial,
  limits,
  log,
  onReady = () => {},
  random = Math.random,
}: LinkListenerOptions): LinkListener {
  const backoff = createBackoff(limits, random)
  const waiting = new Set<LinkStream>()
  const links = new WeakMap<Socket, LinkStream>()
  const stopping = new AbortController()
  let take: ((carrier: Socket) => void) | undefined
  let dialling = 0
  let retry: NodeJS.Timeout | undefined
  let isUp = false
  let wasUp = false
  let lastFailure: string | undefined

  /** One at a time until the first is through: then the others have a good chance, too. */
  function fill(): void {
    if (stopping.signal.aborted || retry !== undefined) return
    const most = isUp ? limits.waitingLinks : 1
    while (waiting.size + dialling < most) void open()
  }

  async function open(): Promise<void> {
    dialling++
    try {
      const link = await dial(stopping.signal)
      dialling--
      if (stopping.signal.aborted) return link.dismiss(GOING_AWAY, 'the server stops')
      if (link.destroyed) failed('the other end closed the link at once')
      else keep(link)
    } catch (error) {
      dialling--
      failed((error as Error).message)
    }
    fill()
  }

  function keep(link: LinkStream): void {
    const onUsed = (): void => {
      waiting.delete(link)
      backoff.worked()
      take?.(link.carrier)
      fill()
    }
    const since = performance.now()
    waiting.add(link)
    links.set(link.carrier, link)
    up()
    link.once('close', () => {
      if (!waiting.delete(link) || stopping.signal.aborted) return
      if (performance.now() - since >= limits.stableMs) {
        backoff.worked()
        if (waiting.size === 0) down(link.errored?.message ?? 'the other end closed it')
        fill()
      } else failed(link.errored?.message ?? 'the other end closed the link at once')
    })
    // A client may have waited for it.
    if (link.isUsed) onUsed()
    else link.once('used', onUsed)
  }

  function up(): void {
    lastFailure = undefined
    if (isUp) return
    isUp = true
    log.write('info', 'linkUp', { url: name })
    if (!wasUp) onReady()
    wasUp = true
  }

  function down(why: string): void {
    if (!isUp) return
    isUp = false
    log.write('warn', 'linkDown', { url: name, why })
  }

  function failed(why: string): void {
    if (stopping.signal.aborted) return
    if (waiting.size === 0) down(why)
    // One pause at a time: links that are lost together count as one failure.
    if (retry !== undefined) return
    const ms = Math.round(backoff.failed())
    log.write(why === lastFailure ? 'info' : 'warn', 'linkFailed', { url: name, why, retryMs: ms })
    lastFailure = why
    // This timer keeps the process running: there is no listening socket that does.
    retry = setTimeout(() => {
      retry = undefined
      fill()
    }, ms)
  }

  return {
    accept: (to) => {
      take = to
      fill()
    },
    opener: {
      open: (carrier, use) => {
        const link = links.get(carrier)
        if (link !== undefined) use(link)
      },
      carrierOf: (stream) => (stream instanceof LinkStream ? stream.carrier : stream),
    },
    close: () => {
      stopping.abort()
      clearTimeout(retry)
      for (const link of waiting) link.dismiss(GOING_AWAY, 'the server stops')
      waiting.clear()
    },
  }
}
