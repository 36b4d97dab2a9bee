/** What this process was started with, and its name. */
import { readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'

/** The executable's entry hides variables from the runtime: their first letter is the byte 1. See entry-code.ts. */
const HIDDEN = { '\u0001ODE_': 'NODE_', '\u0001PENSSL_': 'OPENSSL_' }

/** It hides arguments, too, which the runtime would take for its own: `--env-file`, `--experimental-config-file`. */
const HIDDEN_DASH = '\u0001'

/** Gives hidden arguments their first letter back. To be called before anything else reads the arguments. */
export function restoreArguments(argv: string[] = process.argv): void {
  for (const [index, argument] of argv.entries())
    if (/^\u0001-(?:env-fi|experi)/.test(argument)) argv[index] = `-${argument.slice(HIDDEN_DASH.length)}`
}

/** Meant for this process alone: the runtime, too, takes them out of its environment. */
const OWN_VARIABLES = ['NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE', 'NODE_UNIQUE_ID']

/**
 * Gives hidden variables their names back, for the commands: the runtime has started and no longer looks at them. To be
 * called before anything else reads the environment.
 */
export function restoreVariables(env: NodeJS.ProcessEnv = process.env): void {
  for (const name of Object.keys(env)) {
    if (!name.startsWith('\u0001')) continue
    for (const [prefix, original] of Object.entries(HIDDEN)) {
      if (!name.startsWith(prefix)) continue
      const restored = original + name.slice(prefix.length)
      if (!OWN_VARIABLES.includes(restored)) env[restored] = env[name]
      delete env[name]
    }
  }
}

const NAME = 'exec-server'

/** Names the process in `ps` and `top`, whatever its file is called. The runtime has named it after its main thread. */
export function nameProcess(name = NAME): void {
  if (process.platform !== 'linux') return
  try {
    writeFileSync('/proc/self/comm', name)
  } catch {
    // Without /proc, no name is shown.
  }
}

/** These signals without SIGHUP if that was ignored at the start, as by nohup: it must stay so. */
export function withoutIgnored<Signal extends NodeJS.Signals>(signals: readonly Signal[]): Signal[] {
  return signals.filter((signal) => signal !== 'SIGHUP' || !(isIgnored ??= isHangupIgnored()))
}

/** Looked at once: later there may be a handler of our own. */
let isIgnored: boolean | undefined

/**
 * Whether SIGHUP was ignored at the start. To be called before a handler is installed: the executable's entry replaces
 * "ignored" by a handler that does nothing, and Deno leaves it. Not known from source on Node, which resets it.
 */
function isHangupIgnored(): boolean {
  if (process.platform !== 'linux') return false
  try {
    // Masks in hexadecimal; SIGHUP is the lowest bit.
    return /^Sig(?:Ign|Cgt):\s*[0-9a-f]*[13579bdf]$/m.test(readFileSync('/proc/self/status', 'latin1'))
  } catch {
    return false
  }
}
