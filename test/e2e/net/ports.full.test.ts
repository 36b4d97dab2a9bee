/** `exec-server ports`, against the real server. */
import process from 'node:process'
import * as assert from 'uvu/assert'
import { connect } from '../../../src/client/index.ts'
import type { ListeningPort } from '../../../src/client/index.ts'
import { eventually } from '../../support/server.ts'
import { test } from '../../support/suite.ts'
import { withServer } from '../../support/with-server.ts'
import { call } from '../cli/call.ts'

/** Listens, and prints its port. */
const LISTENER = `const s = require('net').createServer().listen(0, '127.0.0.1', () => console.log(s.address().port))`

test('a port that a command listens on is shown with its process, its run and its age', async () => {
  await withServer([], async ({ url }) => {
    await using client = await connect(url)
    const argv = ['sh', '-c', `${process.execPath} -e "${LISTENER}"; exit`]
    const started = await client.start({ argv })
    let port = 0
    for await (const event of started) {
      if (event.type !== 'output') continue
      port = Number(new TextDecoder().decode(event.bytes))
      break
    }
    const { stdout } = await call(['ports', '--url', url, '--json'])
    const found = (JSON.parse(stdout) as ListeningPort[]).find((each) => each.port === port)
    assert.is(found?.address, '127.0.0.1')
    assert.equal(found?.argv?.slice(1), ['-e', LISTENER])
    const [run] = await client.listProcesses()
    assert.is(found?.run, run?.run)
    const table = await call(['ports', '--url', url])
    assert.is(table.code, 0)
    assert.match(table.stdout.split('\n')[0] ?? '', /^PORT +ADDRESS +USER +PID +RUN +AGE +COMMAND$/)
    assert.match(
      table.stdout,
      new RegExp(`^${port} +127\\.0\\.0\\.1 +\\S+ +${found?.pid} +${run?.run} +\\d+s +.*node`, 'm'),
    )
    await started.terminate()
    await eventually(async () => !(await client.listPorts()).some((each) => each.port === port))
  })
})

test('with --require-sandbox nothing is shown', async () => {
  await withServer(['--require-sandbox'], async ({ url }) => {
    const { code, stderr } = await call(['ports', '--url', url])
    assert.is(code, 1)
    assert.match(stderr, /^exec-server: this server does not tell which ports are listened on\n/)
    await using client = await connect(url)
    await client.listPorts().then(
      () => assert.unreachable(),
      (error) => assert.match(error.message, /--require-sandbox/),
    )
  })
})

test.run()
