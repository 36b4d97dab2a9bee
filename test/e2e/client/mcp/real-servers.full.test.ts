/** MCP servers from npm on a devbox, spoken to by the SDK's own client. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { processTransport } from '../../../../src/client/mcp/index.ts'
import { test } from '../../../support/suite.ts'
import { failure } from '../support/with-client.ts'
import { everything, filesystem, textOf, ways, withFolder, withMcp } from './mcp-servers.ts'

for (const { name, isMain, open } of ways) {
  const define = isMain ? test : test.full
  define(
    `${name}: server-everything lists its tools and is called: results, errors, progress, sampling, roots, resources`,
    () =>
      open(async (client) => {
        const stderr: string[] = []
        const transport = processTransport(client, {
          ...everything,
          cwd: '/tmp',
          onStderr: (line) => stderr.push(line),
        })
        await withMcp(transport, async ({ mcp, errors }) => {
          const { tools } = await mcp.listTools()
          const names = tools.map((tool) => tool.name)
          for (const tool of ['echo', 'get-sum', 'trigger-sampling-request'])
            assert.ok(names.includes(tool), `${tool} in ${names.join()}`)
          const echo = (message: string): Promise<unknown> => mcp.callTool({ name: 'echo', arguments: { message } })
          assert.is(textOf(await echo('grüße \u2028 😀')), 'Echo: grüße \u2028 😀')
          const long = 'ä€😀b'.repeat(30_000)
          assert.is(textOf(await echo(long)), `Echo: ${long}`)
          const many = await Promise.all(Array.from({ length: 50 }, (_, index) => echo(`${index}`)))
          assert.equal(
            many.map(textOf),
            Array.from({ length: 50 }, (_, index) => `Echo: ${index}`),
          )

          const progress: number[] = []
          const onprogress = ({ progress: done }: { progress: number }): void => void progress.push(done)
          const running = { name: 'trigger-long-running-operation', arguments: { duration: 0.3, steps: 3 } }
          assert.match(textOf(await mcp.callTool(running, undefined, { onprogress })), /completed/)
          assert.equal(progress, [1, 2, 3])

          const wrong = await mcp.callTool({ name: 'get-sum', arguments: { a: 'no number' } })
          assert.is(wrong.isError, true)
          assert.match(
            (await failure(mcp.readResource({ uri: 'demo://nothing/of/the/kind' }))).message,
            /not found|Unknown/i,
          )

          const sampling = { name: 'trigger-sampling-request', arguments: { prompt: 'x', maxTokens: 5 } }
          assert.match(textOf(await mcp.callTool(sampling)), /sampled here/)
          assert.match(textOf(await mcp.callTool({ name: 'get-roots-list', arguments: {} })), /file:\/\/\/a-root/)
          const { resources } = await mcp.listResources()
          const { contents } = await mcp.readResource({ uri: resources[0]?.uri as string })
          assert.ok((contents[0] as { text: string }).text.length > 100)
          assert.equal(errors.map(String), [])
        })
        assert.match(stderr.join('\n'), /Starting default \(STDIO\) server/)
      }),
  )

  define(`${name}: server-filesystem reads a file of 300 kB`, () =>
    withFolder((folder) =>
      open(async (client) => {
        const text = Array.from({ length: 30_000 }, (_, line) => `${line}\t€😀"\\`.padEnd(10)).join('\n')
        writeFileSync(join(folder, 'large'), text)
        await withMcp(processTransport(client, { ...filesystem(folder), cwd: folder }), async ({ mcp, errors }) => {
          assert.is(
            textOf(await mcp.callTool({ name: 'read_text_file', arguments: { path: join(folder, 'large') } })),
            text,
          )
          const outside = await mcp.callTool({ name: 'read_text_file', arguments: { path: '/etc/passwd' } })
          assert.is(outside.isError, true)
          assert.equal(errors.map(String), [])
        })
      }),
    ),
  )
}

test.run()
