/** `exec-server http`: makes one HTTP request from the devbox. */
import { createReadStream } from 'node:fs'
import process from 'node:process'
import { DisconnectedError, messageOf, UnsupportedError } from '../../../client/base/errors.ts'
import type { ExecClient, HttpInit } from '../../../client/base/types.ts'
import type { Advice } from '../../base/parse-options.ts'
import type { CommandManual } from '../../manual/manual.ts'
import { CommandError, OWN_FAILURE } from '../base/command-error.ts'
import { Interrupted, interruptible } from '../io/interruptible.ts'
import { HTTP_WAITING, OUTPUT_ROOM } from '../base/limits.ts'
import { checkTarget, parseOptions, TARGET_HELP, targetOptions, usageError } from '../options.ts'
import { BROKEN_PIPE, FdWriteError, fdWriter } from '../io/fd-writer.ts'
import type { FdWriter } from '../io/fd-writer.ts'
import { waitingFor } from '../io/say-waiting.ts'
import { openDevbox } from '../target.ts'
import { writeOut } from '../io/write-out.ts'

const HELP = `Makes an HTTP request from a devbox, and writes the body of the answer to stdout as it comes.

Usage: exec-server http [options] URL

${TARGET_HELP}  -X, --request METHOD      default GET, and POST with --data
  -H, --header 'NAME: VALUE'  may be given several times
  -d, --data TEXT           the body; @FILE is a file, as it is, and @- stdin
  -i, --include             the status and the headers first
  -I, --head                a HEAD request, and the status and the headers of its answer
  -L, --location            follow redirects, which is the default
      --no-follow           do not, and show the redirect
  -f, --fail                exit with 22 for a status of 400 and above, and write no body
  -o, --output FILE         write there; what is incomplete is removed
  -O, --remote-name         write to a file here, by the name at the end of the URL's path
  -s, --silent              show no progress, of which there is none
  -S, --show-error          say why it failed, which it always does

Exit code 0 for any answer, 1 for a request that failed, 255 if the devbox could not be reached.
`

const options = {
  ...targetOptions,
  request: { type: 'string', short: 'X' },
  header: { type: 'string', short: 'H', multiple: true },
  data: { type: 'string', short: 'd' },
  include: { type: 'boolean', short: 'i' },
  location: { type: 'boolean', short: 'L' },
  'no-follow': { type: 'boolean' },
  fail: { type: 'boolean', short: 'f' },
  head: { type: 'boolean', short: 'I' },
  output: { type: 'string', short: 'o' },
  'remote-name': { type: 'boolean', short: 'O' },
  silent: { type: 'boolean', short: 's' },
  'show-error': { type: 'boolean', short: 'S' },
} as const

const UNVERIFIED = 'certificates are always verified: NODE_EXTRA_CA_CERTS of the server adds authorities'

/** Options of curl. */
export const HTTP_ADVICE: Advice = {
  '-k': UNVERIFIED,
  '--insecure': UNVERIFIED,
  '-v': 'the status and the headers are shown with -i',
  '--verbose': 'the status and the headers are shown with -i',
  '-u': "a password goes into a header: -H 'Authorization: Basic …'",
  '--user': "a password goes into a header: -H 'Authorization: Basic …'",
  '-A': "the program's name goes into a header: -H 'User-Agent: NAME'",
  '-x': 'the proxies are those of the server: HTTP_PROXY and HTTPS_PROXY in its environment',
  '--data-binary': 'the body is -d TEXT or -d @FILE, which is sent as it is',
  '--data-raw': 'the body is -d TEXT, which is sent as it is',
}

/** What the man page and the completions tell of it. */
export const manual: CommandManual = { help: HELP, options }

const FAILED = 1
const FAILED_STATUS = 22

/**
 * Runs the command. Resolves with the exit code.
 * @throws {UsageError | CommandError}
 */
