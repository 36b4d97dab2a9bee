/** A terminal to look at, and to type into: tmux, with a server of our own that ends with the test. */
import { execFileSync, spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { atEnd } from '../../support/scope.ts'
import { sleep } from '../../support/server.ts'

const socket = join(tmpdir(), `exec-server-test-${process.pid}.tmux`)
let count = 0
let isServing = false

/** The path of a program, or ''. */
const pathOf = (name: string): string =>
  spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout?.trim() ?? ''

export const hasProgram = (name: string): boolean => pathOf(name) !== ''

// With its path: there are hundreds of calls, and PATH may have many directories.
const program = pathOf('tmux')

function tmux(...args: string[]): string {
  return execFileSync(program, ['-S', socket, '-f', '/dev/null', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** For the test that asks for the first screen, or its suite. */
function startServer(): void {
  isServing = true
  atEnd(() => {
    isServing = false
    spawnSync(program, ['-S', socket, 'kill-server'], { stdio: 'ignore' })
    rmSync(socket, { force: true })
  })
  // Without one the server would end with each.
  tmux('new-session', '-d', '-s', 'keep', 'exec cat')
}

export type Screen = {
  /** Keys by their names in tmux, each an argument. */
  keys(...names: string[]): void
  /** Text as it is typed. */
  type(text: string): void
  paste(text: string): void
  resize(columns: number, rows: number): void
  text(): string
  /** Waits for the screen to show something; gives its text. What a program draws may be half of it. */
  until(shows: RegExp, ms?: number): Promise<string>
  /** The same, and waits for it to stay as it is for a moment: for what is compared while its program goes on. */
  untilSteady(shows: RegExp, ms?: number): Promise<string>
  end(): void
}

/** Looks in a row that must show the same: each runs a program, so that they are the further apart the busier the machine is. */
const STEADY_LOOKS = 5
const BETWEEN_LOOKS_MS = 50
/** For a busy machine. */
const LIMIT_MS = 40_000

/** Tells of the end, and whether the terminal is as it was. It outlives the keys that are for the command. */
const WRAPPER = `trap : INT QUIT; before=$(stty -g); "$@"; code=$?; after=$(stty -g)
echo "[exit code $code]"
[ "$before" = "$after" ] && echo '[terminal as before]' || printf '[terminal differs]\\n%s\\n%s\\n' "$before" "$after"
stty -isig -icanon; exec cat >/dev/null`

export function openScreen(command: readonly string[], env: Readonly<Record<string, string>> = {}): Screen {
  if (!isServing) startServer()
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
  const look = async (shows: RegExp, times: number, ms: number): Promise<string> => {
    const deadline = Date.now() + ms
    let [last, same] = ['', 0]
    for (;;) {
      const now = text()
      same = now === last ? same + 1 : 1
      last = now
      if (same >= times && shows.test(now)) return now
      if (Date.now() > deadline) throw new Error(`the screen did not show ${shows} within ${ms} ms, but:\n${now}`)
      await sleep(BETWEEN_LOOKS_MS)
    }
  }
  return {
    keys: (...names) => void tmux('send-keys', '-t', name, ...names),
    type: (typed) => void tmux('send-keys', '-t', name, '-l', typed),
    paste(pasted) {
      execFileSync(program, ['-S', socket, 'load-buffer', '-b', name, '-'], {
        input: pasted,
        stdio: ['pipe', 'ignore', 'pipe'],
      })
      tmux('paste-buffer', '-d', '-b', name, '-t', name)
    },
    resize: (columns, rows) => void tmux('resize-window', '-t', name, '-x', String(columns), '-y', String(rows)),
    text,
    until: (shows, ms = LIMIT_MS) => look(shows, 1, ms),
    untilSteady: (shows, ms = LIMIT_MS) => look(shows, STEADY_LOOKS, ms),
    end: () => void spawnSync(program, ['-S', socket, 'kill-session', '-t', name], { stdio: 'ignore' }),
  }
}
