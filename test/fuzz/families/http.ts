/**
 * HTTP requests over bare TCP sockets. What a request is, is told from its text alone, and only where that leaves no
 * doubt: then the answer is known. Of all others: an answer of HTTP, or the end, and never more than is granted.
 */
import { connect } from 'node:net'
import { Failure } from '../failure.ts'
import type { Batch, Family, Input, Subject } from '../family.ts'
import { httpRequests } from '../generate/http.ts'
import { networkSubject } from '../network-subject.ts'
import type { Place } from '../place.ts'

/** Nothing else is ever answered: no 500 above all. */
const STATUSES = new Set([100, 101, 200, 400, 401, 403, 404, 405, 408, 413, 417, 426, 431, 503])

/** What is sent and what has come back, each character a byte. */
type Exchange = { sent: string; got: string }

type Response = { status: number; head: string }

/** Sends one request, and nothing after it. */
function exchange(port: number, { bytes }: Input, mode: number, patienceMs: number): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    const sent = Buffer.from(bytes).toString('latin1')
    let got = ''
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => {
      // Whole, or in two packets.
      const cut = mode % 3 === 1 ? Math.floor(bytes.length / 2) : bytes.length
      if (cut < bytes.length) socket.write(bytes.subarray(0, cut))
      socket.end(bytes.subarray(cut < bytes.length ? cut : 0))
    })
    const timer = setTimeout(() => {
      socket.destroy()
      reject(
        new Failure(
          `a request was neither answered nor cut off within ${patienceMs} ms: ${JSON.stringify(sent.slice(0, 300))}, so far: ${JSON.stringify(got.slice(0, 200))}`,
        ),
      )
    }, patienceMs)
    socket.on('data', (data: Buffer) => (got += data.toString('latin1')))
    // Whoever is cut off while still writing is told so.
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      resolve({ sent, got })
    })
  })
}

/** The responses, one after the other; what comes after 101 is no HTTP. Throws for what is none. */
function responses({ sent, got }: Exchange): Response[] {
  const found: Response[] = []
  let isHead = sent.startsWith('HEAD ')
  for (let rest = got; rest !== ''; ) {
    const [head, , status] =
      /^(HTTP\/1\.1 ([1-5][0-9][0-9])[^\r\n]*\r\n(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*\r\n)*\r\n)/.exec(rest) ?? []
    if (head === undefined || status === undefined) throw new Failure(`no HTTP: ${JSON.stringify(rest.slice(0, 300))}`)
    found.push({ status: Number(status), head })
    if (status === '101') break
    if (status === '100') {
      rest = rest.slice(head.length)
      continue
    }
    rest = rest.slice(head.length + (isHead ? 0 : bodyLength(head, rest.slice(head.length))))
    isHead = false
  }
  return found
}

function bodyLength(head: string, rest: string): number {
  if (!/^transfer-encoding: *chunked\r$/im.test(head))
    return Number(/^content-length: *([0-9]+)\r$/im.exec(head)?.[1] ?? 0)
  for (let at = 0; ; ) {
    const size = /^([0-9a-f]+)\r\n/i.exec(rest.slice(at))
    if (size === null) throw new Failure(`no chunk: ${JSON.stringify(rest.slice(at, at + 100))}`)
    const length = Number.parseInt(size[1] as string, 16)
    at += size[0].length + length + 2
    if (length === 0) return at
  }
}

const PLAIN =
  /^(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH) (\/[\w/?=.]{0,60}) HTTP\/1\.1\r\n((?:[A-Za-z-]+: [!-~]+(?: [!-~]+)*\r\n)*)\r\n$/

/** Half of what the runtimes take. */
const PLAIN_BYTES = 8000

