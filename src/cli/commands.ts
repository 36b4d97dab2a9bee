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

type Summary = Pick<Command, 'name' | 'usage' | 'summary'>

/** A command that uses a devbox. */
const devbox = (summary: Summary, load: () => Promise<{ run: DevboxCommand; manual: CommandManual }>): Command => ({
  ...summary,
  usesDevbox: true,
  run: async (args) =>
    (await import('./devbox/run-command.ts')).runDevboxCommand(summary.name, async () => (await load()).run, args),
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
    name: 'config',
    usage: '[--json]',
    summary: 'the options that a server would have, and where each comes from',
    usesDevbox: false,
    run: async (args) => (await import('./serve/config-command.ts')).configCommand(args),
    manual: async () => (await import('./serve/config-command.ts')).manual,
  },
  {
    name: 'accept',
    usage: '',
    summary: 'lets a devbox dial in that nothing can reach, for clients here',
    usesDevbox: false,
    run: async (args) => (await import('./accept/accept.ts')).accept(args),
    manual: async () => (await import('./accept/accept-arguments.ts')).manual,
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
    name: 'help',
    usage: '[COMMAND]',
    summary: 'shows this text, or that of a command',
    usesDevbox: false,
    run: async (args) => (await import('./help-command.ts')).helpCommand(args, commands),
    manual: async () => (await import('./help-command.ts')).helpManual(commands),
  },
  {
    name: 'version',
    usage: '',
    summary: 'shows the version',
    usesDevbox: false,
    run: async (args) => (await import('./help-command.ts')).versionCommand(args),
    manual: async () => (await import('./help-command.ts')).versionManual,
  },
  devbox(
    { name: 'run', usage: '[-td] [COMMAND…]', summary: 'runs a command there as if it ran here' },
    () => import('./devbox/run/run.ts'),
  ),
  devbox({ name: 'ps', usage: '', summary: 'what runs there' }, async () => {
    const { ps, manual } = await import('./devbox/run/ps.ts')
    return { run: ps, manual }
  }),
  devbox({ name: 'attach', usage: 'RUN', summary: 'joins one of these' }, async () => {
    const { attach, manual } = await import('./devbox/run/attach.ts')
    return { run: attach, manual }
  }),
  devbox({ name: 'kill', usage: 'RUN…', summary: 'ends them' }, async () => {
    const { kill, manual } = await import('./devbox/run/kill.ts')
    return { run: kill, manual }
  }),
  devbox({ name: 'logs', usage: '[-f] RUN', summary: 'shows the output of one of these' }, async () => {
    const { logs, manual } = await import('./devbox/runs/logs.ts')
    return { run: logs, manual }
  }),
  devbox({ name: 'wait', usage: 'RUN', summary: 'waits for its end, and exits with its exit code' }, async () => {
    const { wait, manual } = await import('./devbox/runs/wait.ts')
    return { run: wait, manual }
  }),
  devbox({ name: 'rm', usage: 'RUN…', summary: 'forgets ended ones, with their output' }, async () => {
    const { rm, manual } = await import('./devbox/runs/rm.ts')
    return { run: rm, manual }
  }),
  devbox({ name: 'cp', usage: 'SOURCE… DESTINATION', summary: 'copies files; those there are :PATH' }, async () => {
    const { cp, manual } = await import('./devbox/cp/cp.ts')
    return { run: cp, manual }
  }),
  devbox({ name: 'http', usage: 'URL', summary: 'makes an HTTP request from there' }, async () => {
    const { http, manual } = await import('./devbox/http/http.ts')
    return { run: http, manual }
  }),
  devbox({ name: 'ports', usage: '', summary: 'what listens there, by whom, and since when' }, async () => {
    const { ports, manual } = await import('./devbox/forward/ports.ts')
    return { run: ports, manual }
  }),
  devbox({ name: 'forward', usage: 'TARGET…', summary: 'its ports on this machine; -R the reverse' }, async () => {
    const { forward, manual } = await import('./devbox/forward/forward.ts')
    return { run: forward, manual }
  }),
  devbox(
    { name: 'preview', usage: 'PORT[/PATH]', summary: 'prints where a browser shows what listens there' },
    async () => {
      const { preview, manual } = await import('./devbox/preview.ts')
      return { run: preview, manual }
    },
  ),
  devbox({ name: 'mcp', usage: '', summary: 'lets any agent work there, over MCP' }, async () => {
    const { mcp, manual } = await import('./devbox/mcp.ts')
    return { run: mcp, manual }
  }),
  devbox(
    { name: 'codex', usage: '[ARGUMENT…]', summary: 'runs Codex so that it works there, or not at all' },
    async () => {
      const { codex, manual } = await import('./devbox/codex/codex.ts')
      return { run: codex, manual }
    },
  ),
]

/** What people type for a command or an option of the server. */
const SYNONYMS: Readonly<Record<string, string>> = { '-v': 'version' }

/** Runs the command that the arguments begin with, or serves. Ignores a leading `exec-server`, as in `codex exec-server`. */
export async function runCommand(args: readonly string[]): Promise<void> {
  const own = args[0] === 'exec-server' ? args.slice(1) : args
  const first = SYNONYMS[own[0] ?? ''] ?? own[0]
  const command = commands.find(({ name }) => name === first)
  if (command !== undefined) return command.run(own.slice(1))
  if (first !== undefined && !first.startsWith('-')) return refuse(first)
  return (await import('./serve/run.ts')).serve(own, commands)
}

async function refuse(unknown: string): Promise<void> {
  const { reportingUsage } = await import('./serve/reporting-usage.ts')
  const { unknownCommand } = await import('./help-command.ts')
  return reportingUsage(async () => {
    throw unknownCommand(unknown, commands)
  })
}
