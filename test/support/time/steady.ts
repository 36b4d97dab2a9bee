import { sleep } from '../server.ts'

const LOOKS = 10
const BETWEEN_MS = 20

/** Waits until `probe` has given the same so many times in a row: until whatever it shows has come to rest. */
export async function untilSteady(probe: () => unknown): Promise<void> {
  let [last, same] = [await probe(), 0]
  while (same < LOOKS) {
    await sleep(BETWEEN_MS)
    const now = await probe()
    same = now === last ? same + 1 : 0
    last = now
  }
}
