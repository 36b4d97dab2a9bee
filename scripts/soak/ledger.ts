/** The accounts of a run: every request, every byte, and whatever went otherwise than it should. */
import process from 'node:process'
import { untilNone } from './processes.ts'

/** Findings to report in full: one fault may occur a thousand times. */
const MAX_FINDINGS = 50

/**
 * How long what must end may still be alive. On a busy machine it takes seconds, whatever the server does; what is alive
 * after this has been forgotten. The summary judges how long it usually takes.
 */
const LEFT_MS = 60_000

export class Ledger {
  /** Requests. Each ends as exactly one of the following. */
  sent = 0
  answered = 0
  /** Their connection was cut by us before an answer came. */
  abandoned = 0
  /** Their server was ended by us before an answer came. */
  ended = 0
  /** Neither within the deadline. Must stay 0. */
  lost = 0

  /** Bytes that were to come, and those of them that came. */
  expectedBytes = 0
  receivedBytes = 0
  /** Bytes of output that nobody kept: beyond the retention, of a process whose client was away. */
  skippedBytes = 0
  /** Bytes that are wrong, missing or too many. Must stay 0. */
  wrongBytes = 0

  /** Whatever else is not as it should be. Must stay 0. */
  faults = 0
  /** Processes that are alive though they should not be. Must stay 0. */
  left = 0

  readonly findings: string[] = []
  /** How often each kind of work was done, and each disruption. */
  readonly done = new Map<string, number>()
  readonly disruptions = new Map<string, number>()
  /** Work whose server was ended under it. */
  dropped = 0
  /** By what was to end them: how long processes were alive after it, in milliseconds. */
  readonly endings = new Map<string, number[]>()

  count(counts: Map<string, number>, name: string): void {
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }

  fault(what: string): void {
    this.faults++
    this.tell(what)
  }

  lose(what: string): void {
    this.lost++
    this.tell(`lost: ${what}`)
  }

  wrong(bytes: number, what: string): void {
    this.wrongBytes += bytes
    this.tell(`${bytes} wrong bytes: ${what}`)
  }

  leave(what: string): void {
    this.left++
    this.tell(`left alive: ${what}`)
  }

  /** Waits until `probe` finds nobody alive after the end of something, and returns whom it finds to the last. */
  async gone(after: string, probe: () => readonly number[]): Promise<readonly number[]> {
    const since = performance.now()
    const alive = await untilNone(probe, LEFT_MS)
    const times = this.endings.get(after) ?? []
    this.endings.set(after, times)
    times.push(performance.now() - since)
    return alive
  }

  tell(finding: string): void {
    if (this.findings.length >= MAX_FINDINGS) return
    this.findings.push(finding)
    process.stderr.write(`! ${finding}\n`)
  }

  get waiting(): number {
    return this.sent - this.answered - this.abandoned - this.ended - this.lost
  }

  get clean(): boolean {
    return this.lost === 0 && this.wrongBytes === 0 && this.faults === 0 && this.left === 0
  }
}