/** A request that nobody can read in two ways. */
function plainRequest(sent: string): { method: string; target: string; headers: Map<string, string> } | undefined {
  if (sent.length > PLAIN_BYTES) return undefined
  const [, method, target, lines] = PLAIN.exec(sent) ?? []
  if (method === undefined || target === undefined || lines === undefined) return undefined
  const headers = lines
    .split('\r\n')
    .filter(Boolean)
    .map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)] as const)
  const names = new Map(headers)
  const isOdd =
    names.size < headers.length ||
    ['content-length', 'transfer-encoding', 'expect', 'authorization'].some((name) => names.has(name))
  return isOdd || target.startsWith('//') || target.includes('..')
    ? undefined
    : { method, target: target.replace(/\?.*/, ''), headers: names }
}

const LOCAL = /^(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,4})?$/

/** The only answer to a plain request; undefined where there may be several. */
function dueStatus(sent: string): number | undefined {
  const plain = plainRequest(sent)
  if (plain === undefined) return undefined
  const { method, target, headers } = plain
  const host = headers.get('host')
  if (host === undefined || !LOCAL.test(host)) return undefined
  if (headers.has('origin')) return 403
  const isUpgrade = headers.has('upgrade') || /upgrade/i.test(headers.get('connection') ?? '')
  if (isUpgrade) return isWholeUpgrade(headers) && method === 'GET' ? (target === '/' ? 101 : undefined) : undefined
  if (target === '/readyz' || target === '/healthz') return method === 'GET' || method === 'HEAD' ? 200 : 405
  if (target === '/') return method === 'GET' || method === 'HEAD' ? 400 : 405
  return target === '/other' ? 404 : undefined
}

function isWholeUpgrade(headers: ReadonlyMap<string, string>): boolean {
  const is = (name: string, pattern: RegExp): boolean => pattern.test(headers.get(name) ?? '')
  return (
    is('connection', /^(keep-alive, )?upgrade$/i) &&
    is('upgrade', /^websocket$/i) &&
    is('sec-websocket-version', /^13$/) &&
    is('sec-websocket-key', /^[A-Za-z0-9+/]{22}==$/)
  )
}

function check(given: Exchange): void {
  const answers = responses(given)
  const { sent } = given
  const shown = JSON.stringify(sent.slice(0, 600))
  for (const { status } of answers) if (!STATUSES.has(status)) throw new Failure(`${status} is the answer to ${shown}`)
  const due = dueStatus(sent)
  if (due !== undefined && answers[0]?.status !== due)
    throw new Failure(`${answers[0]?.status ?? 'nothing'} instead of ${due} is the answer to ${shown}`)
  const isGranted = answers.some(({ status }) => status === 101)
  // Whatever else may be the matter with it: nobody gets in like this.
  if (isGranted && /^origin[ \t]*:/im.test(sent)) throw new Failure(`a request with an Origin was let in: ${shown}`)
  if (isGranted && !/(^|\n)GET /.test(sent)) throw new Failure(`let in without GET: ${shown}`)
  // A target that names a server itself takes the place of Host.
  if (isGranted && /^[^ ]* \//.test(sent) && /^host:[ \t]*([\w.-]*\.)?evil\.example/im.test(sent))
    throw new Failure(`let in under another name: ${shown}`)
  if (isGranted && !/websocket/i.test(sent)) throw new Failure(`let in without an upgrade: ${shown}`)
}

/** At the same time. */
const SIDE_BY_SIDE = 25

async function send(url: string, { inputs, mode }: Batch, patienceMs: number): Promise<void> {
  const port = Number(new URL(url).port)
  for (let at = 0; at < inputs.length; at += SIDE_BY_SIDE) {
    const some = inputs.slice(at, at + SIDE_BY_SIDE)
    for (const each of await Promise.all(some.map((input) => exchange(port, input, mode, patienceMs)))) check(each)
  }
  // It still serves others.
  const probe = await exchange(port, PROBE, 0, patienceMs)
  if (responses(probe)[0]?.status !== 200) throw new Failure(`/readyz answers ${JSON.stringify(probe.got)}`)
}

const PROBE: Input = { bytes: Buffer.from('GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'), binary: true }

const open = (place: Place): Promise<Subject> => networkSubject(place, send, { inputs: [PROBE], mode: 0 })

export const httpFamily: Family = { name: 'http', share: 8, batch: 200, input: () => httpRequests, open }
