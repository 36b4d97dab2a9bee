export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) throw new Error('no values')
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

/** The smallest value that this share of all does not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const found = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
  if (found === undefined) throw new Error('no values')
  return found
}

/** How long it takes, in milliseconds. */
export async function timed(run: () => Promise<unknown>): Promise<number> {
  const before = performance.now()
  await run()
  return performance.now() - before
}

/** Each of so many runs in milliseconds, one after the other. */
export async function eachTimed(count: number, run: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = []
  for (let index = 0; index < count; index++) times.push(await timed(run))
  return times
}

/** So many runs, of which so many go on at any time. Returns how many there were in a second. */
export async function rate(count: number, inFlight: number, run: () => Promise<unknown>): Promise<number> {
  let left = count
  const lane = async (): Promise<void> => {
    while (left-- > 0) await run()
  }
  const ms = await timed(() => Promise.all(Array.from({ length: inFlight }, lane)))
  return count / (ms / 1000)
}
