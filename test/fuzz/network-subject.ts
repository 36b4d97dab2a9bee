/** A subject that is talked to over the network: how is up to the family. */
import { Failure } from './failure.ts'
import type { Batch, Subject } from './family.ts'
import type { Place } from './place.ts'
import { startNetworkServer, watchHoldings } from './subject.ts'

/** Sends a batch to the server at `url`, and throws a {@link Failure} if something is wrong with what comes of it. */
type Send = (url: string, batch: Batch, patienceMs: number) => Promise<void>

const PRIMING_MS = 30_000

/** `first` is sent to a new server before its holdings are looked at. */
export async function networkSubject(place: Place, send: Send, first: Batch): Promise<Subject> {
  const start = async () => {
    place.reset()
    const server = await startNetworkServer(place)
    await send(server.url, first, PRIMING_MS)
    return { ...server, watch: await watchHoldings(server.child.pid as number) }
  }
  let server = await start()
  return {
    async run(batch, patienceMs) {
      place.reset()
      try {
        await send(server.url, batch, patienceMs)
      } catch (error) {
        // Why the server is gone tells more than that it is.
        server.check()
        throw error
      }
      server.check()
    },
    async restart() {
      await server.kill('SIGKILL')
      server = await start()
    },
    kill: () => server.kill('SIGKILL'),
    warm: (restMs) => server.watch.warm(restMs),
    async finish() {
      const leaks = await server.watch.settle()
      server.check()
      const exit = await server.kill('SIGTERM')
      if (exit !== 0) throw new Failure(`SIGTERM ended the server with ${exit}: ${server.stderr()}`)
      return leaks
    },
  }
}
