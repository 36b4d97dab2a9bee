/** The terminal interface of Codex, as `exec-server codex` starts it: typed into, and looked at. */
import { equal, ok } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { eventually } from '../../support/server.ts'
import type { Home } from '../home.ts'
import { makeHome } from '../home.ts'
import { inTurn } from '../in-turn.ts'
import { installedCodex } from '../install.ts'
import { startModel } from '../model.ts'
import type { Script } from '../model.ts'
import { assertNobodyLeft } from '../processes.ts'
import type { Release } from '../release.ts'
import { built, executable, startServer } from '../server.ts'
import { exec, say } from '../tools.ts'
import { openTerminal } from './terminal.ts'

const runFile = promisify(execFile)

/** One that no release knows, so that none advertises its successor before the first prompt. */
const MODEL = 'stand-in'

/** What the model does in four prompts, of which two are interrupted: then it is not asked again. */
function* work(): Script {
  const first = yield exec('readlink /proc/$PPID/exe; touch marker; echo "heron and stork"; exit 7')
  equal(first.text, `${executable}\nheron and stork\n`)
  equal(first.exitCode, 7)
  yield say('The first is done.')
  yield exec('echo $$ > first.pid; exec sleep 1000')
  equal((yield exec('ls; echo "still there"')).text, 'first.pid\nmarker\nstill there\n')
  yield say('Both are done.')
  return exec('echo $$ > second.pid; exec sleep 1000')
}

/** Throws unless all of it worked, and nothing is left. */
export async function playTui(release: Release): Promise<void> {
  const home = makeHome()
  const server = await startServer(built, home, { masked: [home.work] })
  const model = await startModel(work())
  await inTurn(
    () => typeInto(release, home, server.url, model.baseUrl),
    () => model.assertPlayed(),
    () => model.close(),
    () => server.stop(),
    () => equal(server.stderr(), ''),
    () => assertNobodyLeft(home.folder),
    () => home.remove(),
  )
}

async function typeInto(release: Release, home: Home, url: string, modelUrl: string): Promise<void> {
  const onDevbox = async (command: string): Promise<string> =>
    (await runFile(executable, ['run', '--url', url, '-w', home.work, '--', 'sh', '-c', command])).stdout
  home.writeConfig({ model: MODEL, modelUrl, sandbox: 'danger-full-access', mcp: '', isTrusted: true })
  /** Of a command that waits, in the namespace of this machine, which the server shares. */
  const pidIn = async (name: string): Promise<string> => {
    const pid = (await onDevbox(`until [ -s ${name} ]; do sleep 0.1; done; cat ${name}`)).trim()
    ok(existsSync(`/proc/${pid}`))
    return pid
  }
  const assertEnds = (pid: string, when: string): Promise<void> =>
    eventually(() => !existsSync(`/proc/${pid}`), 10_000, `the end of the command ${when}`)
  const codex = ['codex', '--codex', installedCodex(release.version), '--url', url]
  const terminal = await openTerminal([executable, ...codex], {
    folder: home.folder,
    cwd: home.work,
    env: home.clientEnv,
  })
  try {
    await terminal.shows(/^› /m)
    await terminal.enter('look for birds')
    await terminal.shows(/heron and stork/)
    await terminal.shows(/The first is done/)
    equal(await onDevbox('ls'), 'marker\n')
    ok(!existsSync(join(home.work, 'marker')), 'the command has run on this machine')

    await terminal.enter('wait for long')
    const first = await pidIn('first.pid')
    await terminal.press('C-c')
    await terminal.shows(/interrupted/)
    // Codex keeps what runs as a background terminal.
    await terminal.enter('/stop')
    await assertEnds(first, 'after /stop')

    await terminal.enter('is it there')
    await terminal.shows(/still there/)
    await terminal.shows(/Both are done/)

    await terminal.enter('wait for long, again')
    const second = await pidIn('second.pid')
    await terminal.press('C-c')
    await terminal.shows(/interrupted[^]*interrupted/)
    await terminal.press('C-c')
    equal(await terminal.exit(), 0)
    await assertEnds(second, 'after Codex')
  } finally {
    await terminal.close()
  }
}
