/** The lines of an MCP server on a devbox, its variables, its end; and a connection that is lost meanwhile. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { DisconnectedError, ProtocolError, RpcError } from '../../../../src/client/base/errors.ts'
import { processTransport } from '../../../../src/client/mcp/index.ts'
import type { McpMessage, McpTransport, ProcessTransportOptions } from '../../../../src/client/mcp/index.ts'
import type { ExecClient } from '../../../../src/client/base/types.ts'
import { eventually, isAlive } from '../../../support/server.ts'
import { test } from '../../../support/suite.ts'
import { startProxy } from '../support/proxy.ts'
import { sharing } from '../support/shared-server.ts'
import { roundTrip } from '../support/when-idle.ts'
import { subjects } from '../support/subject.ts'
import type { Subject } from '../support/subject.ts'
import { failure, withClient } from '../support/with-client.ts'
import { everything, script, textOf, withMcp } from './mcp-servers.ts'

type Observed = {
  transport: McpTransport
  messages: McpMessage[]
  errors: Error[]
  stderr: string[]
  closed: Promise<void>
  closes(): number
}

/** A transport that is not started yet, and all that it tells. */
function observe(client: ExecClient, options: Partial<ProcessTransportOptions>): Observed {
  const messages: McpMessage[] = []
  const errors: Error[] = []
  const stderr: string[] = []
  const closed = Promise.withResolvers<void>()
  let closes = 0
  const transport = processTransport(client, {
    command: '/bin/sh',
    cwd: '/tmp',
    onStderr: (line) => stderr.push(line),
    ...options,
  })
  transport.onmessage = (message) => messages.push(message)
  transport.onerror = (error) => errors.push(error)
  transport.onclose = () => {
    closes++
    closed.resolve()
  }
  return { transport, messages, errors, stderr, closed: closed.promise, closes: () => closes }
}

const sh = (text: string): Partial<ProcessTransportOptions> => ({ args: ['-c', text] })
const said = (method: string): string => `{"jsonrpc":"2.0","method":"${method}"}`
const methods = (messages: readonly McpMessage[]): (string | undefined)[] => messages.map(({ method }) => method)

/** The pid that a server has told on stderr. */
const pidIn = (lines: readonly string[]): number => Number(/^pid (\d+)$/m.exec(lines.join('\n'))?.[1])

// Before the servers are started, which get them.
process.env['MCP_OF_DEVBOX'] = 'there'
process.env['OTHER_API_KEY'] = 'secret'

const shared = subjects.map((subject) => sharing(test, subject))
const [ours] = shared as [Subject]

/** Settles when nothing of a server that writes its pid to `file` runs. */
async function isGone(client: ExecClient, file: string): Promise<void> {
  // Whatever was to be started before has been.
  await client.run({ argv: ['true'] })
  const runs = async (): Promise<boolean> => {
    if (client.extensions.size === 0) return existsSync(file) && isAlive(Number(readFileSync(file, 'utf8')))
    const processes = await client.listProcesses()
    return processes.some(({ argv, state }) => state === 'running' && argv.join().includes(file))
  }
  await eventually(async () => !(await runs()), 30_000, 'the end of the server')
}

