/** The app-server with this server as an environment: added, looked at, chosen for a thread and for a turn. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { makeHome } from '../home.ts'
import type { Home } from '../home.ts'
import { inTurn } from '../in-turn.ts'
import { installedCodex } from '../install.ts'
import { placeMcp } from '../mcp/mcp-fixture.ts'
import type { McpFixture } from '../mcp/mcp-fixture.ts'
import { startModel } from '../model.ts'
import type { Script } from '../model.ts'
import { assertNobodyLeft } from '../processes.ts'
import type { Release } from '../release.ts'
import { built, executable, LISTEN_ON_A_PORT, startServer } from '../server.ts'
import { callMcp, exec, readMcp, say } from '../tools.ts'
import { startAppServer } from './app-server.ts'
import type { AppServer } from './app-server.ts'

const ENVIRONMENT = 'devbox'
const WHO = 'readlink /proc/$PPID/exe'

/** What the model does in the four turns of {@link drive}. */
function* work(codex: string, mcp: McpFixture): Script {
  equal((yield exec(`${WHO}; touch marker`)).text, `${executable}\n`)
  equal(readMcp(yield callMcp(mcp.tools.namespace, 'whereabouts', {})), mcp.tools.whereabouts)
  yield say('turn 1 is over')
  equal((yield exec(WHO)).text, `${codex}\n`)
  yield say('turn 2 is over')
  const { whole, exitCode } = yield exec(WHO)
  equal(exitCode, undefined, whole)
  yield say('turn 3 is over')
  equal((yield exec(`${WHO}; ls marker`)).text, `${executable}\nmarker\n`)
}

/** Throws unless all of it worked, and nothing is left. */
export async function playAppServer(release: Release): Promise<void> {
  const home = makeHome()
  const codex = installedCodex(release.version)
  const server = await startServer(built, home, { masked: [home.work] })
  const mcp = await placeMcp('stdio', {
    home,
    release,
    environment: ENVIRONMENT,
    server: [executable, ...LISTEN_ON_A_PORT].join(' '),
    serverStays: true,
  })
  const model = await startModel(work(codex, mcp))
  home.writeConfig({ model: release.model, modelUrl: model.baseUrl, sandbox: 'danger-full-access', mcp: mcp.table })
  await inTurn(
    async () => {
      const app = await startAppServer(codex, home, {})
      await inTurn(
        () => drive(app, home, server.url),
        async () => equal(await app.close(), 0),
      )
    },
    () => model.assertPlayed(),
    () => mcp.close(),
    () => model.close(),
    () => server.stop(),
    () => equal(server.stderr(), ''),
    () => assertNobodyLeft(home.folder),
    () => home.remove(),
  )
}

async function drive(app: AppServer, { work: cwd }: Home, url: string): Promise<void> {
  await app.request('environment/add', { environmentId: ENVIRONMENT, execServerUrl: url })
  const info = await app.request<{ shell: { name: string } }>('environment/info', { environmentId: ENVIRONMENT })
  equal(info.shell.name, 'bash')
  deepEqual(await app.request('environment/status', { environmentId: ENVIRONMENT }), { status: 'ready' })

  const devbox = [{ environmentId: ENVIRONMENT, cwd }]
  const { thread } = await app.request<{ thread: { id: string } }>('thread/start', { cwd, environments: devbox })
  const turn = async (more: object): Promise<void> => {
    const ended = app.next('turn/completed')
    await app.request('turn/start', { threadId: thread.id, input: [{ type: 'text', text: 'go on' }], ...more })
    equal(((await ended)['turn'] as { status: string }).status, 'completed')
  }
  await turn({})
  ok(!existsSync(join(cwd, 'marker')), 'the command has run on this machine')
  await turn({ environments: [{ environmentId: 'local', cwd }] })
  await turn({ environments: [] })
  await turn({ environments: devbox })
}
