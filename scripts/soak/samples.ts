/** What the server holds over time, and whether it holds more and more. */
import { readdirSync } from 'node:fs'
import { memory } from '../bench/proc.ts'

/** Memory in MiB. */
export type Sample = {
  hours: number
  resident: number
  anonymous: number
  /** Output that is kept for reading, as the server tells. It has its own bound, and follows the pace of the run. */
  retained: number
  /** The anonymous memory without that. */
  held: number
  fds: number
  /** Running processes: each has descriptors of its own, and their number follows the pace of the run. */
  processes: number
}

const MiB = 1024 * 1024
const RETAINED = /^exec_server_retained_output_bytes (\d+)$/m

export const openFds = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length

export class Samples {
  readonly #pid: number
  readonly #metrics: string
  readonly #start = performance.now()
  readonly #taken: Sample[] = []

  /** `url` is where its clients connect to. */
  constructor(pid: number, url: string) {
    this.#pid = pid
    this.#metrics = `${url.replace(/^ws/, 'http')}/metrics`
  }

  /** `processes`: how many run. */
  async take(processes: number): Promise<Sample> {
    const retained = await this.#retained()
    const { resident, anonymous } = memory(this.#pid)
    const sample = {
      hours: (performance.now() - this.#start) / 3_600_000,
      resident,
      anonymous,
      retained,
      held: anonymous - retained,
      fds: openFds(this.#pid),
      processes,
    }
    this.#taken.push(sample)
    return sample
  }

  /** In MiB; as before where the server does not answer, and 0 where it has no metrics, as the reference's. */
  async #retained(): Promise<number> {
    try {
      const page = await (await fetch(this.#metrics)).text()
      return Number(RETAINED.exec(page)?.[1] ?? 0) / MiB
    } catch {
      return this.#taken.at(-1)?.retained ?? 0
    }
  }

  /** The rise of what is kept, in MiB an hour, over the second half of the samples. */
  get memorySlope(): number {
    return slope(lowest(this.#secondHalf.map(({ hours, held }) => [hours, held])))
  }

  /** The rise of the descriptors in an hour, over the second half of the samples, whatever the number of processes. */
  get fdSlope(): number {
    return slopeBeside(this.#secondHalf.map(({ hours, fds, processes }) => [hours, fds, processes]))
  }

  /** How long the second half is. */
  get hours(): number {
    const half = this.#secondHalf
    return (half.at(-1)?.hours ?? 0) - (half[0]?.hours ?? 0)
  }

  peak(of: 'anonymous' | 'resident' | 'fds'): number {
    return Math.max(...this.#taken.map((sample) => sample[of]))
  }

  get #secondHalf(): Sample[] {
    return this.#taken.slice(this.#taken.length >> 1)
  }
}

type Point = readonly [hours: number, value: number]

/**
 * Of an hour's second half that is the least of five minutes. The C library's heap grows by some 15 MiB until the server
 * gives it back, which takes a quiet moment, and up to four minutes.
 */
const SPANS = 6

/** The least of each part of the time: what is kept, and not what happens to be under way. */
function lowest(points: readonly Point[]): Point[] {
  const size = Math.max(1, Math.ceil(points.length / SPANS))
  const spans = Map.groupBy(points, (_, index) => Math.floor(index / size))
  return Array.from(spans.values(), (span) => span.reduce((least, point) => (point[1] < least[1] ? point : least)))
}

/** Of the line with the least squares. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (of: 0 | 1): number => points.reduce((sum, point) => sum + point[of], 0) / points.length
  const [meanX, meanY] = [mean(0), mean(1)]
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  const variance = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  return variance === 0 ? 0 : covariance / variance
}

/** The slope of `y` over `x` among points of equal `z`: a linear regression on both. */
export function slopeBeside(points: readonly (readonly [x: number, y: number, z: number])[]): number {
  const residuals = (of: 0 | 1): number[] => {
    const rise = slope(points.map((point) => [point[2], point[of]]))
    return points.map((point) => point[of] - rise * point[2])
  }
  const [xs, ys] = [residuals(0), residuals(1)]
  return slope(xs.map((x, index) => [x, ys[index] as number]))
}