for (const subject of shared) {
  test(`${subject.name}: stdout is split into messages, other lines are skipped, and an unterminated last line is read`, () =>
    withClient(subject, async ({ client }) => {
      const lines = `
        printf '${said('one')}\\r\\n\\nno message\\n[1]\\n{"jsonrpc":"2.0",'; sleep 0.1; printf '"method":"two"}\\n'
        echo 'to stderr' >&2; printf '${said('rest')}'`
      const { transport, messages, errors, stderr, closed, closes } = observe(client, sh(lines))
      await transport.start()
      await closed
      assert.equal(methods(messages), ['one', 'two', 'rest'])
      assert.equal(
        errors.map(({ message }) => message),
        [
          'the MCP server wrote a line that is no message: no message',
          'the MCP server wrote a line that is no message: [1]',
        ],
      )
      assert.equal(stderr, ['to stderr'])
      await transport.close()
      assert.is(closes(), 1)
      assert.match((await failure(transport.send({ jsonrpc: '2.0', method: 'x' }))).message, /not open/)
      assert.match((await failure(transport.start())).message, /already/)
    }))

  test(`${subject.name}: a server that has exited is not over as long as somebody holds its output`, () =>
    withClient(subject, async ({ client }) => {
      const { transport, messages, closed } = observe(
        client,
        sh(`(sleep 0.5; echo '${said('late')}') & echo '${said('early')}'`),
      )
      await transport.start()
      await closed
      assert.equal(methods(messages), ['early', 'late'])
    }))

  test(`${subject.name}: a failed server is reported with its exit code and last line of stderr, a missing one by the start`, () =>
    withClient(subject, async ({ client }) => {
      const { transport, errors, closed } = observe(client, sh('echo "no licence" >&2; exit 3'))
      await transport.start()
      await closed
      assert.equal(
        errors.map(({ message }) => message),
        ['the MCP server /bin/sh ended with exit code 3: no licence'],
      )
      const missing = observe(client, { command: '/no/such/server' })
      assert.ok((await failure(missing.transport.start())) instanceof RpcError)
      await missing.closed
      assert.ok(
        (await failure(observe(client, { ...sh('true'), cwd: 'not/absolute' }).transport.start())) instanceof TypeError,
      )
    }))

  test(`${subject.name}: a message is written as one line of JSON, whatever its length`, () =>
    withClient(subject, async ({ client }) => {
      const body = `handle = ({ id, params }) => say({ id, result: { length: params.text.length, last: params.text.at(-1) } })`
      const { transport, messages } = observe(client, script(body))
      await transport.start()
      const texts = ['a\nb\r\n', 'x'.repeat(300_000) + 'é', '\u2028']
      await Promise.all(texts.map((text, id) => transport.send({ jsonrpc: '2.0', id, method: 'm', params: { text } })))
      await eventually(() => messages.length === 3, 30_000)
      const expected = texts.map((text, id) => ({ id, result: { length: text.length, last: text.at(-1) } }))
      assert.equal(
        messages.map(({ id, result }) => ({ id, result })),
        expected,
      )
      await transport.close()
    }))

  test(`${subject.name}: the server has few of the devbox's variables, what it is given, and those that are named`, () =>
    withClient(subject, async ({ client }) => {
      const names = ['HARNESS', 'MCP_LITERAL', 'MCP_OF_DEVBOX', 'HOME', 'OTHER_API_KEY']
      const body = `say({ method: 'env', params: ${JSON.stringify(names)}.map((name) => process.env[name] ?? null) })`
      const variables = async (options: Partial<ProcessTransportOptions>): Promise<unknown> => {
        const { transport, messages } = observe(client, { ...script(body), ...options })
        await transport.start()
        await eventually(() => messages.length === 1, 30_000)
        await transport.close()
        return messages[0]?.params
      }
      const home = process.env['HOME'] ?? null
      process.env['HARNESS'] = 'from here'
      const given = { env: { MCP_LITERAL: 'literal' }, envVars: ['HARNESS', 'NOT_SET_HERE'] }
      assert.equal(await variables(given), ['from here', 'literal', null, home, null])
      assert.equal(await variables({ ...given, remoteEnvVars: ['MCP_OF_DEVBOX'] }), [
        'from here',
        'literal',
        'there',
        home,
        null,
      ])
      delete process.env['HARNESS']
      for (const name of ['*', 'A?', '', 'A=B']) {
        assert.ok(
          (await failure(observe(client, { ...sh('true'), remoteEnvVars: [name] }).transport.start())) instanceof
            TypeError,
          name,
        )
      }
    }))

  test(`${subject.name}: close ends a server that minds neither its end of file nor a signal, and all that it has started`, () =>
    withClient(subject, async ({ client }) => {
      const limits = { mcpEofMs: 200, mcpTermMs: 200 }
      const stubborn = `trap '' TERM HUP INT; sleep 600 & echo "pid $!" >&2; echo '${said('up')}'; while :; do sleep 1; done`
      const { transport, messages, stderr, errors, closes } = observe(client, { ...sh(stubborn), limits })
      await transport.start()
      await eventually(() => messages.length === 1 && stderr.length === 1, 30_000)
      const grandchild = pidIn(stderr)
      assert.ok(isAlive(grandchild))
      await Promise.all([transport.close(), transport.close()])
      assert.is(closes(), 1)
      assert.equal(errors, [])
      await eventually(() => !isAlive(grandchild), 30_000)
    }))

  test(`${subject.name}: a server that is closed while it is being started is not left behind`, () =>
    withClient(subject, async ({ client, folder }) => {
      const { transport, closes } = observe(client, sh(`echo $$ > ${folder}/pid; exec sleep 600`))
      const starting = failure(transport.start())
      await transport.close()
      assert.match((await starting).message, /closed/)
      assert.is(closes(), 1)
      await isGone(client, join(folder, 'pid'))
    }))

  test(`${subject.name}: an abort ends a server at once, and one that is about to start`, () =>
    withClient(subject, async ({ client, folder }) => {
      const abort = new AbortController()
      const stubborn = sh(`trap '' TERM; echo "pid $$" >&2; sleep 600; sleep 600`)
      // It is given so long to end by itself that none of it must have been waited for.
      const limits = { mcpEofMs: 600_000, mcpTermMs: 600_000 }
      const { transport, stderr, closed, closes } = observe(client, { ...stubborn, limits, signal: abort.signal })
      await transport.start()
      await eventually(() => stderr.length === 1, 30_000)
      abort.abort()
      await closed
      await eventually(() => !isAlive(pidIn(stderr)), 30_000)
      assert.is(closes(), 1)

      const early = new AbortController()
      const other = observe(client, { ...sh(`echo $$ > ${folder}/pid; exec sleep 600`), signal: early.signal })
      const starting = failure(other.transport.start())
      early.abort(new Error('changed my mind'))
      assert.is((await starting).message, 'changed my mind')
      await other.transport.close()
      await isGone(client, join(folder, 'pid'))
    }))

  if (!subject.faults.has('noWriteIds')) {
    test(`${subject.name}: a call that is under way while the connection is cut, again and again, is answered`, async () => {
      const proxy = Promise.withResolvers<Awaited<ReturnType<typeof startProxy>>>()
      const via = async (url: string): Promise<Awaited<ReturnType<typeof startProxy>>> => {
        const started = await startProxy(url)
        proxy.resolve(started)
        return started
      }
      await withClient(
        subject,
        async ({ client }) => {
          const way = await proxy.promise
          await withMcp(processTransport(client, { ...everything, cwd: '/tmp' }), async ({ mcp, errors }) => {
            await mcp.listTools()
            const progress: number[] = []
            const onprogress = ({ progress: done }: { progress: number }): void => void progress.push(done)
            const running = { name: 'trigger-long-running-operation', arguments: { duration: 1.5, steps: 15 } }
            const call = mcp.callTool(running, undefined, { onprogress })
            const echoes: Promise<unknown>[] = []
            for (let round = 0; round < 6; round++) {
              echoes.push(mcp.callTool({ name: 'echo', arguments: { message: `${round}`.repeat(100_000) } }))
              const before = way.asked
              await eventually(() => way.asked > before + round * 10_000, 30_000, 'some of the call')
              way.cut(round % 3)
              await eventually(() => client.state === 'connected', 30_000, 'the next connection')
            }
            assert.match(textOf(await call), /completed/)
            assert.equal(
              progress,
              Array.from({ length: 15 }, (_, step) => step + 1),
            )
            assert.equal(
              (await Promise.all(echoes)).map((result) => textOf(result).length),
              Array(6).fill(100_006),
            )
            assert.equal(errors.map(String), [])
          })
          assert.ok(way.connections >= 6)
        },
        { via },
      )
    })
  }
}

