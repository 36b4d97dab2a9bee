/** A terminal to look at, and to type into: tmux, with a server of our own that ends with the test. */
import { execFileSync, spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { sleep } from '../../support/server.ts'

const socket = join(tmpdir(), `exec-server-test-${process.pid}.tmux`)
let count = 0

export const hasProgram = (name: string): boolean =>
  spawnSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' }).status === 0

function tmux(...args: string[]): string {
  return execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

export function endScreens(): void {
  spawnSync('tmux', ['-S', socket, 'kill-server'], { stdio: 'ignore' })
  rmSync(socket, { force: true })
}

export type Screen = {
  /** Keys by their names in tmux, each an argument. */
  keys(...names: string[]): void
  /** Text as it is typed. */
  type(text: string): void
  paste(text: string): void
  resize(columns: number, rows: number): void
  text(): string
  /** Waits for the screen to show something, and to stay as it is for a moment; gives its text. */
  until(shows: RegExp, ms?: number): Promise<string>
  end(): void
}

/** Long enough for a program to finish its screen, and for a loaded machine. */
const STEADY_MS = 150

/** Tells of the end, and whether the terminal is as it was. It outlives the keys that are for the command. */
const WRAPPER = `trap : INT QUIT; before=$(stty -g); "$@"; code=$?; after=$(stty -g)
echo "[exit code $code]"
[ "$before" = "$after" ] && echo '[terminal as before]' || printf '[terminal differs]\\n%s\\n%s\\n' "$before" "$after"
stty -isig -icanon; exec cat >/dev/null`

export function openScreen(command: readonly string[], env: Readonly<Record<string, string>> = {}): Screen {
  if (count === 0) {
    process.once('exit', endScreens)
    // Without one the server would end with each.
    tmux('new-session', '-d', '-s', 'keep', 'exec cat')
  }
  const name = `s${++count}`
  const variables = Object.entries({ LC_ALL: 'C.UTF-8', ...env }).flatMap(([key, value]) => ['-e', `${key}=${value}`])
  tmux(
    'new-session',
    '-d',
    '-s',
    name,
    '-x',
    '80',
    '-y',
    '24',
    ...variables,
    '--',
    'sh',
    '-c',
    WRAPPER,
    'sh',
    ...command,
  )
  const text = (): string => tmux('capture-pane', '-p', '-e', '-t', name)
  return {
    keys: (...names) => void tmux('send-keys', '-t', name, ...names),
    type: (typed) => void tmux('send-keys', '-t', name, '-l', typed),
    paste(pasted) {
      execFileSync('tmux', ['-S', socket, 'load-buffer', '-b', name, '-'], {
        input: pasted,
        stdio: ['pipe', 'ignore', 'pipe'],
      })
      tmux('paste-buffer', '-d', '-b', name, '-t', name)
    },
    resize: (columns, rows) => void tmux('resize-window', '-t', name, '-x', String(columns), '-y', String(rows)),
    text,
    async until(shows, ms = 20_000) {
      const deadline = Date.now() + ms
      let last = ''
      let since = Date.now()
      for (;;) {
        const now = text()
        if (now !== last) [last, since] = [now, Date.now()]
        if (shows.test(now) && Date.now() - since >= STEADY_MS) return now
        if (Date.now() > deadline) throw new Error(`the screen did not show ${shows} within ${ms} ms, but:\n${now}`)
        await sleep(30)
      }
    },
    end: () => void spawnSync('tmux', ['-S', socket, 'kill-session', '-t', name], { stdio: 'ignore' }),
  }
}
