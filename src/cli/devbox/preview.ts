/** `exec-server preview`: the URL at which a browser shows what listens on a port of the devbox. */
import { request as requestHttp } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import { ConnectError } from '../../client/base/errors.ts'
import { refusalError, socketError } from '../../client/transports/connect-failure.ts'
import { rejectExposedHeaders } from '../../client/connect.ts'
import { displayUrl } from '../../client/transports/target-url.ts'
import type { WebSocketTarget } from '../../client/environments/spec.ts'
import type { CommandManual } from '../manual/manual.ts'
import { CommandError, OWN_FAILURE } from './base/command-error.ts'
import { LOOK_MS, PREVIEW_ANSWER } from './base/limits.ts'
import { connectHints } from './connect-hints.ts'
import { writeOut } from './io/write-out.ts'
import { checkTarget, parseOptions, TARGET_HELP, targetOptions, usageError } from './options.ts'
import { authorities, findTarget, trustAuthorities } from './target.ts'

const HELP = `Prints the URL at which a browser shows what listens on a port of the devbox's loopback.

Usage: exec-server preview [options] PORT[/PATH]

${TARGET_HELP}
The server must have been started with --preview, and the browser must be able to reach it where --url does. The URL opens
this port only; pass it on as you would a password. What is listened to in a sandbox without network has no preview.
`

/** What the man page and the completions tell of it. */
export const manual: CommandManual = { help: HELP, options: targetOptions }

/** A port, and what is asked for there. */
const WHAT = /^([1-9]\d{0,4})((?:[/?].*)?)$/s

/**
 * Runs the command. Resolves with the exit code.
 * @throws {UsageError | CommandError}
 */
export async function preview(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, targetOptions)
  if (values.help === true) return writeOut(HELP)
  const [argument = ''] = positionals
  if (positionals.length !== 1) throw usageError('preview takes one PORT')
  const [, port = '', rest = ''] = WHAT.exec(argument) ?? []
  if (port === '' || Number(port) > 65_535) throw usageError(`preview takes a PORT, or PORT/PATH, not '${argument}'`)
  checkTarget(values)
  const target = await findTarget(values)
  if (!('url' in target) || !/^wss?:/.test(String(target.url)))
    throw new CommandError('a browser can reach only a server that listens at ws:// or wss://', OWN_FAILURE, [
      'name it with --url ws://HOST:PORT',
    ])
  await trustAuthorities(values)
  try {
    return await writeOut(`${await urlOf(target, `/port/${port}${rest || '/'}`, await authorities(values))}\n`)
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error
    throw new CommandError(error.message, OWN_FAILURE, connectHints(error, values))
  }
}

/** Asks the server, which redirects to a URL without the token of this one. */
async function urlOf({ url, headers = {} }: WebSocketTarget, path: string, ca: string | undefined): Promise<string> {
  rejectExposedHeaders(String(url), headers)
  const name = displayUrl(String(url))
  const entry = new URL(
    String(url)
      .replace(/^ws/, 'http')
      .replace(/[?#].*$/s, '')
      .replace(/\/+$/, '') + path,
  )
  const answer = await ask(entry, name, { headers, ...(ca === undefined ? {} : { ca }) })
  const status = answer.statusCode ?? 0
  const { location, server } = answer.headers
  if (status === 303 && location !== undefined) {
    answer.destroy()
    return new URL(location, entry).href
  }
  const body = await bodyOf(answer)
  if (status === 404 || status === 426)
    throw new CommandError(`${name} has no previews`, OWN_FAILURE, ['start the server with --preview'])
  throw refusalError(name, { status, body, server: server === undefined ? undefined : String(server) })
}

type AskOptions = { headers: Readonly<Record<string, string>>; ca?: string }

function ask(url: URL, name: string, options: AskOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? requestHttps : requestHttp
    const request = send(url, { ...options, agent: false, signal: AbortSignal.timeout(LOOK_MS) }, resolve)
    request.on('error', (error) => reject(socketError(name, error)))
    request.end()
  })
}

/** The beginning of the answer's body: a message. */
async function bodyOf(answer: IncomingMessage): Promise<string> {
  let text = ''
  for await (const piece of answer.setEncoding('utf8') as AsyncIterable<string>) {
    text += piece
    if (text.length > PREVIEW_ANSWER) break
  }
  return text
}
