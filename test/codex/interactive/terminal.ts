/** A terminal that a person would sit at: tmux, which shows what is on the screen and presses keys. */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { onPath } from '../../support/sandbox.ts'
import { eventually, sleep } from '../../support/server.ts'

const runFile = promisify(execFile)

export const hasTmux = (): boolean => onPath('tmux') !== undefined

export type Terminal = {
  /** What is on the screen, without trailing spaces. */
  screen(): Promise<string>
  /** Resolves once the screen matches. Rejects with the screen as it then is. */
  shows(pattern: RegExp, ms?: number): Promise<void>
  /** Types a line and, once the screen shows it, Enter: pressed at once it would count as a part of what is pasted. */
  enter(line: string): Promise<void>
  /** Presses a key by its name in tmux, such as `C-c`. */
  press(key: string): Promise<void>
  /** Waits for the end of what runs in it. The exit code is that of a shell: 130 for SIGINT. */
  exit(ms?: number): Promise<number>
  close(): Promise<void>
}

export type TerminalOptions = {
  /** For its socket. */
  folder: string
  cwd: string
  env: Readonly<Record<string, string>>
}

/** Of what a person would wait for, too. */
const PATIENCE_MS = 60_000

/** Between two looks at the screen, each of which starts a tmux. */
const LOOK_MS = 100

const COLUMNS = 120
const ROWS = 40

/** Runs a command in a terminal of its own. */
export async function openTerminal(command: readonly string[], options: TerminalOptions): Promise<Terminal> {
  const { folder, cwd } = options
  const env = { ...options.env, TERM: 'xterm-256color' }
  const tmux = async (...args: string[]): Promise<string> =>
    (await runFile('tmux', ['-S', join(folder, 'tmux.sock'), '-f', '/dev/null', ...args], { cwd, env })).stdout
  const exitFile = join(folder, 'exit-code')
  rmSync(exitFile, { force: true })
  // tmux itself sometimes loses the exit code.
  const script = 'trap : INT; "$@"; echo $? > "$0.new"; mv "$0.new" "$0"'
  // Without this the screen would vanish with the command.
  const setUp = ['set-option', '-g', 'remain-on-exit', 'on', ';']
  const size = ['-x', `${COLUMNS}`, '-y', `${ROWS}`]
  await tmux(...setUp, 'new-session', '-d', ...size, '-c', cwd, 'sh', '-c', script, exitFile, ...command)
  const screen = (): Promise<string> => tmux('capture-pane', '-p')
  const shows = async (pattern: RegExp, ms = PATIENCE_MS): Promise<void> => {
    let last = ''
    const isShown = async (): Promise<boolean> => {
      last = await screen()
      if (pattern.test(last)) return true
      await sleep(LOOK_MS)
      return false
    }
    await eventually(isShown, ms).catch(() => {
      throw new Error(`the screen does not show ${pattern}:\n${last.trimEnd()}`)
    })
  }
  return {
    screen,
    shows,
    enter: async (line) => {
      await tmux('send-keys', '-l', line)
      await shows(new RegExp(`^› ${RegExp.escape(line)}$`, 'm'))
      await tmux('send-keys', 'Enter')
    },
    press: async (key) => void (await tmux('send-keys', key)),
    exit: async (ms = PATIENCE_MS) => {
      await eventually(() => existsSync(exitFile), ms).catch(async () => {
        throw new Error(`it has not ended:\n${(await screen()).trimEnd()}`)
      })
      return Number(readFileSync(exitFile, 'utf8'))
    },
    close: async () => void (await tmux('kill-server').catch(() => '')),
  }
}
