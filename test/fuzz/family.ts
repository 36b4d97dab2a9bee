/** What a family of inputs is, and how its properties are checked: batch by batch, shrunk where one fails. */
import fc from 'fast-check'
import { Failure } from './failure.ts'
import type { Place } from './place.ts'
import type { Leaks } from './subject.ts'

/** One message, line, request or frame. `binary` says how a WebSocket client sends it. */
export type Input = { bytes: Uint8Array; binary: boolean }

/** Some inputs, sent one after the other without waiting. `mode` is what else may vary, such as how they are cut into packets. */
export type Batch = { inputs: Input[]; mode: number }

export type Family = {
  name: string
  /** Of a hundred inputs, how many are of this family. */
  share: number
  /** So many inputs at a time, at most. */
  batch: number
  input: (place: Place) => fc.Arbitrary<Input>
  open: (place: Place) => Promise<Subject>
}

/** The real thing, running. */
export type Subject = {
  /** Throws a {@link Failure} for a property that does not hold. */
  run(batch: Batch, patienceMs: number): Promise<void>
  /** After a failure, and before the next try. */
  restart(): Promise<void>
  /** From here on nothing may grow. Looked at after a rest of so long. */
  warm(restMs: number): Promise<void>
  /** Ends it. Throws a {@link Failure} for what is left over. */
  finish(): Promise<Leaks>
  /** Ends it, whatever is left over. */
  kill(): Promise<unknown>
}

export type Outcome = {
  inputs: number
  seconds: number
  leaks: Leaks | undefined
  failure: { message: string; inputs: Input[]; mode: number; seed: number; path: string } | undefined
}

/** The part of the inputs in which caches fill and code is compiled. */
const WARM_UP = 0.25

/** How long an answer may take on a machine that has much else to do; and while a failure is made smaller. */
const PATIENCE_MS = 30_000
const SHRINKING_PATIENCE_MS = 2_000

/** How long a failure is made smaller. */
const SHRINKING_MS = 60_000

export async function runFamily(
  family: Family,
  place: Place,
  { inputs, seed, restMs }: { inputs: number; seed: number; restMs: number },
): Promise<Outcome> {
  const start = performance.now()
  const subject = await family.open(place)
  const batch = fc.record({
    inputs: fc.array(family.input(place), { minLength: 1, maxLength: family.batch, size: 'max' }),
    mode: fc.nat(11),
  })
  let [done, isWarm, round] = [0, false, 0]
  let failedAt: number | undefined
  const property = fc.asyncProperty(batch, async (given) => {
    const isShrinking = failedAt !== undefined
    // What is left of the shrinking is not tried any more.
    if (failedAt !== undefined && performance.now() - failedAt > SHRINKING_MS) return
    if (!isShrinking && done >= inputs) return
    try {
      await subject.run(given, isShrinking ? SHRINKING_PATIENCE_MS : PATIENCE_MS)
    } catch (error) {
      failedAt ??= performance.now()
      await subject.restart()
      throw error
    }
    if (isShrinking) return
    done += given.inputs.length
    if (isWarm || done < inputs * WARM_UP) return
    isWarm = true
    await subject.warm(restMs)
  })
  const outcome = (more: Pick<Outcome, 'leaks' | 'failure'>): Outcome => ({
    inputs: done,
    seconds: (performance.now() - start) / 1000,
    ...more,
  })
  while (done < inputs) {
    const used = seed + round++
    const numRuns = Math.ceil((inputs - done) / (family.batch / 2)) + 1
    const details = await fc.check(property, { seed: used, numRuns })
    if (!details.failed) continue
    await subject.kill()
    const [{ inputs: smallest, mode }] = details.counterexample as [Batch]
    const { errorInstance } = details
    const message = errorInstance instanceof Failure ? errorInstance.message : String((errorInstance as Error).stack)
    return outcome({
      leaks: undefined,
      failure: { message, inputs: smallest, mode, seed: used, path: details.counterexamplePath ?? '' },
    })
  }
  try {
    return outcome({ leaks: await subject.finish(), failure: undefined })
  } catch (error) {
    await subject.kill()
    if (!(error instanceof Failure)) throw error
    return outcome({ leaks: undefined, failure: { message: error.message, inputs: [], mode: 0, seed, path: '' } })
  }
}

/** The inputs that once failed, one batch after the other, each as it was. */
export async function replay(family: Family, place: Place, batches: readonly Batch[]): Promise<string | undefined> {
  const subject = await family.open(place)
  try {
    for (const batch of batches) await subject.run(batch, PATIENCE_MS)
    await subject.warm(0)
    await subject.finish()
    return undefined
  } catch (error) {
    await subject.kill()
    if (!(error instanceof Failure)) throw error
    return error.message
  }
}
