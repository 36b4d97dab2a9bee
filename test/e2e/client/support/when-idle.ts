/** Waits until a server has nothing left to do, without a clock. */
import type { ExecClient } from '../../../../src/client/base/types.ts'

/** In each of them server, peer and test each get a turn, so that everything that can proceed does. */
const ROUND_TRIPS = 10

/** Resolves with the value of `probe` once it is the same before and after a number of round trips. */
export async function whenIdle(client: ExecClient, probe: () => number): Promise<number> {
  for (;;) {
    const before = probe()
    for (let turn = 0; turn < ROUND_TRIPS; turn++) await roundTrip(client)
    if (probe() === before) return before
  }
}

/** When it resolves, earlier requests have arrived, and what the server sent before its response was processed. */
export const roundTrip = async (client: ExecClient): Promise<void> => void (await client.fs.exists('/'))
