/** How Codex is led to the devbox, so that it uses that one, or none. */
import type { EnvironmentSettings, EnvironmentSpec } from '../../../client/environments/spec.ts'
import { displayUrl } from '../../../client/transports/target-url.ts'
import { isPrivate } from '../../../client/environments/websocket-url.ts'
import { CommandError, OWN_FAILURE } from '../base/command-error.ts'
import { leadsTo, tokenOf } from './environments-file.ts'
import type { CodexRelease } from './release.ts'

/**
 * `variable`: there is no environments.toml, or the release reads none. `file`: the file names this devbox and no other
 * machine. `private`: the file names another, or the devbox cannot be named by the variable, so that Codex gets a home
 * with a file of its own.
 */
export type Plan = {
  kind: 'variable' | 'file' | 'private'
  /**
   * CODEX_EXEC_SERVER_URL. Where there is a file, Codex does not go by it, but it keeps the TUI from using the background
   * server, whose environments may be old, and nothing runs locally if the file disappears.
   */
  variable: string
}

/** No environment at all. */
const NONE = 'none'

/**
 * Decides. `settings`: what environments.toml says; undefined without such a file, `invalid` if Codex would reject it.
 * @throws {CommandError} if this release cannot use the devbox
 */
export function planFor(
  spec: EnvironmentSpec,
  settings: EnvironmentSettings | 'invalid' | undefined,
  release: CodexRelease,
): Plan {
  if ('local' in spec) throw failure('this machine is no devbox', 'to work here, run codex itself')
  const token = tokenOf(spec)
  if ('command' in spec) {
    if (!release.readsFile)
      throw failure(`Codex ${release.version} cannot start a server: 0.140.0 is the first`, 'name a server with --url')
  } else checkUrl(String(spec.url), token !== undefined, release)
  const variable = 'url' in spec ? String(spec.url) : NONE
  const isEnough = 'url' in spec && token === undefined
  if (isEnough && (settings === undefined || !release.readsFile)) return { kind: 'variable', variable }
  const isRight = settings !== undefined && settings !== 'invalid' && leadsTo(settings, spec)
  return { kind: isRight ? 'file' : 'private', variable }
}

function checkUrl(url: string, hasToken: boolean, release: CodexRelease): void {
  if (!/^wss?:\/\//.test(url))
    throw failure(`Codex does not connect to ${displayUrl(url)}`, 'start the server with --listen ws://127.0.0.1:PORT')
  if (!hasToken) return
  if (!release.sendsToken)
    throw failure(
      `Codex ${release.version} cannot send a token: 0.160.0 is the first`,
      'use a server with --capability-url',
    )
  if (!isPrivate(url))
    throw failure('Codex sends a token only over wss://, or on this machine', 'use TLS, or an ssh tunnel')
}

const failure = (message: string, hint: string): CommandError => new CommandError(message, OWN_FAILURE, [hint])
