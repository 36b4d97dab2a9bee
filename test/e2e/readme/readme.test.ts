/** The READMEs: every shell line is run, in an empty HOME, and has to succeed. See stand-ins.ts. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { type as systemName } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { parseServe } from '../../../src/cli/serve/arguments.ts'
import { endChild, endWithTest } from '../../support/child.ts'
import { firstLine } from '../../support/first-line.ts'
import { root } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { writeStandIns } from './stand-ins.ts'

/** Each starts some ten programs one after the other. */
const test = suite('readme', { limitMs: 110_000 })

/** The port of the READMEs, for which each test takes a free one. */
const README_PORT = '4600'
const TOKEN = 'a-token-of-32-characters-for-test'

/** What the lines print that are to print something. All lines have to exit with 0. */
const OUTPUTS: Readonly<Record<string, RegExp>> = {
  'exec-server run --url ws://127.0.0.1:4600 -- uname -a': new RegExp(`^${systemName()} `),
  'CODEX_EXEC_SERVER_URL=ws://127.0.0.1:4600 codex': /^connected$/m,
  'exec-server codex --url ws://127.0.0.1:4600': /^connected$/m,
  'CODEX_EXEC_SERVER_URL=ws://devbox.example:4600/c/TOKEN codex': /^connected$/m,
  'exec-server run --env devbox -t -- vim notes.txt': /^edited\r$/m,
}

const readmeText = (path: string): string => readFileSync(join(root, path), 'utf8')

const blocks = (path: string, language: string): string[] =>
  [...readmeText(path).matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(([, text = '']) => text)

/** The commands of the shell blocks, each with its continuation lines, without comments. */
const commandsOf = (path: string): string[] =>
  blocks(path, 'sh').flatMap((text) =>
    text
      .replaceAll(/\\\n\s*/g, '')
      .replaceAll(/\s+# .*$/gm, '')
      .trim()
      .split('\n'),
  )

/** A port outside the range that systems give to those that ask for any, so that no other test takes it. */
async function freePort(): Promise<string> {
  for (let port = 20_000 + (process.pid % 10_000); ; port++) {
    const server = createServer().listen(port)
    try {
      await once(server, 'listening')
      server.close()
      await once(server, 'close')
      return String(port)
    } catch {}
  }
}

type Shell = { folder: string; run(line: string): Promise<void> }

/** A shell in an empty folder with an empty HOME. Lines that serve go on; a later one takes the place of the former. */
async function shell(): Promise<Shell> {
  const folder = temporaryFolder()
  const [home, bin, devbox, work] = ['home', 'bin', 'devbox', 'work'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ]
  for (const each of [home, bin, devbox, work]) mkdirSync(each)
  const port = await freePort()
  const EXECUTABLE = writeStandIns(bin, folder)
  const token = join(folder, 'token')
  writeFileSync(token, TOKEN)
  const env = { HOME: home, PATH: `${bin}:/usr/bin:/bin`, BIN: bin, DEVBOX: devbox, PORT: port, EXECUTABLE }
  let server: ChildProcess | undefined

  async function run(line: string): Promise<void> {
    const here = line
      .replaceAll(README_PORT, port)
      .replaceAll('/etc/exec-server.token', token)
      .replaceAll('TOKEN', TOKEN)
      .replace(/ &$/, '')
    const serves = here.startsWith('exec-server --listen')
    if (serves && server !== undefined) await endChild(server)
    const script = serves ? `exec ${here}` : here
    const child = endWithTest(
      spawn('/bin/sh', ['-c', script], { cwd: work, env, stdio: ['ignore', 'pipe', 'inherit'] }),
    )
    if (serves) {
      server = child
      assert.match(await firstLine(child), new RegExp(`^ws://[0-9.]+:${port}`), line)
      return
    }
    let output = ''
    child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()))
    const [code] = (await once(child, 'close')) as [number | null]
    assert.is(code, 0, `${line} exits with 0; it printed ${output}`)
    assert.match(output, OUTPUTS[line] ?? /(?:)/, line)
  }
  return { folder: work, run }
}

test('every line of README.md works, one after the other', async () => {
  const lines = commandsOf('README.md')
  assert.ok(lines.length >= 10, `${lines.length}`)
  const { run } = await shell()
  for (const line of lines) await run(line)
})

test.full(
  'every line of the READMEs of the commands and of the server works, with the environment of README.md',
  async () => {
    const [install, serve] = [
      commandsOf('README.md').slice(0, 3),
      commandsOf('README.md').find((line) => /--listen/.test(line)),
    ]
    const { folder, run } = await shell()
    for (const line of [...install, serve as string]) await run(line)
    mkdirSync(join(folder, '..', 'home', '.codex'))
    const [environments = ''] = blocks('README.md', 'toml')
    writeFileSync(join(folder, '..', 'home', '.codex', 'environments.toml'), environments)
    writeFileSync(join(folder, 'input.bin'), 'some input\n')
    for (const line of [...commandsOf('src/cli/README.md'), ...commandsOf('src/server/README.md')]) await run(line)
    assert.is(readFileSync(join(folder, 'output.bin'), 'utf8'), 'some input\n')
  },
)

test('no README has shell lines outside of the blocks that are run', () => {
  for (const path of ['README.md', 'src/cli/README.md', 'src/server/README.md'])
    assert.not.match(readmeText(path), /\n\n {4}\S/, path)
})

test('the options of the services are such as the server takes', () => {
  for (const name of ['exec-server.service', 'exec-server@.service'])
    checkUnit(readmeText(`scripts/release/systemd/${name}`))
})

function checkUnit(unit: string): void {
  const [, args = ''] = /^ExecStart=\/usr\/local\/bin\/exec-server (.+)$/m.exec(unit) ?? []
  assert.is(parseServe(args.split(' ')).kind, 'serve')
}

test.run()
