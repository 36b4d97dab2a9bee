/** Two sides' cells, side by side. */
import { knownDifferences } from './known-differences.ts'
import type { Known } from './known-differences.ts'
import type { Aspects, Cells } from './operations.ts'

export type Difference = { profile: string; operation: string; text: string; known: Known | undefined }

/** Wording is each server's own. */
const UNCOMPARED = new Set(['message'])

const LONGEST = 300

/** Whether two values of an aspect differ. */
function differ(aspect: string, one: string | undefined, other: string | undefined): boolean {
  if (UNCOMPARED.has(aspect) || one === other) return false
  // Not every message tells the system's number.
  return aspect !== 'errno' || (one !== undefined && other !== undefined)
}

const shown = (text: string | undefined): string =>
  text === undefined
    ? 'nothing'
    : text.length > LONGEST
      ? `${JSON.stringify(text.slice(0, LONGEST))}...`
      : JSON.stringify(text)

function describe(reference: Aspects | undefined, ours: Aspects | undefined): string[] {
  if (
    reference === undefined ||
    ours === undefined ||
    reference['answer'] !== ours['answer'] ||
    reference['exit'] !== ours['exit']
  ) {
    // The rest follows from it, except for what became of the files.
    const changes =
      reference !== undefined && ours !== undefined && differ('changes', reference['changes'], ours['changes'])
    return [
      `reference ${summary(reference)}, ours ${summary(ours)}`,
      ...(changes ? [describeChanges(reference, ours)] : []),
    ]
  }
  return [...new Set([...Object.keys(reference), ...Object.keys(ours)])]
    .filter((aspect) => differ(aspect, reference[aspect], ours[aspect]))
    .map((aspect) =>
      aspect === 'changes'
        ? describeChanges(reference, ours)
        : `${aspect}: reference ${shown(reference[aspect])}, ours ${shown(ours[aspect])}`,
    )
}

function summary(aspects: Aspects | undefined): string {
  if (aspects === undefined) return 'nothing'
  const { answer, errno, result, exit, stdout, sandboxDenied } = aspects
  const words = [
    answer === 'started' ? '' : answer,
    errno && `errno ${errno}`,
    result && shown(result),
    exit && `exit ${exit}`,
  ]
  return [...words, stdout && shown(stdout), sandboxDenied === 'true' ? 'denied' : ''].filter((word) => word).join(' ')
}

/** Only the lines that one side has and the other has not. */
function describeChanges(reference: Aspects, ours: Aspects): string {
  const lines = (aspects: Aspects): string[] => (aspects['changes'] ?? '').split('\n').filter((line) => line !== '')
  const without = (some: string[], others: string[]): string => some.filter((line) => !others.includes(line)).join('; ')
  const [one, other] = [lines(reference), lines(ours)]
  return `changes: reference ${shown(without(one, other))}, ours ${shown(without(other, one))}`
}

export function compare(
  profile: string,
  reference: Cells,
  ours: Cells,
  mode: 'root' | 'user',
  met: Set<Known>,
): Difference[] {
  const differences: Difference[] = []
  // A script that did not come to run fills one cell only; that is told, and what the other side's script did is not.
  const both = [Object.keys(reference), Object.keys(ours)]
  const compared = both.find((names) => names.length === 1) ?? new Set(both.flat())
  for (const operation of compared) {
    for (const text of describe(reference[operation], ours[operation])) {
      const fits = (known: Known): boolean =>
        (known.only === undefined || known.only === mode) &&
        known.profile.test(profile) &&
        known.operation.test(operation) &&
        (known.difference?.test(text) ?? true)
      const known = knownDifferences.filter(fits)
      for (const one of known) met.add(one)
      differences.push({ profile, operation, text, known: known[0] })
    }
  }
  return differences
}
