/** Devboxes on whose memory limits V8 would end with a dump of its state. */
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { serverCommand } from '../../support/server.ts'
import { skip, suite } from '../../support/suite.ts'
import { isExecutable } from './odd-devbox.ts'

const test = suite('memory limits')

/** From source the runtime starts before any code of ours. */
const inExecutable = isExecutable ? test : test.skip

const LITTLE_KIB = 1_000_000
const ENOUGH_KIB = 1_500_000

/** Runs `exec-server --version` by this command, which gets the executable's path as its last argument. */
function version(command: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(command, [...args, serverCommand([])[0]], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

const limited = (kib: number): ReturnType<typeof version> =>
  version('/bin/sh', '-c', `ulimit -v ${kib} && exec "$0" --version`)

inExecutable('too small a limit of address space is one line, and not a dump', () => {
  const { status, stderr } = limited(LITTLE_KIB)
  assert.is(status, 1)
  assert.match(stderr, /^exec-server: the limit of address space \(ulimit -v, LimitAS=\) is too small: [^\n]+\n$/)
  assert.is(limited(ENOUGH_KIB).status, 0)
})

inExecutable('memory that cannot become executable, as by MemoryDenyWriteExecute, is one line', () => {
  // prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN) of Linux 6.3, by the call's number on each processor.
  const call = process.arch === 'x64' ? 157 : 167
  const script = `exit 77 if syscall(${call}, 65, 1, 0, 0, 0) != 0; exec($ARGV[0], "--version")`
  const { status, stderr } = version('perl', '-e', script)
  if (status === null || status === 77) skip('there is no perl, or the kernel has no such setting')
  assert.is(status, 1)
  assert.match(
    stderr,
    /^exec-server: this system lets no memory become executable, [^\n]+MemoryDenyWriteExecute=no[^\n]+\n$/,
  )
})

test.run()
