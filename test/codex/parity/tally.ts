/** Counts what was compared, and tells of it. */
import { summary } from './compare.ts'
import { intendedDifferences } from './intended-differences.ts'
import type { Intended } from './intended.ts'
import { isUnexpected } from './play.ts'
import type { Explained } from './play.ts'
import type { Entry, Outcome } from './record.ts'
import { isKnown } from './reference.ts'

const LONGEST_SHOWN = 1500

export class Tally {
  readonly #verbose: boolean
  readonly #counts = new Map<string, number>()
  readonly #met = new Map<Intended, number>()
  #compared = 0
  #observed = 0
  #unsteady = 0
  #unexpected = 0

  constructor(verbose: boolean) {
    this.#verbose = verbose
  }

  add(name: string, version: string, one: Explained): void {
    const { entry, differences } = one
    const explained = new Set(differences.flatMap(({ intended }) => intended ?? []))
    for (const intended of explained) this.#met.set(intended, (this.#met.get(intended) ?? 0) + 1)
    if (isUnexpected(one)) this.#unexpected++
    if (isUnexpected(one) || this.#verbose) show(name, version, one)
    if ([...explained].some(({ uncounted }) => uncounted)) return
    if (!entry.isRequest) return void this.#observed++
    this.#compared++
    const key = `${version} ${methodName(entry)}`
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
  }

  /** Of a case that was played again: the reference may have a bad moment, ours is to do the same every time. */
  differedOnce(name: string, version: string, first: readonly Explained[], second: readonly Explained[]): void {
    const oursOf = (all: readonly Explained[]): string =>
      JSON.stringify(all.map(({ ours }) => (ours.kind === 'error' ? ours.code : ours)))
    const isOurs = oursOf(first) !== oursOf(second)
    if (isOurs) this.#unexpected++
    else this.#unsteady++
    console.log(`${isOurs ? 'ours' : 'the reference'} differed once only:`)
    for (const one of first.filter(isUnexpected)) show(name, version, one)
  }

  /** Whether all is as it is meant to be. A part of the cases does not meet all that is intended. */
  report(isWhole: boolean, ms: number): boolean {
    console.log('\ncompared requests by release and method:')
    for (const [key, number] of [...this.#counts].sort()) console.log(`${pad(number)}  ${key}`)
    console.log('\nintended differences, by the number of requests and notifications:')
    const reasons = Map.groupBy(intendedDifferences, ({ reason }) => reason)
    let met = 0
    for (const [reason, all] of reasons) {
      const number = all.reduce((sum, one) => sum + (this.#met.get(one) ?? 0), 0)
      if (number > 0) met++
      console.log(`${pad(number)}  ${reason}`)
    }
    const stale = isWhole ? intendedDifferences.filter((one) => !this.#met.has(one)) : []
    for (const { reason, release, method, at } of stale)
      console.log(`NEVER MET  ${release ?? ''} ${method.source} ${at.source}: ${reason}`)
    console.log(`\n${(ms / 1000).toFixed(0)} s; ${this.#observed} notifications and other observations compared`)
    console.log(`${this.#unsteady} cases where the reference differed once only`)
    const also = stale.length > 0 ? `, ${stale.length} never met` : ''
    console.log(
      `${this.#compared} requests compared, ${met} intended differences, ${this.#unexpected} unexpected${also}`,
    )
    return this.#unexpected === 0 && stale.length === 0
  }
}

const pad = (number: number): string => String(number).padStart(6)

/** Names that no release knows are told of as one, and so are messages as such. */
function methodName({ method, isRequest }: Entry): string {
  if (method === 'message') return '(message)'
  return !isRequest || isKnown(method) ? method : '(unknown method)'
}

function show(name: string, version: string, { entry, reference, ours, differences }: Explained): void {
  const word =
    differences.length === 0 ? 'same' : differences.every(({ intended }) => intended) ? 'intended' : 'UNEXPECTED'
  console.log(`${word}  ${version} | ${name}`)
  console.log(`    request    ${entry.method} ${shorten(entry.request)}`)
  console.log(`    reference  ${shorten(told(reference))}`)
  console.log(`    ours       ${shorten(told(ours))}`)
  for (const { at, reference, ours, intended } of differences) {
    console.log(
      `    ${intended === undefined ? 'differs' : 'meant  '}    ${at}: reference ${shorten(reference)}, ours ${shorten(ours)}`,
    )
  }
}

const shorten = (text: string): string =>
  text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}... (${text.length})` : text

function told(outcome: Outcome): string {
  if (outcome.kind === 'result') return JSON.stringify(outcome.value) ?? 'nothing'
  return outcome.kind === 'error' ? `${summary(outcome)}: ${outcome.message}` : summary(outcome)
}
