/** Files, HTTP requests, bursts, and what must be refused. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { RpcFailure } from '../../../test/support/client.ts'
import type { BodyDelta, Session } from '../session.ts'
import { anew, expectBytes, expectRefusal, uri, within } from '../work.ts'
import type { Task, Work } from '../work.ts'

const KiB = 1024
const MiB = KiB * KiB

const files: Task = {
  name: 'files written, read, copied, listed, removed',
  weight: 8,
  run: (work) =>
    anew(work, async (folder) => {
      const { session, random, data, ledger } = work
      const ask = (method: string, params: object): Promise<any> => session.request(method, params)
      const bytes = data.noise.subarray(0, random.size(1, MiB))
      const [file, copy] = [uri(join(folder, 'file')), uri(join(folder, 'copy'))]
      await ask('fs/createDirectory', { path: uri(folder), recursive: true })
      // Sent together: their effects keep their order.
      const [, , , read, metadata] = await Promise.all([
        ask('fs/writeFile', { path: file, dataBase64: Buffer.from('before').toString('base64') }),
        ask('fs/writeFile', { path: file, dataBase64: bytes.toString('base64') }),
        ask('fs/copy', { sourcePath: file, destinationPath: copy, recursive: false }),
        ask('fs/readFile', { path: copy }),
        ask('fs/getMetadata', { path: copy }),
      ])
      expectBytes(work, 'a file', Buffer.from(read.dataBase64, 'base64'), bytes)
      if (metadata.size !== bytes.length) ledger.fault(`a file of ${bytes.length} bytes has ${metadata.size}`)
      const { entries } = await ask('fs/readDirectory', { path: uri(folder) })
      const names = entries.map(({ fileName }: { fileName: string }) => fileName).sort()
      if (names.join() !== 'copy,file') ledger.fault(`a folder lists ${names.join()}`)
      await ask('fs/remove', { path: uri(folder), recursive: true, force: false })
      await ask('fs/readFile', { path: file }).then(
        () => ledger.fault('a removed file can be read'),
        (error) => expectRefusal(work, 'reading a removed file', error, -32004),
      )
    }),
}

const blocks: Task = {
  name: 'files in blocks',
  weight: 5,
  run: (work) =>
    anew(work, async (folder) => {
      const { session, random, data } = work
      const bytes = data.noise.subarray(0, random.size(1, MiB))
      const block = random.size(4 * KiB, 256 * KiB)
      const path = uri(join(folder, 'blocks'))
      mkdirSync(folder, { recursive: true })
      const handle = session.unique('h')
      await session.request('fs/open', { handleId: handle, path, mode: 'replace' })
      const writes: Promise<unknown>[] = []
      for (let offset = 0; offset < bytes.length; offset += block) {
        const chunk = bytes.subarray(offset, offset + block).toString('base64')
        writes.push(session.request('fs/writeBlock', { handleId: handle, offset, chunk }))
      }
      await Promise.all(writes)
      await session.request('fs/close', { handleId: handle })
      const pieces: Buffer[] = []
      const reader = session.unique('h')
      await session.request('fs/open', { handleId: reader, path, mode: 'read' })
      for (let offset = 0, end = false; !end; ) {
        const { chunk, eof } = await session.request('fs/readBlock', { handleId: reader, offset, len: block })
        const piece = Buffer.from(chunk, 'base64')
        pieces.push(piece)
        offset += piece.length
        end = eof
      }
      await session.request('fs/close', { handleId: reader })
      expectBytes(work, 'a file in blocks', Buffer.concat(pieces), bytes)
    }),
}

const walk: Task = {
  name: 'walks',
  weight: 3,
  run: async ({ session, data, ledger }) => {
    const options = { maxDepth: 8, maxDirectories: 100, maxEntries: 1000, followDirectorySymlinks: false }
    const { entries, errors, truncated } = await session.call('fs/walk', { path: uri(data.tree), options })
    const found = entries.map(({ path }: { path: string }) => path).sort()
    const expected = data.treePaths.map(uri).sort()
    const isWhole = found.join('\n') === expected.join('\n') && errors.length === 0 && !truncated
    if (!isWhole) ledger.fault(`a walk found ${found.length} of ${expected.length} paths`)
  },
}

const httpWhole: Task = {
  name: 'HTTP, whole',
  weight: 5,
  run: async (work) => {
    const { session, random, data, web } = work
    const requestId = session.unique('r')
    if (random.chance(0.5)) {
      const bytes = data.lines.subarray(0, random.size(1, MiB))
      const url = web.url(`/${random.pick(['bytes', 'chunked'])}/${bytes.length}`)
      const { bodyBase64 } = await askWhole(session, { method: 'GET', url, requestId })
      return expectBytes(work, url, Buffer.from(bodyBase64, 'base64'), bytes)
    }
    const bytes = data.noise.subarray(0, random.size(1, MiB))
    const params = { method: 'POST', url: web.url('/echo'), bodyBase64: bytes.toString('base64'), requestId }
    const { bodyBase64 } = await askWhole(session, params)
    expectBytes(work, 'an HTTP echo', Buffer.from(bodyBase64, 'base64'), bytes)
  },
}

async function askWhole(session: Session, params: object): Promise<{ bodyBase64: string }> {
  try {
    return await session.call('http/request', params)
  } catch (error) {
    throw error instanceof RpcFailure ? session.httpFailure(error.message, { isStreamed: false }) : error
  }
}

const httpStreamed: Task = {
  name: 'HTTP, streamed',
  weight: 4,
  run: (work) =>
    anew(work, async () => {
      const { session, random, data, web } = work
      const bytes = data.lines.subarray(0, random.size(1, 8 * MiB))
      const url = web.url(`/${random.pick(['bytes', 'chunked'])}/${bytes.length}`)
      const requestId = session.unique('r')
      const body = gather(work, requestId)
      try {
        await session.request('http/request', { method: 'GET', url, requestId, streamResponse: true })
      } catch (error) {
        body.giveUp()
        throw error instanceof RpcFailure ? session.httpFailure(error.message, { isStreamed: true }) : error
      }
      expectBytes(work, url, await within(work, body.promise, `the body of ${url}`), bytes)
    }),
}

function gather({ session, ledger }: Work, requestId: string): { promise: Promise<Buffer>; giveUp(): void } {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const pieces: Buffer[] = []
  let last = 0
  const giveUp = session.onBody(requestId, (delta: BodyDelta | Error) => {
    if (delta instanceof Error) return reject(delta)
    if (delta.seq !== ++last) ledger.fault(`delta ${delta.seq} of ${requestId} instead of ${last}`)
    pieces.push(Buffer.from(delta.deltaBase64, 'base64'))
    if (delta.done) giveUp()
    if (delta.error !== null)
      reject(session.httpFailure(`the body of ${requestId} failed: ${delta.error}`, { isStreamed: true }))
    else if (delta.done) resolve(Buffer.concat(pieces))
  })
  // A request that fails has no body to wait for.
  promise.catch(() => {})
  return { promise, giveUp }
}

const httpTimeout: Task = {
  name: 'HTTP that times out',
  weight: 1,
  run: async (work) => {
    const { session, random, web } = work
    const params = {
      method: 'GET',
      url: web.url('/never'),
      requestId: session.unique('r'),
      timeoutMs: random.whole(1, 500),
    }
    await session.call('http/request', params).then(
      () => work.ledger.fault('a request that is never answered was'),
      (error) => expectRefusal(work, 'a request that times out', error, -32603),
    )
  },
}

const burst: Task = {
  name: 'bursts',
  weight: 2,
  run: async ({ session, random, data }) => {
    const requests = Array.from({ length: random.size(10, 1000) }, () =>
      random.chance(0.5)
        ? session.call('environment/status', {})
        : session.call('fs/getMetadata', { path: uri(data.linesFile) }),
    )
    for (const result of await Promise.allSettled(requests)) if (result.status === 'rejected') throw result.reason
  },
}

const NO_PROGRAM = '/no/such/program'

const refusals: Task = {
  name: 'what must be refused',
  weight: 3,
  // After a cut with other names: the start before may still be under way, and have its name.
  run: (work) => anew(work, () => refusal(work)),
}

async function refusal(work: Work): Promise<void> {
  const { session, random, data } = work
  const start = {
    argv: [NO_PROGRAM],
    cwd: uri(data.folder),
    env: {},
    tty: random.chance(0.5),
    pipeStdin: false,
    arg0: null,
  }
  const cases: [method: string, params: object, code: number][] = [
    ['no/such/method', {}, -32601],
    ['initialize', { clientName: 'soak again', resumeSessionId: null }, -32600],
    ['process/start', { ...start, processId: session.unique('p') }, -32603],
    ['process/start', { ...start, processId: session.unique('p'), argv: [] }, -32602],
    ['process/start', { processId: 5 }, -32602],
    ['process/read', { processId: session.unique('p') }, -32600],
    ['process/signal', { processId: session.unique('p'), signal: 'window' }, -32602],
    ['fs/readFile', { path: uri(join(data.folder, 'missing')) }, -32004],
    ['fs/readBlock', { handleId: session.unique('h'), offset: 0, len: 1 }, -32004],
  ]
  const [method, params, code] = random.pick(cases)
  await session.request(method, params).then(
    () => work.ledger.fault(`${method} was not refused`),
    (error) => expectRefusal(work, method, error, code),
  )
}

export const requestTasks: readonly Task[] = [
  files,
  blocks,
  walk,
  httpWhole,
  httpStreamed,
  httpTimeout,
  burst,
  refusals,
]
