/** The state of a shell: how it is read from what the capture prints, and how a command is started with it. */
import type { SpawnSpec } from '../base/host.ts'
import type { SnapshotShell } from './shells.ts'

/** What a shell has after its startup files. */
export type ShellState = {
  /** Code to evaluate, one step after the other. */
  readonly code: readonly string[]
  readonly env: ReadonlyMap<string, string>
}

/** Single bytes, so that positions in the text are those in the bytes. */
const bytewise = new TextDecoder('latin1')
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Reads what the capture has printed; undefined if it is not whole, or its code is not UTF-8. */
export function parseState(output: Uint8Array, marker: string, shell: SnapshotShell): ShellState | undefined {
  const text = bytewise.decode(output)
  const bounds = `\0${marker}\0`
  const start = text.indexOf(bounds)
  const end = text.indexOf(bounds, start + bounds.length)
  if (start < 0 || end < 0) return undefined
  let position = start + bounds.length
  const sections: string[] = []
  for (let count = 0; count < shell.sections; count++) {
    const next = text.indexOf('\0', position)
    const section = next < 0 || next > end ? undefined : decoded(output.subarray(position, next))
    if (section === undefined) return undefined
    sections.push(section)
    position = next + 1
  }
  const env = environment(output.subarray(position, end))
  return env.size === 0 ? undefined : { code: shell.restore(sections), env }
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/** Leaves out what is not UTF-8: a spawn takes no other values. */
function environment(bytes: Uint8Array): Map<string, string> {
  const env = new Map<string, string>()
  for (let start = 0; start < bytes.length; ) {
    const zero = bytes.indexOf(0, start)
    const end = zero < 0 ? bytes.length : zero
    const entry = decoded(bytes.subarray(start, end))
    const equals = entry?.indexOf('=') ?? -1
    if (entry !== undefined && equals > 0) env.set(entry.slice(0, equals), entry.slice(equals + 1))
    start = end + 1
  }
  return env
}

/** The memory that a state takes, in bytes, and about what it adds to the arguments of a command. */
export function stateBytes({ code, env }: ShellState): number {
  let characters = code.reduce((sum, step) => sum + step.length, 0)
  for (const [name, value] of env) characters += name.length + value.length
  return 2 * characters
}

const VARIABLE = '__EXEC_SERVER_SHELL_STATE_'

/** The variable of a command that is evaluated apart. */
const COMMAND = '__EXEC_SERVER_COMMAND'

/** Characters in a variable: Linux takes 128 KiB, and a character has up to 3 bytes in UTF-8. */
const VARIABLE_CHARACTERS = 32 * 1024

/** What a shell says whose state could not be restored. */
const FAILED = `echo "exec-server: the state of the login shell could not be restored" >&2`

/**
 * The command of a login shell (`argv` is the shell, `-lc` and the command) as one of a shell without startup files
 * that restores the state first, in a line of its own: aliases count from the next line on. `otherwise` is run if the
 * state cannot be restored.
 */
export function withState(spec: SpawnSpec, state: ShellState, shell: SnapshotShell, otherwise = FAILED): SpawnSpec {
  const env = new Map(spec.env)
  let variables = 0
  const steps = state.code.map((code) => {
    const names: string[] = []
    // Ends with success: a shell may lack an option that another version of it has listed.
    for (const piece of pieces(`\n${code}\n:`)) {
      const name = `${VARIABLE}${variables++}`
      env.set(name, piece)
      names.push(name)
    }
    return `eval "unset ${names.join(' ')};${names.map((name) => `\${${name}}`).join('')}"`
  })
  const [path = '', , command = '', ...rest] = spec.argv
  const restored = `{ ${steps.join(' && ')}; } >/dev/null 2>&1 || ${otherwise}`
  const isApart = shell.parsesAtOnce && command.length <= VARIABLE_CHARACTERS
  if (isApart) env.set(COMMAND, command)
  const script = `${restored}\n${isApart ? `typeset +x ${COMMAND}; eval "$${COMMAND}"` : command}`
  return { ...spec, env, argv: [path, shell.flag, script, ...rest] }
}

/** Cuts between characters, so that each piece can be encoded. */
function pieces(text: string): string[] {
  const found: string[] = []
  for (let start = 0; start < text.length; ) {
    let end = Math.min(start + VARIABLE_CHARACTERS, text.length)
    if (end < text.length && /[\uD800-\uDBFF]/.test(text.charAt(end - 1))) end--
    found.push(text.slice(start, end))
    start = end
  }
  return found
}
