/** What is tried with every release. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../support/server.ts'
import type { SandboxMode } from './home.ts'
import { featureCases } from './feature-cases.ts'
import { mapCases } from './map-cases.ts'
import { mcpCases } from './mcp/mcp-cases.ts'
import type { McpKind, McpTools } from './mcp/mcp-fixture.ts'
import type { Script } from './model.ts'
import { numbers } from './numbers.ts'
import { applyPatch, exec, writeStdin } from './tools.ts'

export type Scene = {
  /** The folder that Codex runs in, and its commands, unless it is mapped. */
  work: string
  /** Where the server has it. */
  devbox: string
  /** The path of the server's executable. */
  server: string
  /** The path of the server's URL. */
  urlPath: string
  /** Of the MCP server, if there is one. */
  mcp?: McpTools
  /** Cuts Codex off from the server for a while. */
  cut(): void
  /** What the model was told last, as JSON. */
  told(): string
}

export type Case = {
  name: string
  /** Cuts the connection, and so is for releases that resume their session. */
  cuts?: true
  /** The server lets in only who has its capability URL. No reference can be asked for that. */
  capability?: true
  /**
   * Codex is started by `exec-server codex`, and all else leads elsewhere. The server's own folder to work in is another
   * than the one here.
   */
  launched?: true
  /** The server has the folder under another path, and none at that of Codex. */
  mapped?: true
  /** It is about what the reference does not do. */
  ours?: true
  /** Absent: full access. */
  sandbox?: SandboxMode
  /** It has an MCP server on the executor's side. */
  mcp?: McpKind
  /** Features of Codex that are off by default and on here. */
  features?: readonly string[]
  /** The first release that it is of: the second number of its version. */
  since?: number
  /** What is in the folder before Codex starts. */
  prepare?(work: string): void
  script(scene: Scene): Script
}

/** Of Codex's patience with a command: it hears of the end, and does not merely stop waiting. */
const AT_ONCE_MS = 5000

