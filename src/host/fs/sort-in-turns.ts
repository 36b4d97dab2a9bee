/** Sorts long lists without keeping the event loop from others. */
import { setImmediate } from 'node:timers/promises'

/** Elements that are sorted, or merged, in one turn of the event loop: a few milliseconds. */
const TURN_ELEMENTS = 4096

/** Sorts a list. A short one is sorted in place, and at once. */
export async function sortInTurns<T>(list: T[], compare: (one: T, other: T) => number): Promise<T[]> {
  if (list.length <= TURN_ELEMENTS) return list.sort(compare)
  let runs: T[][] = []
  for (let at = 0; at < list.length; at += TURN_ELEMENTS) {
    runs.push(list.slice(at, at + TURN_ELEMENTS).sort(compare))
    await setImmediate()
  }
  while (runs.length > 1) {
    const merged: T[][] = []
    for (let index = 0; index < runs.length; index += 2)
      merged.push(await merge(runs[index] as T[], runs[index + 1] ?? [], compare))
    runs = merged
  }
  return runs[0] ?? []
}

/** Merges two sorted lists. */
async function merge<T>(left: readonly T[], right: readonly T[], compare: (one: T, other: T) => number): Promise<T[]> {
  const merged: T[] = []
  let [fromLeft, fromRight] = [0, 0]
  while (fromLeft < left.length && fromRight < right.length) {
    const [one, other] = [left[fromLeft] as T, right[fromRight] as T]
    if (compare(one, other) <= 0) {
      merged.push(one)
      fromLeft++
    } else {
      merged.push(other)
      fromRight++
    }
    if (merged.length % TURN_ELEMENTS === 0) await setImmediate()
  }
  return merged.concat(left.slice(fromLeft), right.slice(fromRight))
}
