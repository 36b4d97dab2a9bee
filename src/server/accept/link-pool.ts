/** The proven links of one devbox at `accept`, and the clients that wait for one. */
import { clearTimeout, setTimeout } from 'node:timers'
import type { LinkLimits } from '../link/link-limits.ts'
import type { LinkStream } from '../link/link-stream.ts'
import type { Identity } from '../link/proof.ts'

/** What happens to the devbox. */
export type PoolEvents = {
  /** Its first link is there. */
  connected(devbox: Identity): void
  /** Its last link has gone. */
  lost(devbox: Identity): void
}

/** The pool. */
export type LinkPool = {
  /**
   * Why a devbox may not add a link, if so. Only one is served at a time, or clients would find their sessions on another
   * machine. If the one that is there has gone without a word, this notices, and the next attempt succeeds.
   */
  refuse(devbox: Identity): string | undefined
  /** Adds a link of a devbox that was not refused. */
  add(link: LinkStream, devbox: Identity): void
  /**
   * Takes a link that is alive. Waits for one at most `clientWaitMs`.
   * @throws {Error} with a message for the client
   */
  take(signal: AbortSignal): Promise<LinkStream>
  counts(): { waiting: number; used: number; clients: number }
  /** Closes every link. */
  close(code: number, reason: string): void
}

type Client = { give(link: LinkStream): void }

/** Creates an empty pool. */
export function createLinkPool(limits: LinkLimits, events: PoolEvents): LinkPool {
  const waiting = new Set<LinkStream>()
  const used = new Set<LinkStream>()
  /** In the order of their coming. */
  const clients = new Set<Client>()
  /** Links that were asked for a sign of life. */
  const probes = new Map<LinkStream, NodeJS.Timeout>()
  let devbox: Identity | undefined

  /** Gives links to those that wait: `alive`, of which something has just been heard, and others heard of lately. */
  function match(alive?: LinkStream): void {
    for (const client of clients) {
      const link = [...waiting].find((each) => each === alive || each.isFresh(limits.freshMs))
      if (link === undefined) return
      waiting.delete(link)
      used.add(link)
      clients.delete(client)
      client.give(link)
    }
  }

  /** Asks the links for a sign of life. Those that give none are dropped. */
  function probe(): void {
    for (const link of waiting) {
      if (probes.has(link)) continue
      probes.set(
        link,
        setTimeout(() => link.destroy(new Error('it left a ping unanswered')), limits.linkProbeMs),
      )
      link.ping()
    }
  }

  function onAlive(link: LinkStream): void {
    clearTimeout(probes.get(link))
    probes.delete(link)
    match(link)
  }

  return {
    refuse: ({ instance, host }) => {
      if (devbox === undefined || devbox.instance === instance)
        return waiting.size < limits.waitingLinks ? undefined : 'enough links of this devbox wait'
      probe()
      return `another devbox is connected: ${devbox.host}${devbox.host === host ? ', as an earlier run' : ''}`
    },
    add: (link, from) => {
      if (devbox === undefined) events.connected(from)
      devbox = from
      waiting.add(link)
      const alive = (): void => (waiting.has(link) ? onAlive(link) : void link.off('alive', alive))
      link.on('alive', alive)
      link.once('close', () => {
        clearTimeout(probes.get(link))
        probes.delete(link)
        waiting.delete(link)
        used.delete(link)
        if (waiting.size + used.size > 0) return
        devbox = undefined
        events.lost(from)
      })
      match(link)
    },
    take: (signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<LinkStream>()
      if (clients.size >= limits.waitingClients)
        return Promise.reject(new Error('too many clients wait for the devbox'))
      const leave = (): void => {
        clients.delete(client)
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
      }
      const client: Client = {
        give: (link) => {
          leave()
          resolve(link)
        },
      }
      const fail = (why: string): void => {
        leave()
        reject(new Error(why))
      }
      const onAbort = (): void => fail('the client has gone')
      const timer = setTimeout(
        () => fail(devbox === undefined ? 'no devbox is connected' : 'the devbox does not answer'),
        limits.clientWaitMs,
      )
      signal.addEventListener('abort', onAbort, { once: true })
      clients.add(client)
      match()
      if (clients.has(client)) probe()
      return promise
    },
    counts: () => ({ waiting: waiting.size, used: used.size, clients: clients.size }),
    close: (code, reason) => {
      for (const link of waiting) link.dismiss(code, reason)
      for (const link of used) link.destroy()
    },
  }
}