export const cases: readonly Case[] = [
  {
    name: 'a command runs on the server, and gives its output and exit code',
    *script({ work, server }) {
      const command = 'readlink /proc/$PPID/exe; pwd; sleep 0.2; echo error >&2; sleep 0.2; echo end; exit 7'
      const { text, exitCode } = yield exec(command)
      equal(text, `${server}\n${work}\nerror\nend\n`)
      equal(exitCode, 7)
    },
  },
  {
    name: 'started by exec-server codex, it works on the devbox, whatever its own environments are',
    launched: true,
    ours: true,
    *script({ work, server }) {
      const { text, exitCode } = yield exec('readlink /proc/$PPID/exe; touch marker; exit 7')
      equal(text, `${server}\n`)
      equal(exitCode, 7)
      equal((yield exec('ls')).text, 'marker\n')
      ok(!existsSync(join(work, 'marker')), 'the command has run on this machine')
    },
  },
  {
    name: 'the instructions and the skills of the work tree are found on the server',
    prepare(work) {
      const skill = join(work, '.agents', 'skills', 'birds')
      mkdirSync(skill, { recursive: true })
      writeFileSync(
        join(skill, 'SKILL.md'),
        '---\nname: bird-watching\ndescription: Tells herons from storks\n---\nLook at the neck.\n',
      )
      writeFileSync(join(work, 'AGENTS.md'), 'Never disturb the blue heron.\n')
    },
    *script({ told }) {
      const first = told()
      match(first, /Never disturb the blue heron/)
      match(first, /bird-watching/)
      match(first, /Tells herons from storks/)
      yield exec('true')
    },
  },
  {
    name: 'an output of 2000 lines arrives whole',
    *script() {
      const { text, exitCode } = yield exec('seq 1 2000')
      equal(text, numbers(1, 2000))
      equal(exitCode, 0)
    },
  },
  {
    name: 'a command that is left running is waited for later',
    *script() {
      const first = yield exec('echo one; sleep 2; echo two; exit 3', { yieldMs: 1000 })
      equal(first.text, 'one\n')
      equal(first.exitCode, undefined)
      const second = yield writeStdin(first.session, '')
      equal(second.text, 'two\n')
      equal(second.exitCode, 3)
    },
  },
  {
    name: 'a terminal is one, of 24 by 80',
    *script() {
      const { text, exitCode } = yield exec('test -t 0 && test -t 1 && test -t 2 && echo terminal; stty size', {
        tty: true,
      })
      equal(text, 'terminal\r\n24 80\r\n')
      equal(exitCode, 0)
    },
  },
  {
    name: 'input reaches a running terminal',
    *script() {
      const first = yield exec('echo ready; read line; echo "got $line"; exit 4', { tty: true, yieldMs: 1000 })
      equal(first.text, 'ready\r\n')
      const second = yield writeStdin(first.session, 'héllo\n')
      equal(second.text, 'héllo\r\ngot héllo\r\n')
      equal(second.exitCode, 4)
    },
  },
  {
    name: 'Ctrl-C interrupts what runs in a terminal',
    *script() {
      const first = yield exec('echo ready; trap "exit 5" INT; while :; do sleep 0.1; done', {
        tty: true,
        yieldMs: 1000,
      })
      equal(first.text, 'ready\r\n')
      const second = yield writeStdin(first.session, '\x03')
      equal(second.exitCode, 5)
    },
  },
  {
    name: 'patches create, change and remove a file',
    *script({ work }) {
      const file = join(work, 'new folder', 'file.txt')
      yield applyPatch('*** Add File: new folder/file.txt', '+one', '+zwei €', '+three')
      equal(readFileSync(file, 'utf8'), 'one\nzwei €\nthree\n')
      yield applyPatch('*** Update File: new folder/file.txt', '@@', ' one', '-zwei €', '+two', ' three')
      equal(readFileSync(file, 'utf8'), 'one\ntwo\nthree\n')
      const removed = yield applyPatch('*** Delete File: new folder/file.txt')
      ok(!existsSync(file), removed.whole)
    },
  },
  {
    name: 'a patch that cannot be applied tells the model which directory is missing',
    ours: true,
    since: 150,
    *script({ work }) {
      const { whole } = yield applyPatch('*** Update File: none/folder/file.txt', '@@', '-one', '+two')
      ok(whole.includes(`directory ${join(work, 'none')} does not exist on this devbox`), whole)
    },
  },
  {
    name: 'a process left in the background holds nothing up',
    *script() {
      for (const tty of [false, true]) {
        const since = Date.now()
        const { text, exitCode } = yield exec('sleep 300 < /dev/null > /dev/null 2>&1 & echo started; exit 6', { tty })
        match(text, /^started\r?\n$/)
        equal(exitCode, 6)
        ok(Date.now() - since < AT_ONCE_MS, `it took ${Date.now() - since} ms`)
      }
    },
  },
  {
    // Codex waits for as long as the output is open. What it then tells of the exit is its own affair, and differs.
    name: 'a process in the background that holds the output delays a command no longer than Codex waits',
    *script() {
      const since = Date.now()
      const held = yield exec('sleep 300 & echo started; exit 6', { yieldMs: 1000 })
      equal(held.text, 'started\n')
      ok(Date.now() - since < AT_ONCE_MS, `it took ${Date.now() - since} ms`)
      const next = yield exec('echo next')
      equal(next.text, 'next\n')
    },
  },
  {
    name: 'a command outlives a cut connection, and its output is whole',
    cuts: true,
    *script({ work, cut }) {
      const halfway = join(work, 'halfway')
      void eventually(() => existsSync(halfway), 15_000).then(cut, () => {})
      const { text, exitCode } = yield exec(
        'for i in $(seq 1 40); do echo $i; sleep 0.05; test $i != 15 || touch halfway; done; exit 8',
      )
      ok(existsSync(halfway))
      equal(text, numbers(1, 40))
      equal(exitCode, 8)
    },
  },
  {
    name: 'a terminal outlives a cut connection, and takes input after it',
    cuts: true,
    *script({ cut }) {
      const first = yield exec('echo ready; while read line; do echo "got $line"; done', { tty: true, yieldMs: 1000 })
      equal(first.text, 'ready\r\n')
      cut()
      const second = yield writeStdin(first.session, 'one\n', 2000)
      const third = yield writeStdin(first.session, '\x04')
      deepEqual([second.text + third.text, third.exitCode], ['one\r\ngot one\r\n', 0])
    },
  },
  {
    name: 'with a capability URL a command runs, which is not told of it, and a patch applies',
    capability: true,
    *script({ work, urlPath }) {
      match(urlPath, /^\/c\/[A-Za-z0-9_-]{43}$/)
      const { text, exitCode } = yield exec('env; cat /proc/$PPID/cmdline; exit 3')
      ok(text.includes('PATH='), text)
      ok(!text.includes(urlPath.slice(3)), text)
      equal(exitCode, 3)
      yield applyPatch('*** Add File: patched.txt', '+from the patch')
      equal(readFileSync(join(work, 'patched.txt'), 'utf8'), 'from the patch\n')
    },
  },
  {
    name: 'with a capability URL a command outlives a cut connection',
    capability: true,
    cuts: true,
    *script({ work, cut }) {
      const halfway = join(work, 'halfway')
      void eventually(() => existsSync(halfway), 15_000).then(cut, () => {})
      const { text } = yield exec('for i in $(seq 1 30); do echo $i; sleep 0.05; test $i != 10 || touch halfway; done')
      equal(text, numbers(1, 30))
    },
  },
  {
    name: 'in the workspace-write sandbox a patch applies, and commands write inside and not outside',
    sandbox: 'workspace-write',
    *script({ work }) {
      const patched = yield applyPatch('*** Add File: patched.txt', '+from the patch')
      equal(readFileSync(join(work, 'patched.txt'), 'utf8'), 'from the patch\n', patched.whole)
      const { text, exitCode } = yield exec(
        'exec 2>&1; cat patched.txt; touch inside.txt && echo inside; touch ../outside.txt || echo refused; mkdir .codex 2>/dev/null; touch .codex/config.toml || echo protected; exit 9',
      )
      match(text, /^from the patch\ninside\n.*Read-only file system\nrefused\n.*\nprotected\n$/)
      equal(exitCode, 9)
      deepEqual(readdirSync(work).sort(), ['inside.txt', 'patched.txt'])
      ok(!existsSync(join(work, '..', 'outside.txt')))
    },
  },
  {
    name: 'in the workspace-write sandbox there is no network, and no more power than the user has',
    sandbox: 'workspace-write',
    *script() {
      const { text } = yield exec(
        '(echo > /dev/tcp/127.0.0.1/1) 2>&1 | grep -o "Operation not permitted" | head -n 1; grep -E "CapEff|NoNewPrivs" /proc/self/status',
      )
      equal(text, 'Operation not permitted\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n')
    },
  },
  {
    name: 'in the workspace-write sandbox a terminal takes input, and Ctrl-C reaches what runs in it',
    sandbox: 'workspace-write',
    *script() {
      const first = yield exec('echo ready; trap "exit 5" INT; while :; do sleep 0.1; done', {
        tty: true,
        yieldMs: 1000,
      })
      equal(first.text, 'ready\r\n')
      const second = yield writeStdin(first.session, '\x03')
      equal(second.exitCode, 5)
    },
  },
  {
    name: 'in the read-only sandbox commands read everything and write nothing',
    sandbox: 'read-only',
    *script({ work }) {
      const { text } = yield exec('exec 2>&1; head -c 4 /etc/passwd; echo; touch inside.txt || echo refused')
      match(text, /^root\n.*Read-only file system\nrefused\n$/)
      deepEqual(readdirSync(work), [])
    },
  },
  ...featureCases,
  ...mapCases,
  ...mcpCases,
]
