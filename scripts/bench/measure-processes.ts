/** Commands that end at once. */
import { onServer, PLAIN } from './measure.ts'
import type { Measure } from './measure.ts'
import type { Session } from './session.ts'
import { eachTimed, median, rate } from './statistics.ts'

const QUICK = ['/bin/true']
const WARM_UP = 5
const RUNS = 30
const STARTS = 50
const IN_FLIGHT = 8

const quick = (session: Session, tty: boolean) => (): Promise<unknown> => session.run(QUICK, tty)

async function startToClosed(session: Session, tty: boolean): Promise<readonly number[]> {
  const run = quick(session, tty)
  await eachTimed(WARM_UP, run)
  return [median(await eachTimed(RUNS, run))]
}

async function startsPerSecond(session: Session): Promise<readonly number[]> {
  const run = quick(session, false)
  await eachTimed(WARM_UP, run)
  return [await rate(STARTS, 1, run), await rate(STARTS, IN_FLIGHT, run)]
}

const closedRow = (where: string) => [{ label: `start to closed, ${where}`, unit: 'ms', goal: { ratioMax: 0.05 } }]

export const processMeasures: readonly Measure[] = [
  onServer('pipes', closedRow('pipes'), (session) => startToClosed(session, false), PLAIN),
  onServer('terminal', closedRow('terminal'), (session) => startToClosed(session, true)),
  onServer(
    'starts',
    [
      { label: 'starts, one at a time', unit: '1/s', goal: { ratioMin: 2 } },
      { label: `starts, ${IN_FLIGHT} in flight`, unit: '1/s', goal: { ratioMin: 2 } },
    ],
    startsPerSecond,
    PLAIN,
  ),
]
