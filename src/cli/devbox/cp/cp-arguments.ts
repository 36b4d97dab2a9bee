/** The arguments of `exec-server cp`. */
import type { CopyOptions } from '../../../host/copy/messages.ts'
import { rawArguments } from '../io/raw-arguments.ts'
import { checkTarget, parseOptions, TARGET_HELP, targetOptions, usageError } from '../options.ts'
import type { TargetValues } from '../options.ts'

export const CP_HELP = `Copies files between this machine and a devbox, or on the devbox.

Usage: exec-server cp [options] SOURCE… DESTINATION

A path on the devbox has a colon before it: :/etc/hosts, :~/notes below the home there, or relative to the directory that
the server was started in, as in :. and :src. Its sources may have patterns, in quotes because of the shell:
':/var/log/*.gz'. As with cp, what is copied to a directory that is there gets its own name in
it. A local file whose name begins with a colon is ./:NAME.

${TARGET_HELP}  -r, -R, --recursive       directories, too; links in them are copied as links
  -L, --dereference         copies what links point to
  -p, --preserve            keeps times and the exact mode
  -a, --archive             -r and -p, and keeps hard links and FIFOs
  -n, --no-clobber          leaves files alone that are there
  --exclude PATTERN         leaves these names out, or with a slash in it these paths below a source; can be repeated
  -v, --verbose             tells what is copied
  --dry-run                 tells what would be copied, and changes nothing

Each file is written beside its target and takes its place when it is complete: until then, and when the copy is ended,
everything is as it was. So is a new directory, with all that is in it. What cannot be replaced (a device, a mount point, a
file in a directory that takes no new ones) is written where it is, and that is said. Modes are carried over, except what the
umask takes away; of a file that is replaced, owner and mode stay. Exit code 1 says that something was not copied.
`

export const cpOptions = {
  ...targetOptions,
  recursive: { type: 'boolean', short: 'r' },
  dereference: { type: 'boolean', short: 'L' },
  preserve: { type: 'boolean', short: 'p' },
  archive: { type: 'boolean', short: 'a' },
  'no-clobber': { type: 'boolean', short: 'n' },
  exclude: { type: 'string', multiple: true },
  verbose: { type: 'boolean', short: 'v' },
  'dry-run': { type: 'boolean' },
} as const

export type CopyPath = { isRemote: boolean; path: string }

/** What a command line asks for. */
export type CpArguments = {
  target: TargetValues
  sources: readonly CopyPath[]
  destination: CopyPath
  options: Omit<CopyOptions, 'counts'>
}

/**
 * Parses a path: `:PATH` is on the devbox, anything else is local.
 * @throws {UsageError}
 */
export function parsePath(text: string): CopyPath {
  if (text === '') throw usageError('a path is empty')
  if (!text.startsWith(':')) return { isRemote: false, path: text }
  if (text === ':') throw usageError("the path on the devbox is empty; ':.' is the server's directory, ':~' its home")
  return { isRemote: true, path: text.slice(1) }
}

/**
 * Parses the command line; undefined asks for the help.
 * @throws {UsageError}
 */
export function parseCp(args: readonly string[]): CpArguments | undefined {
  const { values, positionals } = parseOptions(withSmallR(rawArguments(args)), cpOptions)
  if (values.help === true) return undefined
  checkTarget(values)
  const sources = positionals.map(parsePath)
  const destination = sources.pop()
  if (destination === undefined || sources.length === 0) throw usageError('cp takes a SOURCE and a DESTINATION')
  if (!destination.isRemote && sources.some(({ isRemote }) => !isRemote))
    throw usageError('neither path is on the devbox; there they begin with a colon')
  if (sources.some(({ isRemote }) => isRemote !== sources[0]?.isRemote))
    throw usageError('the sources are on both sides; copy those of one side at a time')
  const archive = values.archive === true
  const dryRun = values['dry-run'] === true
  return {
    target: values,
    sources,
    destination,
    options: {
      recursive: archive || values.recursive === true,
      dereference: values.dereference === true,
      preserve: archive || values.preserve === true,
      archive,
      noClobber: values['no-clobber'] === true,
      exclude: values.exclude ?? [],
      verbose: dryRun || values.verbose === true,
      dryRun,
    },
  }
}

/** -R means -r, alone or with others as in -aR. */
function withSmallR(args: readonly string[]): string[] {
  const end = args.indexOf('--')
  return args.map((arg, index) =>
    /^-[A-Za-z]*R/.test(arg) && (end < 0 || index < end) ? arg.replaceAll('R', 'r') : arg,
  )
}