test('a server is given the time to end by its end of file, and then by a signal', () =>
  withClient(ours, async ({ client, folder }) => {
    const file = join(folder, 'end')
    const ends = async (body: string): Promise<string> => {
      const { transport, messages, errors } = observe(client, {
        ...script(body),
        args: [...(script(body).args as string[]), file],
      })
      await transport.start()
      await eventually(() => messages.length === 1, 30_000)
      await transport.close()
      assert.equal(errors, [])
      return readFileSync(file, 'utf8')
    }
    const write = (text: string): string =>
      `() => setTimeout(() => { require('fs').writeFileSync(process.argv[1], '${text}'); process.exit(1) }, 100)`
    assert.is(
      await ends(`process.stdin.on('end', ${write('by its end of file')}); say({ method: 'up' })`),
      'by its end of file',
    )
    const stays = `setInterval(() => {}, 1000); process.on('SIGTERM', ${write('by a signal')}); say({ method: 'up' })`
    assert.is(await ends(stays), 'by a signal')
  }))

test('a line beyond the bound ends the transport with an error, and the server', () =>
  withClient(ours, async ({ client }) => {
    const { transport, messages, stderr, errors, closed, closes } = observe(client, {
      ...sh(`echo "pid $$" >&2; echo '${said('one')}'; head -c 40000 /dev/zero; sleep 600`),
      limits: { mcpLineBytes: 30_000 },
    })
    await transport.start()
    await closed
    assert.equal(methods(messages), ['one'])
    assert.is(errors.length, 1)
    assert.ok(errors[0] instanceof ProtocolError)
    await transport.close()
    assert.is(closes(), 1)
    await eventually(() => !isAlive(pidIn(stderr)), 30_000)
  }))

