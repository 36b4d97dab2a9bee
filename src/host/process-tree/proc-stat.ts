import { readdirSync, readFileSync } from 'node:fs'
import process from 'node:process'

/** The numbers of all processes. Empty where there is no /proc, or no descriptor to read it. */
export function processNumbers(): number[] {
  if (process.platform !== 'linux') return []
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger)
  } catch {
    return []
  }
}

/**
 * The fields of /proc/PID/stat after the program's name: state, parent, group, session, terminal, foreground
 * group and so on. Undefined for a process that is gone.
 */
export function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name is in parentheses and may itself hold spaces and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}
