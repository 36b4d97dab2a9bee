/** Which sandboxes this machine can enforce, and otherwise why not and how to fix it. */
import { existsSync } from 'node:fs'
import process from 'node:process'
import {
  bubblewrapPaths,
  noBubblewrap,
  probeAttaching,
  probeBubblewrap,
  remedyFor,
} from '../../host/sandbox/bubblewrap-probe.ts'
import { SANDBOX_EXEC } from '../../host/sandbox/sandboxes.ts'
import type { SandboxOptions } from '../../host/sandbox/sandboxes.ts'
import { amiss, fine } from './findings.ts'
import type { Finding } from './findings.ts'

/** Looks at what enforces sandboxes, and whether it works. */
export async function examineSandbox({
  bubblewrap,
}: SandboxOptions): Promise<{ findings: Finding[]; canSandbox: boolean }> {
  if (process.platform === 'linux') return examineLinux(bubblewrap)
  if (process.platform !== 'darwin') return { findings: [], canSandbox: false }
  const canSandbox = existsSync(SANDBOX_EXEC)
  const finding = canSandbox
    ? fine('sandbox-exec', SANDBOX_EXEC)
    : amiss('sandbox-exec', `${SANDBOX_EXEC} is missing, which is part of macOS`)
  return { findings: [finding], canSandbox }
}

async function examineLinux(named: string | undefined): Promise<{ findings: Finding[]; canSandbox: boolean }> {
  const paths = bubblewrapPaths(named)
  if (paths.length === 0) return { findings: [amiss('bubblewrap', noBubblewrap(named))], canSandbox: false }
  const findings: Finding[] = []
  for (const path of paths) {
    const result = await probeBubblewrap(path)
    if ('failure' in result) {
      const notes = [`does not work here: ${result.failure}`, `to mend it, ${remedyFor(result.failure)}`]
      findings.push(amiss('bubblewrap', path, ...notes))
      continue
    }
    const { userNamespace, proc } = result.abilities
    const attaches = await probeAttaching({ path, abilities: result.abilities })
    const noProc = 'no: commands see none. In a container, run it with --security-opt systempaths=unconfined'
    const noNested = 'no: refused while another sandboxed command runs. Use a bubblewrap that is not setuid'
    findings.push(
      fine('bubblewrap', path),
      fine('user namespace', userNamespace ? 'yes' : 'no; as root it works without'),
      proc ? fine('own /proc', 'yes') : amiss('own /proc', noProc),
      attaches ? fine('nested mounts', 'yes') : amiss('nested mounts', noNested),
      fine('network namespace', 'yes'),
      fine('system call filter', 'yes'),
    )
    return { findings, canSandbox: true }
  }
  return { findings, canSandbox: false }
}
