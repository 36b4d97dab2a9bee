/** The options that change limits. */
import { defaultServeLimits } from './limits.ts'
import type { ServeLimits } from '../../server/serve.ts'
import { UsageError } from '../../base/usage-error.ts'

type LimitOption = {
  flag: string
  limit: keyof ServeLimits
  /** The flag's unit in the limit's unit: 1000 for seconds of a limit in ms. */
  unit: number
  min: number
  /** A larger value is a typo, or exceeds what any machine can spare. */
  max: number
  help: string
}

const SECOND = 1000
const MiB = 1024 * 1024
const DAY_SECONDS = 86_400
/** One read returns all that is kept of a process: its base64 must fit a message. */
const MAX_READ_MIB = 40
/** 16 TiB. */
const MAX_LOG_MIB = 16_777_216
/** 64 GiB. */
const MAX_MIB = 65_536
/** About the default maximum of file descriptors of a process on Linux (fs.nr_open). */
const MAX_DESCRIPTORS = 1_000_000

const table = [
  {
    flag: 'session-ttl-seconds',
    limit: 'sessionTtlMs',
    unit: SECOND,
    min: 1,
    max: DAY_SECONDS,
    help: 'how long a session outlives its connection',
  },
  {
    flag: 'retained-mib',
    limit: 'retainedTotal',
    unit: MiB,
    min: 1,
    max: MAX_MIB,
    help: 'how much output of all processes together is kept for reading',
  },
  {
    flag: 'retained-per-process',
    limit: 'retainedPerProcess',
    unit: MiB,
    min: 1,
    max: MAX_READ_MIB,
    help: 'MiB of output of each process that are kept for reading',
  },
  {
    flag: 'log-mib',
    limit: 'runLogs',
    unit: MiB,
    min: 1,
    max: MAX_LOG_MIB,
    help: 'how much --log-dir and --record may hold each; what has ended goes first',
  },
  {
    flag: 'stdin-mib',
    limit: 'stdinTotal',
    unit: MiB,
    min: 1,
    max: MAX_MIB,
    help: 'how much stdin may wait for the processes of a session',
  },
  {
    flag: 'max-connections',
    limit: 'connections',
    unit: 1,
    min: 1,
    max: MAX_DESCRIPTORS,
    help: 'connected clients; one more gets 503',
  },
  {
    flag: 'handshake-seconds',
    limit: 'handshakeMs',
    unit: SECOND,
    min: 1,
    max: 3600,
    help: 'how long a socket may take to its upgrade or next HTTP request',
  },
  { flag: 'max-sessions', limit: 'sessions', unit: 1, min: 1, max: MAX_DESCRIPTORS, help: 'sessions' },
  {
    flag: 'max-processes',
    limit: 'processes',
    unit: 1,
    min: 1,
    max: MAX_DESCRIPTORS,
    help: 'processes of a session that have not closed',
  },
  {
    flag: 'max-total-processes',
    limit: 'totalProcesses',
    unit: 1,
    min: 1,
    max: MAX_DESCRIPTORS,
    help: 'those of all sessions together',
  },
  {
    flag: 'max-open-files',
    limit: 'fileHandles',
    unit: 1,
    min: 1,
    max: MAX_DESCRIPTORS,
    help: 'files that a connection holds open',
  },
  {
    flag: 'max-http-requests',
    limit: 'httpRequests',
    unit: 1,
    min: 1,
    max: MAX_DESCRIPTORS,
    help: 'HTTP requests of a connection under way, streams included',
  },
  {
    flag: 'max-requests',
    limit: 'waitingRequests',
    unit: 1,
    min: 1,
    max: MAX_DESCRIPTORS,
    help: 'requests of a connection that wait for output or an HTTP peer',
  },
  {
    flag: 'drain-seconds',
    limit: 'drainMs',
    unit: SECOND,
    min: 0,
    max: DAY_SECONDS,
    help: 'what running work is given to end by itself after a signal',
  },
] as const satisfies readonly LimitOption[]

type Flag = (typeof table)[number]['flag']

/** The options in the form that `parseArgs` takes. */
export const limitOptions = Object.fromEntries(
  table.map(({ flag, limit, unit }) => [
    flag,
    { type: 'string', inFile: 'number', fallback: defaultServeLimits[limit] / unit },
  ]),
) as Record<Flag, { type: 'string'; inFile: 'number'; fallback: number }>

const FLAG_WIDTH = 29

/** Help text, one line per flag. */
export const limitHelp: string = table
  .map(
    ({ flag, limit, unit, help }) =>
      `  ${`--${flag} N`.padEnd(FLAG_WIDTH)}${help} (default ${defaultServeLimits[limit] / unit})`,
  )
  .join('\n')

/**
 * Returns the given limits, in bytes, ms or counts.
 * @throws {UsageError} if a value is not a number in its range
 */
export function readLimits(values: Partial<Record<Flag, string>>): Partial<ServeLimits> {
  const limits: Partial<ServeLimits> = {}
  for (const { flag, limit, unit, min, max } of table) {
    const value = values[flag]
    if (value === undefined) continue
    const number = /^[0-9]{1,9}$/.test(value) ? Number(value) : -1
    if (number < min || number > max)
      throw new UsageError(`--${flag} takes a whole number from ${min} to ${max}, not '${value}'`, 2)
    limits[limit] = number * unit
  }
  return limits
}
