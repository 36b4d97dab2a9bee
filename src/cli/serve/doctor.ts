/**
 * `exec-server doctor`: what the runtime lacks, which sandboxes this machine can enforce, and otherwise why not and how
 * to fix it.
 */
import { existsSync } from 'node:fs'
import process from 'node:process'
import { isDeno } from '../../base/runtime.ts'
import { bubblewrapPaths, noBubblewrap, probeBubblewrap, remedyFor } from '../../host/sandbox/bubblewrap.ts'
import { SANDBOX_EXEC } from '../../host/sandbox/sandboxes.ts'
import type { SandboxOptions } from '../../host/sandbox/sandboxes.ts'
import { openListener } from '../../server/http/listener.ts'
import { missingInternals } from '../../server/runtime-check.ts'
import { writeStdout } from './stdout.ts'

/** Prints its findings. Resolves with the exit code: 0 if commands and file calls can be sandboxed here, else 1. */
export async function runDoctor({ bubblewrap }: SandboxOptions): Promise<number> {
  const print = (what: string, is: string): void => writeStdout(`${what.padEnd(20)}${is}\n`)
  print('platform', `${process.platform} ${process.arch}`)
  await examineRuntime(print)
  const canSandbox =
    process.platform === 'linux'
      ? await examineLinux(bubblewrap, print)
      : process.platform === 'darwin' && examineMac(print)
  writeStdout(
    canSandbox
      ? '\nSandboxes can be enforced here.\n'
      : '\nSandboxes cannot be enforced here: what asks for one is refused.\n',
  )
  return canSandbox ? 0 : 1
}

/** What is used of the runtime without being documented, and may be missing in a version of it. */
async function examineRuntime(print: (what: string, is: string) => void): Promise<void> {
  // Without a loopback interface, what only connections need is not examined.
  const listener = await openListener('127.0.0.1', 0).catch(() => undefined)
  const missing = missingInternals(listener?.server)
  listener?.close()
  const runtime = isDeno ? 'Deno' : `Node ${process.version}`
  print('runtime', missing.length === 0 ? `${runtime}: all that is used of it is there` : runtime)
  for (const { name, lost } of missing) print('', `${name} is missing: ${lost}`)
}

function examineMac(print: (what: string, is: string) => void): boolean {
  const isThere = existsSync(SANDBOX_EXEC)
  print('sandbox-exec', isThere ? SANDBOX_EXEC : `${SANDBOX_EXEC} is missing, which is part of macOS`)
  return isThere
}

async function examineLinux(named: string | undefined, print: (what: string, is: string) => void): Promise<boolean> {
  const paths = bubblewrapPaths(named)
  if (paths.length === 0) print('bubblewrap', noBubblewrap(named))
  for (const path of paths) {
    print('bubblewrap', path)
    const result = await probeBubblewrap(path)
    if ('failure' in result) {
      print('', `does not work here: ${result.failure}`)
      print('', `to mend it, ${remedyFor(result.failure)}`)
      continue
    }
    const { userNamespace, proc } = result.abilities
    print('user namespace', userNamespace ? 'yes' : 'no; as root it works without')
    print(
      'own /proc',
      proc ? 'yes' : 'no: commands see none. In a container, run it with --security-opt systempaths=unconfined',
    )
    print('network namespace', 'yes')
    print('system call filter', 'yes')
    return true
  }
  return false
}
