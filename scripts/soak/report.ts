/** The lines that are printed meanwhile, and the summary at the end. */
import type { Ledger } from './ledger.ts'
import type { Sample, Samples } from './samples.ts'

const MiB = 1024 * 1024

/** What the steady server's memory without retained output may rise by in an hour, in MiB, and its open files. */
const MEMORY_SLOPE = 24
const FD_SLOPE = 8
/** Both move to and fro, with the garbage collector and with what runs: so much tells nothing, however long it took. */
const MEMORY_NOISE = 8
const FD_NOISE = 4
/** In the first minutes everything rises, to what is kept of ended processes, so a shorter second half is not judged. */
const JUDGED_HOURS = 1 / 6
/** The median time in which what must end is gone, in milliseconds, and the number of endings needed to judge it. */
const ENDING_MS = 2000
const JUDGED_ENDINGS = 10

export function progress(
  seconds: number,
  ledger: Ledger,
  { resident, anonymous, retained, fds, processes }: Sample,
): string {
  const { sent, answered, abandoned, ended, lost, wrongBytes, faults } = ledger
  return [
    `${seconds.toFixed(0).padStart(5)} s`,
    `sent ${sent}`,
    `answered ${answered}`,
    `abandoned ${abandoned + ended}`,
    `waiting ${ledger.waiting}`,
    `lost ${lost}`,
    `wrong ${wrongBytes}`,
    `faults ${faults}`,
    `processes ${processes}`,
    `RSS ${resident.toFixed(0)} MiB`,
    `anonymous ${anonymous.toFixed(0)} MiB`,
    `retained ${retained.toFixed(0)} MiB`,
    `fds ${fds}`,
  ].join('  ')
}

export type Figures = {
  minutes: number
  seed: string
  samples: Samples
  roundTripsMs: readonly number[]
  /** Once it has nothing more to do. */
  zombies: number
  fdsBefore: number
  fdsAfter: number
}

/** Returns the text, and whether everything is as it must be. */
export function summary(ledger: Ledger, figures: Figures): { text: string; isGood: boolean } {
  const { samples, roundTripsMs, zombies, fdsBefore, fdsAfter } = figures
  const memorySlope = samples.memorySlope
  const fdSlope = samples.fdSlope
  const isJudged = samples.hours >= JUDGED_HOURS
  const bound = (slope: number, noise: number): number => (isJudged ? slope + noise / samples.hours : Infinity)
  const memoryBound = bound(MEMORY_SLOPE, MEMORY_NOISE)
  const fdBound = bound(FD_SLOPE, FD_NOISE)
  const rises = memorySlope > memoryBound || fdSlope > fdBound
  const balance = ledger.waiting === 0
  const percentile = (share: number): string => percentileOf(roundTripsMs, share).toFixed(2)
  const lateEndings = [...ledger.endings.values()].some(isLate)
  const mib = (bytes: number): string => (bytes / MiB).toFixed(1)
  const verdict = (isBad: boolean, must: string): string => (isBad ? `   <- ${must}` : '')
  const judgement = (slope: number, bound: number): string =>
    isJudged ? verdict(slope > bound, `must be below ${bound.toFixed(1)}`) : ', too short a time to judge'
  const { sent, answered, abandoned, ended, lost, faults, dropped, left, wrongBytes } = ledger
  const { expectedBytes, receivedBytes, skippedBytes } = ledger
  const fdsLeft = Math.max(0, fdsAfter - fdsBefore)
  const requests = `sent ${sent}, answered ${answered}, abandoned by a cut ${abandoned}, ended with their server ${ended}, lost ${lost}`
  const bytes = `expected ${mib(expectedBytes)} MiB, received ${mib(receivedBytes)} MiB, not kept while away ${mib(skippedBytes)} MiB`
  const memory = `anonymous without retained output ${signed(memorySlope)} MiB/hour in the second half (${samples.hours.toFixed(2)} h)`
  const peaks = `peak ${samples.peak('anonymous').toFixed(0)} MiB, RSS ${samples.peak('resident').toFixed(0)} MiB`
  const lines = [
    ...counts('work done', ledger.done),
    ...counts('disruption done', ledger.disruptions),
    '',
    `requests   ${requests}${verdict(lost > 0, 'must be 0')}${verdict(!balance, 'the sums must agree')}`,
    `bytes      ${bytes}, wrong ${wrongBytes}${verdict(wrongBytes > 0, 'must be 0')}`,
    `faults     ${faults}${verdict(faults > 0, 'must be 0')}`,
    `left       ${left} processes, ${zombies} zombies, ${fdsLeft} fds${verdict(left + zombies + fdsLeft > 0, 'must be 0')}`,
    ...Array.from(ledger.endings, ([after, times]) => {
      const [median, longest] = [percentileOf(times, 0.5), percentileOf(times, 1)]
      const figures = `p50 ${median.toFixed(0)} ms, longest ${longest.toFixed(0)} ms, of ${times.length}`
      return `all gone   after ${after}: ${figures}${verdict(isLate(times), `p50 must be below ${ENDING_MS}`)}`
    }),
    `memory     ${memory}, ${peaks}${judgement(memorySlope, memoryBound)}`,
    `fds        ${signed(fdSlope)}/hour at an equal number of processes, peak ${samples.peak('fds')}${judgement(fdSlope, fdBound)}`,
    `round trip p50 ${percentile(0.5)} ms, p99 ${percentile(0.99)} ms, of ${roundTripsMs.length} on a connection of their own`,
    `dropped    ${dropped} pieces of work whose server was ended under them`,
  ]
  const isGood = ledger.clean && balance && zombies === 0 && fdsLeft === 0 && !rises && !lateEndings
  lines.push('', `${isGood ? 'good' : 'BAD'}: ${figures.minutes} minutes, seed ${figures.seed}`)
  return { text: `${lines.join('\n')}\n`, isGood }
}

function percentileOf(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) * share)] ?? NaN
}

const isLate = (times: readonly number[]): boolean =>
  times.length >= JUDGED_ENDINGS && percentileOf(times, 0.5) > ENDING_MS

const signed = (value: number): string => `${value < 0 ? '' : '+'}${value.toFixed(1)}`

const counts = (title: string, counted: ReadonlyMap<string, number>): string[] => [
  `${title}:`,
  ...[...counted].toSorted().map(([name, count]) => `${String(count).padStart(8)}  ${name}`),
]
