/** The errors for a devbox that is not named, or that has no runs. They never lead to another machine than the one meant. */
import { quoteForShell } from './io/quote-for-shell.ts'
import { CommandError, OWN_FAILURE } from './base/command-error.ts'

/** Servers that are named: more would hide the other ways. */
const SHOWN_SERVERS = 3

/** Lines for the servers of this user that listen here. */
function serverHints(servers: readonly string[], shown: number): string[] {
  const urls = [...new Set(servers)]
  const more = urls.length - shown
  return [
    ...urls.slice(0, shown).map((url) => `a server of yours listens on this machine: --url ${url}`),
    ...(more > 0 ? [`so ${more === 1 ? 'does' : 'do'} ${more} more`] : []),
  ]
}

/** No option, file or variable names a devbox. `ids` are the environments that there are. */
export function noDevbox(
  ids: readonly string[],
  servers: readonly string[],
  hints: readonly string[] = [],
): CommandError {
  const remote = ids.filter((id) => id !== 'local')
  const known = remote.length === 0 ? '' : ` (${remote.join(', ')})`
  return new CommandError('no devbox is named', OWN_FAILURE, [
    ...hints,
    `name one: --url ws://HOST:PORT, --env ID${known}, or CODEX_EXEC_SERVER_URL=ws://HOST:PORT`,
    ...serverHints(servers, SHOWN_SERVERS),
    'this machine is used only with --local',
  ])
}

/** No environment has this id. */
export function unknownEnvironment(id: string, ids: readonly string[]): CommandError {
  const known =
    ids.length === 0
      ? 'there is none: see environments.toml, or name the server with --url'
      : `there are: ${ids.join(', ')}`
  return new CommandError(`there is no environment ${id}`, OWN_FAILURE, [known])
}

/** A server that is started for this command has no runs. */
export function startsItsOwn(id: string, command: readonly string[]): CommandError {
  return new CommandError(
    `environment ${id} starts a server for each client: this command would talk to a new one, which has no runs`,
    OWN_FAILURE,
    [
      `it is started with: ${command.map(quoteForShell).join(' ')}`,
      'start one that stays, with --listen ws://127.0.0.1:PORT or unix:/PATH, and name it with --url',
    ],
  )
}

/** `--local`, and no server. */
export const noRunningServer = (): CommandError =>
  new CommandError('no exec-server of this user listens on this machine, as far as can be seen', OWN_FAILURE, [
    'name it with --url if it runs as another user, or where there is no /proc',
  ])

/** `--local`, and more than one server. */
export const severalServers = (servers: readonly string[]): CommandError =>
  new CommandError(
    `${servers.length} servers of this user listen on this machine`,
    OWN_FAILURE,
    serverHints(servers, Infinity),
  )
