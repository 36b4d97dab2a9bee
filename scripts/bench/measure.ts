/** How a measure is declared. */
import type { Server, Subject } from './servers.ts'
import { startServer } from './servers.ts'
import { Session } from './session.ts'

/** What the ratio ours/reference should be, or our value alone. */
export type Goal = { ratioMax?: number; ratioMin?: number; oursMax?: number }

export type Row = { label: string; unit: string; goal?: Goal }

/** One figure for each row. */
export type Measure = {
  name: string
  rows: readonly Row[]
  /** Runs that are enough, for what hardly varies and takes long. Default: as many as were asked for. */
  maxRuns?: number
  /** Whether all servers are measured at the same time: for what does not depend on time, and mostly waits. */
  together?: boolean
  /** Whether plain Node is measured, too. */
  plain?: boolean
  run(subject: Subject): Promise<readonly number[]>
}

/** For measures that plain Node is put beside. */
export const PLAIN = { plain: true }

/** A measure with a server of its own and one session in it. */
export function onServer(
  name: string,
  rows: readonly Row[],
  run: (session: Session, server: Server) => Promise<readonly number[]>,
  more: Pick<Measure, 'maxRuns' | 'plain' | 'together'> = {},
): Measure {
  return {
    name,
    rows,
    ...more,
    run: async (subject) => {
      const server = await startServer(subject)
      try {
        const session = await Session.open(server)
        const figures = await run(session, server)
        await session.close()
        return figures
      } finally {
        await server.stop()
      }
    },
  }
}