export async function http(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, options, HTTP_ADVICE)
  if (values.help === true) return writeOut(HELP)
  checkTarget(values)
  const [url = ''] = positionals
  if (positionals.length !== 1) throw usageError('http takes one URL')
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url))
    throw usageError(
      `http takes an http:// or https:// URL, not '${url}'`,
      ...(URL.canParse(`http://${url}`) ? [`did you mean http://${url}?`] : []),
    )
  if (values.location === true && values['no-follow'] === true)
    throw usageError('--location and --no-follow contradict each other')
  const { data, request, header = [], head: isHead = false, fail = false } = values
  const include = isHead || values.include === true
  const output = values['remote-name'] === true ? remoteName(url, values.output) : values.output
  if (isHead && data !== undefined) throw usageError('--head and --data contradict each other')
  const body = data === undefined ? undefined : await bodyOf(data)
  const init: HttpInit = {
    method: request ?? (isHead ? 'HEAD' : body === undefined ? 'GET' : 'POST'),
    headers: headersOf(header, body !== undefined),
    redirect: values['no-follow'] === true ? 'manual' : 'follow',
  }
  if (body !== undefined) init.body = body
  const devbox = await openDevbox(values, {
    limits: { httpQueuedTotal: HTTP_WAITING, httpDeltas: HTTP_WAITING / 1024 },
  })
  try {
    return await interruptible((signal) => exchange(devbox.client, url, { ...init, signal }, { include, fail, output }))
  } finally {
    await devbox.close().catch(() => {})
  }
}

/** @throws {UsageError} if the URL ends without a name, or two files are named */
function remoteName(url: string, output: string | undefined): string {
  if (output !== undefined) throw usageError('--output and --remote-name name two files')
  const name = new URL(url).pathname.split('/').at(-1) ?? ''
  if (name === '' || name === '.' || name === '..') throw usageError(`${url} ends without a file name: use -o FILE`)
  return name
}

type OutputOptions = { include: boolean; fail: boolean; output: string | undefined }

async function exchange(
  client: ExecClient,
  url: string,
  init: HttpInit,
  { include, fail, output }: OutputOptions,
): Promise<number> {
  const stdout = fdWriter(1, 'stdout', OUTPUT_ROOM)
  try {
    const response = await waitingFor(`the answer of ${url}`, client.fetch(url, init))
    if (include) await put(stdout, new TextEncoder().encode(headText(response)))
    const isFailure = fail && response.status >= 400
    if (isFailure || response.body === null) await response.body?.cancel()
    else if (output === undefined) for await (const bytes of response.body) await put(stdout, bytes)
    else await save(response.body, output)
    await stdout.flush()
    if (isFailure)
      throw new CommandError(`the answer was ${response.status} ${response.statusText}`.trim(), FAILED_STATUS)
    return 0
  } catch (error) {
    if (error instanceof FdWriteError && error.isGone) return BROKEN_PIPE
    if (error instanceof CommandError || error instanceof Interrupted) throw error
    const reason = error instanceof TypeError && error.cause !== undefined ? error.cause : error
    const isOurs = reason instanceof DisconnectedError || reason instanceof UnsupportedError
    throw new CommandError(messageOf(reason), isOurs ? OWN_FAILURE : FAILED)
  }
}

async function put(stdout: FdWriter, bytes: Uint8Array): Promise<void> {
  await stdout.push(bytes)
}

function headText({ status, statusText, headers }: Response): string {
  return [
    `HTTP ${status} ${statusText}`.trimEnd(),
    ...Array.from(headers, ([name, value]) => `${name}: ${value}`),
    '',
    '',
  ].join('\r\n')
}

async function save(body: ReadableStream<Uint8Array>, path: string): Promise<void> {
  const { saveStream } = await import('../../../host/copy/write/save-stream.ts')
  await saveStream(body, path)
}

/**
 * Parses `NAME: VALUE` lines; with a body, adds curl's default content type.
 * @throws {UsageError}
 */
function headersOf(lines: readonly string[], hasBody: boolean): Headers {
  const headers = new Headers()
  for (const line of lines) {
    const at = line.indexOf(':')
    if (at < 1) throw usageError(`--header takes 'NAME: VALUE', not '${line}'`)
    try {
      headers.append(line.slice(0, at), line.slice(at + 1).trim())
    } catch {
      throw usageError(`'${line}' is no header`)
    }
  }
  if (hasBody && !headers.has('content-type')) headers.set('content-type', 'application/x-www-form-urlencoded')
  return headers
}

/**
 * The value of --data, `@FILE` or `@-`.
 * @throws {CommandError} if the file cannot be read
 */
async function bodyOf(data: string): Promise<string | Uint8Array<ArrayBuffer>> {
  if (!data.startsWith('@')) return data
  try {
    const source = data === '@-' ? process.stdin : createReadStream(data.slice(1))
    const pieces: Uint8Array[] = []
    for await (const piece of source) pieces.push(piece as Uint8Array)
    return Uint8Array.from(Buffer.concat(pieces))
  } catch (error) {
    throw new CommandError(`cannot read ${data.slice(1)}: ${messageOf(error)}`, FAILED)
  }
}
