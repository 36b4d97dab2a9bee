/** One case on both sides. */
import type { Case } from './case.ts'
import { compare } from './compare.ts'
import type { Compared, Difference } from './compare.ts'
import { intendedDifferences } from './intended-differences.ts'
import { explanation } from './intended.ts'
import type { Intended } from './intended.ts'
import type { Entry } from './record.ts'
import type { Reference } from './reference.ts'
import { Scene } from './scene.ts'
import type { Side } from './side.ts'

export type Pair = { reference: Side; ours: Side }
export type Explained = Omit<Compared, 'differences'> & {
  differences: (Difference & { intended: Intended | undefined })[]
}

/** A case that takes longer is one that this harness is wrong about. */
const CASE_MS = 40_000

export async function playBoth(pair: Pair, example: Case, of: Reference): Promise<Explained[]> {
  const [reference, ours] = await Promise.all([playOn(pair.reference, example), playOn(pair.ours, example)])
  return compare(reference, ours).map((one) => ({
    ...one,
    differences: one.differences.map((difference) => ({
      ...difference,
      intended: explanation(
        intendedDifferences,
        of,
        one.entry.method,
        `${example.name} ${one.entry.request}`,
        difference,
      ),
    })),
  }))
}

async function playOn(side: Side, example: Case): Promise<readonly Entry[]> {
  if (example.ownFiles) side.dropTree()
  const scene = new Scene(side)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>(
    (_, reject) => (timer = setTimeout(() => reject(new Error('took too long')), CASE_MS)),
  )
  try {
    await Promise.race([example.play(scene), late])
  } catch (error) {
    scene.note('case', `failed: ${(error as Error).message}`)
  } finally {
    clearTimeout(timer)
    await scene.close()
    if (example.ownFiles) side.dropTree()
  }
  return scene.entries
}

export const isUnexpected = ({ differences }: Explained): boolean =>
  differences.some(({ intended }) => intended === undefined)
