/** Resources, subscriptions, roots, logging and screens of `exec-server mcp`. */
import { appendFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import {
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import * as assert from 'uvu/assert'
import { atEnd } from '../../support/scope.ts'
import { eventually, serverCommand } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { dataOf, startAgent, textOf } from './mcp-client.ts'

const test = suite('mcp resources', { limitMs: 180_000 })

const refusalOf = (call: Promise<unknown>): Promise<string> => call.then(() => 'no refusal', String)

test('files and the output of runs are read by URI, text as text and the rest as a blob', async () => {
  const { client, call, workspace } = await startAgent()
  writeFileSync(join(workspace, 'text'), 'héllo\n')
  writeFileSync(join(workspace, 'bytes'), Buffer.of(0, 1, 255))
  const read = async (uri: string): Promise<Record<string, unknown>> => ({
    ...(await client.readResource({ uri })).contents[0],
  })
  const uriOf = (name: string): string => pathToFileURL(join(workspace, name)).href
  assert.equal(await read(uriOf('text')), { uri: uriOf('text'), mimeType: 'text/plain', text: 'héllo\n' })
  assert.equal(await read(uriOf('bytes')), {
    uri: uriOf('bytes'),
    mimeType: 'application/octet-stream',
    blob: 'AAH/',
  })
  const { run_id: id } = dataOf(await call('exec', { command: 'echo out; echo err >&2' }))
  const { resources } = await client.listResources()
  assert.equal(
    resources.map(({ uri, name }) => [uri, name]),
    [[`run:///${id}`, id]],
  )
  assert.match(String((await read(`run:///${id}`))['text']), /out\nerr\n/)
  assert.is((await client.listResourceTemplates()).resourceTemplates.length, 2)
  assert.match(await refusalOf(read('run:///run-99')), /-32002.*no such run/)
  assert.match(await refusalOf(read(uriOf('missing'))), /-32002/)
  assert.match(await refusalOf(read('http://x/')), /-32002.*file:\/\/\/PATH/)
})

test('a subscriber learns that a file or a run has changed, until it unsubscribes', async () => {
  const { client, call, workspace } = await startAgent('--sandbox', 'full')
  const updated: string[] = []
  let lists = 0
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void updated.push(params.uri))
  client.setNotificationHandler(ResourceListChangedNotificationSchema, () => void lists++)
  const file = pathToFileURL(join(workspace, 'file')).href
  await client.subscribeResource({ uri: file })
  const { run_id: id } = dataOf(
    await call('exec', { command: 'until [ -e go ]; do sleep 0.05; done; echo gone', yield_time_ms: 0 }),
  )
  await eventually(() => lists > 0)
  await client.subscribeResource({ uri: `run:///${id}` })
  writeFileSync(join(workspace, 'file'), 'x')
  await eventually(() => updated.includes(file))
  writeFileSync(join(workspace, 'go'), '')
  await eventually(() => updated.includes(`run:///${id}`))
  await client.unsubscribeResource({ uri: file })
  updated.length = 0
  appendFileSync(join(workspace, 'file'), 'y')
  const second = dataOf(await call('exec', { command: 'until [ -e on ]; do sleep 0.05; done', yield_time_ms: 0 }))
  await client.subscribeResource({ uri: `run:///${second['run_id']}` })
  writeFileSync(join(workspace, 'on'), '')
  await eventually(() => updated.includes(`run:///${second['run_id']}`))
  assert.not(updated.includes(file))
})

test('what happens to runs is logged to a client that asks for it', async () => {
  const { client, call } = await startAgent()
  const lines: string[] = []
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void lines.push(String(params.data)))
  await client.setLoggingLevel('info')
  await call('exec', { command: 'exit 7' })
  await eventually(() => lines.length >= 2)
  assert.equal(lines, ['run-1 started: exit 7', 'run-1 exited with 7: exit 7'])
})

test('the screen of a terminal is read as a person sees it', async () => {
  const { call } = await startAgent()
  const command = String.raw`printf 'one\r\ntwo\033[1;1HONE'; sleep 1000`
  const { run_id: id } = dataOf(await call('exec', { command, tty: true, yield_time_ms: 500 }))
  let screen = ''
  await eventually(async () => {
    screen = String(dataOf(await call('read_output', { run_id: id, screen: true }))['output'])
    return screen !== ''
  })
  assert.is(screen, 'ONE\ntwo')
  await call('kill', { run_id: id })
  const plain = dataOf(await call('exec', { command: 'true' }))
  assert.match(textOf(await call('read_output', { run_id: plain['run_id'], screen: true })), /has no terminal/)
})

test('only the roots of the client can be written, and none outside of the workspace', async () => {
  const { workspace } = await startAgent()
  for (const name of ['a', 'b']) mkdirSync(join(workspace, name))
  symlinkSync('/var/tmp', join(workspace, 'link'))
  const [file, args] = serverCommand(['mcp', '--local', '--workspace', workspace])
  const env = process.env as Record<string, string>
  const transport = new StdioClientTransport({ command: file, args, stderr: 'inherit', env })
  const client = new Client({ name: 'test', version: '1' }, { capabilities: { roots: { listChanged: true } } })
  let roots = [join(workspace, 'a'), join(workspace, 'link'), '/etc']
  client.setRequestHandler(ListRootsRequestSchema, () => ({
    roots: roots.map((path) => ({ uri: pathToFileURL(path).href })),
  }))
  const warnings: string[] = []
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
    if (params.level === 'warning') warnings.push(String(params.data))
  })
  await client.connect(transport)
  atEnd(() => client.close())
  await eventually(() => warnings.length > 0)
  assert.match(warnings[0] as string, /^2 roots are not in/)
  const touch = async (path: string): Promise<boolean> => {
    await client.callTool({ name: 'exec', arguments: { command: `touch ${path}` } })
    return existsSync(join(workspace, path))
  }
  assert.equal([await touch('a/x'), await touch('b/x'), await touch('link/exec-server-mcp-x')], [true, false, false])
  roots = [join(workspace, 'b')]
  await client.sendRootsListChanged()
  await eventually(async () => touch('b/y'))
  assert.not(await touch('a/y'))
  const written = (await client.callTool({
    name: 'write_file',
    arguments: { path: 'a/z', content: 'x' },
  })) as CallToolResult
  assert.is(written.isError, true)
})

test.run()
