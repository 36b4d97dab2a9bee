/** Two sides' entries of one case, side by side. */
import type { Entry, Outcome } from './record.ts'

export type Difference = {
  /** `outcome`, `os` (the system's error number), or the way to a member of the result. */
  at: string
  /** As JSON; `absent` for what is not there. */
  reference: string
  ours: string
}

const OS_ERROR = /\(os error (\d+)\)/

export const ABSENT = 'absent'

export function summary(outcome: Outcome): string {
  if (outcome.kind === 'error') return `error ${outcome.code}`
  return outcome.kind === 'nothing' ? outcome.why : 'result'
}

function differencesOf(reference: Outcome, ours: Outcome): Difference[] {
  const [one, other] = [summary(reference), summary(ours)]
  if (one !== other) return [{ at: 'outcome', reference: one, ours: other }]
  if (reference.kind === 'result' && ours.kind === 'result') return [...unequal('result', reference.value, ours.value)]
  return [...osError(reference, ours)]
}

/** Wording is each server's own, but the system's error number is a fact. */
function* osError(reference: Outcome, ours: Outcome): Generator<Difference> {
  if (reference.kind !== 'error' || ours.kind !== 'error') return
  const number = OS_ERROR.exec(reference.message)?.[1]
  const own = OS_ERROR.exec(ours.message)?.[1]
  if (number !== undefined && number !== own) yield { at: 'os', reference: number, ours: own ?? ABSENT }
}

function* unequal(at: string, reference: unknown, ours: unknown): Generator<Difference> {
  if (isList(reference) && isList(ours) && reference.length === ours.length) {
    for (const [index, item] of reference.entries()) yield* unequal(`${at}[${index}]`, item, ours[index])
  } else if (isObject(reference) && isObject(ours)) {
    for (const name of new Set([...Object.keys(reference), ...Object.keys(ours)])) {
      const inner = [reference, ours].map((one) => (Object.hasOwn(one, name) ? one[name] : undefined))
      yield* unequal(`${at}.${name}`, inner[0], inner[1])
    }
  } else if (shown(reference) !== shown(ours)) yield { at, reference: shown(reference), ours: shown(ours) }
}

const isList = (value: unknown): value is unknown[] => Array.isArray(value)
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !isList(value)
const shown = (value: unknown): string => JSON.stringify(value) ?? ABSENT

export type Compared = { entry: Entry; reference: Outcome; ours: Outcome; differences: Difference[] }

const NOT_ASKED: Outcome = { kind: 'nothing', why: 'not asked' }

/** What a case did on both sides, request by request. What follows from a difference is not told of as another. */
export function compare(reference: readonly Entry[], ours: readonly Entry[]): Compared[] {
  const compared: Compared[] = []
  for (let index = 0; index < Math.max(reference.length, ours.length); index++) {
    const [one, other] = [reference[index], ours[index]]
    const isSame = one?.method === other?.method && one?.request === other?.request
    if (!isSame && compared.some(({ differences }) => differences.length > 0)) break
    // Where only one side has done something, its files show it.
    if (one?.method === 'files' && compared.some(({ differences }) => differences.some(({ at }) => at === 'outcome')))
      break
    const pair = { reference: one?.outcome ?? NOT_ASKED, ours: isSame ? (other?.outcome ?? NOT_ASKED) : NOT_ASKED }
    compared.push({ entry: (one ?? other) as Entry, ...pair, differences: differencesOf(pair.reference, pair.ours) })
  }
  return compared
}