test('a server that has closed its stdin cannot be sent anything, and goes on talking', () =>
  withClient(ours, async ({ client, folder }) => {
    const { transport, messages, closed } = observe(
      client,
      sh(`exec <&-; echo '${said('deaf')}'; until [ -e ${folder}/bye ]; do sleep 0.02; done; echo '${said('bye')}'`),
    )
    await transport.start()
    await eventually(() => messages.length === 1, 30_000)
    const refusals: string[] = []
    // A pipe without a reader is noticed by the write after the first.
    for (let attempt = 0; attempt < 5; attempt++) {
      await transport.send({ jsonrpc: '2.0', method: 'x' }).catch((error: Error) => refusals.push(error.message))
      await roundTrip(client)
    }
    assert.is(refusals.at(-1), 'the MCP server takes no more input (stdinClosed)')
    writeFileSync(join(folder, 'bye'), '')
    await closed
    assert.equal(methods(messages), ['deaf', 'bye'])
  }))

test('a connection that is lost for good ends the transport with the reason', () =>
  withClient(ours, async ({ client }) => {
    const { transport, errors, closed, closes } = observe(client, sh('sleep 600'))
    await transport.start()
    await client.close()
    await closed
    assert.ok(errors[0] instanceof DisconnectedError)
    await transport.close()
    assert.is(closes(), 1)
  }))

test('an environment is connected by the start, and a close gives that up', async () => {
  const isConnecting = Promise.withResolvers<void>()
  const never = ({ signal }: { signal: AbortSignal }): Promise<ExecClient> => {
    isConnecting.resolve()
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  }
  const { transport, closes } = observe({ client: never } as never, sh('true'))
  const starting = failure(transport.start())
  await isConnecting.promise
  await transport.close()
  assert.match((await starting).message, /closed/)
  assert.is(closes(), 1)
  await withClient(ours, async ({ client }) => {
    const environment = observe({ client: async () => client } as never, sh(`echo '${said('here')}'`))
    await environment.transport.start()
    await environment.closed
    assert.equal(methods(environment.messages), ['here'])
  })
})

test.run()
