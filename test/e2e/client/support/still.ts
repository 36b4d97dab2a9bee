/** Waits for what a server does by itself to come to rest, without a clock. */
import type { ExecClient } from '../../../../src/client/base/types.ts'

/** In each of them server, peer and test get their turns, so that whatever can go on does. */
const ROUND_TRIPS = 10

/** Settles with what `probe` gives once that is the same before and after a number of round trips. */
export async function whenStill(client: ExecClient, probe: () => number): Promise<number> {
  for (;;) {
    const before = probe()
    for (let turn = 0; turn < ROUND_TRIPS; turn++) await roundTrip(client)
    if (probe() === before) return before
  }
}

/** What the server has said before its answer has been taken in when this settles, and what it was asked before has arrived. */
export const roundTrip = async (client: ExecClient): Promise<void> => void (await client.fs.exists('/'))
