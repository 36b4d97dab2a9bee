import { readFileSync } from 'node:fs'

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
