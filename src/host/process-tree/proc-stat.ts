import { readdirSync, readFileSync } from 'node:fs'
import process from 'node:process'

/** Whether there is a /proc that shows processes. Other processes can only be found with it. */
export const hasProc = (): boolean => statFields(process.pid) !== undefined

/** Lists all pids. Empty without /proc, or when no descriptor is left to read it. */
export function processNumbers(): number[] {
  if (process.platform !== 'linux') return []
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger)
  } catch {
    return []
  }
}

/**
 * The fields of /proc/PID/stat after the command name: state, parent, group, session, terminal, foreground group and so
 * on. Undefined for a process that is gone.
 */
export function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command name is in parentheses and may itself contain spaces and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}
