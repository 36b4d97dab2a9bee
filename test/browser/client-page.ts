/** The client library at work in a page. What came of each part is told to client.ts, which opened the page. */
import { connect, ConnectError, DisconnectedError, UnsupportedError } from '../../src/client/browser.ts'
import type { ExecClient } from '../../src/client/browser.ts'

/** Where servers are, and what the page may ask for of whoever opened it: POST /do/WHAT. */
export type Places = { allowed: string; proxied: string; refusing: string; web: string; folder: string }

declare const places: Places

const findings: { what: string; isSo: boolean; seen: string }[] = []
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const doThere = (what: string): Promise<unknown> => fetch(`/do/${what}`, { method: 'POST' })
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function check(what: string, probe: () => Promise<unknown>, expected: unknown): Promise<void> {
  let seen: string
  try {
    seen = JSON.stringify(await probe())
  } catch (error) {
    seen = `${(error as Error).name}: ${(error as Error).message}`
  }
  findings.push({ what, isSo: seen === JSON.stringify(expected), seen })
}

async function untilState(client: ExecClient, state: string): Promise<void> {
  for (let round = 0; round < 500 && client.state !== state; round++) await sleep(10)
  if (client.state !== state) throw new Error(`it is ${client.state}`)
}

async function tryAll(): Promise<void> {
  const client = await connect(places.allowed)

  await check('a page runs a command', async () => {
    const { stdout, stderr, exitCode } = await client.run({ argv: ['sh', '-c', 'echo out; echo err >&2; exit 4'] })
    return [text(stdout), text(stderr), exitCode]
  }, ['out\n', 'err\n', 4])

  await check('a page gets events in order', async () => {
    const process = await client.start({ argv: ['sh', '-c', 'echo a; sleep 0.05; echo b'] })
    const types: string[] = []
    for await (const event of process) types.push(event.type)
    return types
  }, ['output', 'output', 'exited', 'closed'])

  await check(
    'twenty megabytes go through a process and back',
    async () => {
      const process = await client.start({ argv: ['cat'], stdin: 'pipe' })
      const piece = new Uint8Array(1_000_000).fill(65)
      let left = 20
      const source = new ReadableStream<Uint8Array>({
        pull: (controller) => (left-- > 0 ? controller.enqueue(piece) : controller.close()),
      })
      const feeding = source.pipeTo(process.stdin)
      let bytes = 0
      const reader = process.stdout.getReader()
      for (let next = await reader.read(); !next.done; next = await reader.read()) bytes += next.value.length
      await feeding
      return bytes
    },
    20_000_000,
  )

  await check(
    'a page uses a terminal',
    async () => {
      const process = await client.start({ argv: ['stty', 'size'], tty: { rows: 11, columns: 22 } })
      return text((await process.output()).stdout)
    },
    '11 22\r\n',
  )

  await check('a page writes and reads files', async () => {
    const path = `${places.folder}/ünï code`
    await client.fs.writeFile(path, 'from the page')
    const entries = await client.fs.readDirectory(places.folder)
    return [
      await client.fs.readTextFile(path),
      entries.map(({ fileName }) => fileName),
      await client.fs.canonicalize(path),
    ]
  }, ['from the page', ['ünï code'], `${places.folder}/ünï code`])

  await check('a page streams files', async () => {
    const path = `${places.folder}/stream`
    const writer = client.fs.writeStream(path).getWriter()
    for (let piece = 0; piece < 5; piece++) await writer.write(new Uint8Array(700_000).fill(piece))
    await writer.close()
    const whole = new Uint8Array(await new Response(client.fs.readStream(path)).arrayBuffer())
    return [whole.length, whole[0], whole.at(-1)]
  }, [3_500_000, 0, 4])

  await check('a page makes requests from the devbox', async () => {
    const response = await client.fetch(`${places.web}/hello`, { method: 'POST', body: 'body' })
    return [response.status, await response.text()]
  }, [200, 'POST /hello body'])

  await check(
    'a page has no unix sockets',
    () =>
      connect('unix:/tmp/x').then(
        () => 'open',
        (error: unknown) => error instanceof ConnectError,
      ),
    true,
  )

  await check(
    'a server that does not let the page in cannot be connected to',
    () =>
      connect(places.refusing).then(
        () => 'open',
        (error: unknown) => error instanceof ConnectError,
      ),
    true,
  )

  const proxied = await connect(places.proxied, { limits: { pingIntervalMs: 300, pingTimeoutMs: 300 } })

  await check('a process keeps its handle through a lost connection', async () => {
    const process = await proxied.start({ argv: ['sh', '-c', 'for i in 1 2 3 4 5 6; do echo $i; sleep 0.1; done'] })
    const output = process.output()
    await sleep(150)
    await doThere('cut')
    return [text((await output).stdout), proxied.state]
  }, ['1\n2\n3\n4\n5\n6\n', 'connected'])

  await check(
    'a peer that has vanished is noticed without pings, and come back to',
    async () => {
      const process = await proxied.start({ argv: ['sh', '-c', 'sleep 2; echo still here'] })
      await doThere('swallow')
      await untilState(proxied, 'recovering')
      return text((await process.output()).stdout)
    },
    'still here\n',
  )

  await check(
    'calls that change something fail when their connection is lost',
    async () => {
      await doThere('swallowAnswers')
      const removing = proxied.fs.remove('/no/such').then(
        () => 'done',
        (error: unknown) => error instanceof DisconnectedError,
      )
      await sleep(100)
      await doThere('cut')
      return removing
    },
    true,
  )

  await check('a closed client says so', async () => {
    await proxied.close()
    return [
      proxied.state,
      await proxied.run({ argv: ['true'] }).then(
        () => 'ran',
        (error: Error) => error.message,
      ),
    ]
  }, ['closed', 'the client was closed'])

  await check(
    'what cannot be is a clear error',
    () =>
      client.start({ argv: ['x'], cwd: 'relative' }).then(
        () => 'started',
        (error: unknown) => error instanceof TypeError && !(error instanceof UnsupportedError),
      ),
    true,
  )

  await client.close()
}

tryAll()
  .catch((error: Error) => findings.push({ what: 'the page', isSo: false, seen: String(error.stack) }))
  .finally(() => fetch('/report', { method: 'POST', body: JSON.stringify(findings) }))
