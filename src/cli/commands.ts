/**
 * The commands. Dispatch, `exec-server --help`, the hint at an unknown command and the lists of the READMEs (by a test)
 * come from this table. It loads each command on demand: neither a server nor a command pays for another's imports.
 */
import type { DevboxCommand } from './devbox/run-command.ts'
import type { CommandManual } from './manual/manual.ts'
import type { CommandSummary } from './serve/help.ts'

/** A command of the executable. Without a command it serves. */
export type Command = CommandSummary & {
  /** Runs it. Prints usage errors, and sets the exit code or exits. */
  run(args: readonly string[]): Promise<void>
  /** What the completions and the man page tell of it. */
  manual(): Promise<CommandManual>
}

type DevboxModule = { run: DevboxCommand; manual: CommandManual }

const devbox = (load: () => Promise<DevboxModule>): Pick<Command, 'usesDevbox' | 'run' | 'manual'> => ({
  usesDevbox: true,
  run: async (args) => (await import('./devbox/run-command.ts')).runDevboxCommand(async () => (await load()).run, args),
  manual: async () => (await load()).manual,
})

/** All commands, in the order of the help. */
export const commands: readonly Command[] = [
  {
    name: 'doctor',
    usage: '[--url URL]',
    summary: 'what this machine, or a server, can do, and why not',
    usesDevbox: false,
    run: async (args) => (await import('./doctor/doctor.ts')).doctor(args),
    manual: async () => (await import('./doctor/doctor.ts')).manual,
  },
  {
    name: 'fs-helper',
    usage: '',
    summary: 'answers file calls on stdin, for use in a sandbox',
    usesDevbox: false,
    run: async (args) => (await import('./serve/fs-helper.ts')).fsHelper(args),
    manual: async () => (await import('./serve/manuals.ts')).fsHelperManual,
  },
  {
    name: 'completions',
    usage: 'SHELL',
    summary: 'prints what completes commands in bash, zsh or fish',
    usesDevbox: false,
    run: async (args) => (await import('./print-manual.ts')).completions(args, commands),
    manual: async () => (await import('./print-manual.ts')).completionsManual,
  },
  {
    name: 'man',
    usage: '',
    summary: 'prints the man page, for man -l -',
    usesDevbox: false,
    run: async (args) => (await import('./print-manual.ts')).man(args, commands),
    manual: async () => (await import('./print-manual.ts')).manManual,
  },
  {
    name: 'run',
    usage: '[-t] COMMAND…',
    summary: 'runs a command there as if it ran here',
    ...devbox(() => import('./devbox/run/run.ts')),
  },
  {
    name: 'ps',
    usage: '',
    summary: 'what runs there',
    ...devbox(async () => {
      const { ps, manual } = await import('./devbox/run/ps.ts')
      return { run: ps, manual }
    }),
  },
  {
    name: 'attach',
    usage: 'RUN',
    summary: 'joins one of these',
    ...devbox(async () => {
      const { attach, manual } = await import('./devbox/run/attach.ts')
      return { run: attach, manual }
    }),
  },
  {
    name: 'kill',
    usage: 'RUN…',
    summary: 'ends them',
    ...devbox(async () => {
      const { kill, manual } = await import('./devbox/run/kill.ts')
      return { run: kill, manual }
    }),
  },
  {
    name: 'cp',
    usage: 'SOURCE… DESTINATION',
    summary: 'copies files; those there are :/PATH',
    ...devbox(async () => {
      const { cp, manual } = await import('./devbox/cp/cp.ts')
      return { run: cp, manual }
    }),
  },
  {
    name: 'http',
    usage: 'URL',
    summary: 'makes an HTTP request from there',
    ...devbox(async () => {
      const { http, manual } = await import('./devbox/http/http.ts')
      return { run: http, manual }
    }),
  },
]

/** Runs the command that the arguments begin with, or serves. Ignores a leading `exec-server`, as in `codex exec-server`. */
export async function runCommand(args: readonly string[]): Promise<void> {
  const own = args[0] === 'exec-server' ? args.slice(1) : args
  const command = commands.find(({ name }) => name === own[0])
  if (command !== undefined) return command.run(own.slice(1))
  if (own[0] !== undefined && !own[0].startsWith('-')) return refuse(own[0])
  return (await import('./serve/run.ts')).serve(own, commands)
}

async function refuse(unknown: string): Promise<void> {
  const { reportingUsage } = await import('./serve/reporting-usage.ts')
  const { UsageError } = await import('../base/usage-error.ts')
  const names = commands.map(({ name }) => name).join(', ')
  return reportingUsage(async () => {
    throw new UsageError(`error: there is no command '${unknown.split('\n', 1)[0]}'; there are: ${names}`, 2)
  })
}
