import { sleep } from '../server.ts'

const LOOKS = 10
const BETWEEN_MS = 20

/** Polls until `probe` has returned the same value LOOKS more times in a row. */
export async function untilSteady(probe: () => unknown): Promise<void> {
  let [last, same] = [await probe(), 0]
  while (same < LOOKS) {
    await sleep(BETWEEN_MS)
    const now = await probe()
    same = now === last ? same + 1 : 0
    last = now
  }
}
