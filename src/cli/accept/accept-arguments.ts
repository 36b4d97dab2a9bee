/** Parses the command line of `exec-server accept`. */
import { DEFAULT_LOG_LEVEL, logLevels } from '../../base/log-level.ts'
import type { LogLevel } from '../../base/log-level.ts'
import { isLoopbackAddress } from '../../base/loopback.ts'
import { parseListenUrl } from '../../server/http/listen-url.ts'
import type { Listen } from '../../server/http/listen-url.ts'
import { parseOptions, usageError } from '../base/parse-options.ts'
import { parseTls } from '../base/tls-arguments.ts'
import type { TlsOptions } from '../base/tls-arguments.ts'
import type { CommandManual } from '../manual/manual.ts'

/** Where a listener is opened. */
export type ListenPlace = Exclude<Listen, { kind: 'stdio' }>

/** The parsed options. Nothing has been opened or read. */
export type AcceptCommand = {
  devboxes: ListenPlace
  clients: ListenPlace
  /** The certificate of `devboxes`. Absent: no TLS. */
  tls: TlsOptions | undefined
  tokenFile: string
  clientTokenFile: string | undefined
  /** Whether only the own user and root may connect as clients. */
  ownUserOnly: boolean
  logLevel: LogLevel
}

const DEFAULT_LISTEN = 'ws://127.0.0.1:0'

const options = {
  listen: { type: 'string' },
  'client-listen': { type: 'string' },
  'token-file': { type: 'string' },
  'client-token-file': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'allow-local-users': { type: 'boolean' },
  'allow-plaintext': { type: 'boolean' },
  'log-level': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

const HELP = `Lets a devbox that nothing can reach be used here: its server dials in, and clients use it at a URL of this machine.

Usage: exec-server accept --token-file FILE [options]
On the devbox: exec-server --connect URL --token-file FILE

  --listen URL              where the devbox connects: ws://IP:PORT or unix:/PATH (default ${DEFAULT_LISTEN}, a free port)
  --tls-cert FILE           speak TLS there, with the certificate in this PEM file and those that it is signed by
  --tls-key FILE            its private key, also PEM; both are read again when they change
  --client-listen URL       where clients connect: ws://127.0.0.1:PORT or unix:/PATH (default ${DEFAULT_LISTEN})
  --token-file FILE         the secret of 32 characters or more that both ends prove to each other
  --client-token-file FILE  the token of the clients' URL, 16 or more of A-Za-z0-9_-, so that it stays the same
  --allow-local-users       let in clients of every user of this machine who has the URL (default: this user and root)
  --allow-plaintext         listen without TLS on an address that others can reach, inside a network that you trust
  --log-level LEVEL         what is logged on stderr, as JSON lines: ${logLevels.join(', ')} (default ${DEFAULT_LOG_LEVEL})
  -h, --help                show this text

The first line on stdout is the URL for clients, the second the one for the devbox.
`

export const manual: CommandManual = { help: HELP, options, choices: { 'log-level': logLevels } }

/**
 * Parses the arguments. Undefined: they ask for the help.
 * @throws {UsageError}
 */
export function parseAccept(args: readonly string[]): AcceptCommand | undefined {
  const { values, positionals } = parseOptions(args, options)
  if (values.help === true) return undefined
  if (positionals.length > 0) throw usageError(`accept takes options only, not '${positionals[0]}'`)
  const tokenFile = values['token-file']
  if (tokenFile === undefined || tokenFile === '')
    throw usageError(
      'accept requires --token-file FILE, with the secret that the devbox has, too',
      'make one with: openssl rand -hex 32 > FILE',
    )
  const devboxes = place('listen', values.listen)
  const tls = parseTls(values, devboxes)
  if (isExposed(devboxes) && tls === undefined && values['allow-plaintext'] !== true)
    throw usageError(
      `--listen ${values.listen} can be reached by others, who could take over a connection without TLS`,
      'give --tls-cert and --tls-key, listen on 127.0.0.1 behind a proxy with TLS or ssh -R, or give --allow-plaintext ' +
        'inside a network that you trust',
    )
  const clients = place('client-listen', values['client-listen'])
  if (clients.kind === 'websocket' && clients.isSecure)
    throw usageError('--client-listen takes ws://: clients of this machine need no TLS')
  if (isExposed(clients)) throw usageError('--client-listen takes an address of this machine: 127.0.0.1, or unix:/PATH')
  if (clients.kind === 'unix' && values['allow-local-users'] === true)
    throw usageError('--allow-local-users is for ws://: a unix socket lets in its own user and root only')
  const logLevel = logLevels.find((each) => each === (values['log-level'] ?? DEFAULT_LOG_LEVEL))
  if (logLevel === undefined)
    throw usageError(`--log-level takes ${logLevels.join(', ')}, not '${values['log-level']}'`)
  return {
    devboxes: devboxes.kind === 'websocket' ? { ...devboxes, isSecure: tls !== undefined } : devboxes,
    clients,
    tls,
    tokenFile,
    clientTokenFile: values['client-token-file'],
    ownUserOnly: values['allow-local-users'] !== true,
    logLevel,
  }
}

function place(name: string, value = DEFAULT_LISTEN): ListenPlace {
  let parsed: Listen
  try {
    parsed = parseListenUrl(value)
  } catch (error) {
    throw usageError((error as Error).message.replaceAll('--listen', `--${name}`))
  }
  if (parsed.kind === 'stdio') throw usageError(`--${name} takes ws://IP:PORT or unix:/PATH, not '${value}'`)
  return parsed
}

const isExposed = (where: ListenPlace): boolean => where.kind === 'websocket' && !isLoopbackAddress(where.address)
