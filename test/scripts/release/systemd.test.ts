/** The systemd units: what they forbid must not take from the server what it needs. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { root } from '../../support/server.ts'
import { skip, test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const units = ['exec-server.service', 'exec-server@.service'].map((name) =>
  readFileSync(join(root, 'scripts', 'release', 'systemd', name), 'utf8'),
)

test('no unit forbids what V8 or bubblewrap needs', () => {
  for (const unit of units)
    assert.not.match(
      unit,
      /^(MemoryDenyWriteExecute|RestrictNamespaces|ProtectKernel|ProtectProc|ProcSubset|PrivateDevices)/m,
    )
})

test('both units let running commands finish, and outlive a command that the kernel kills', () => {
  for (const unit of units)
    for (const line of ['KillMode=mixed', 'OOMPolicy=continue', 'NoNewPrivileges=yes'])
      assert.match(unit, `\n${line}\n`)
})

test.full('without new privileges, and with no capability to gain, commands can still be sandboxed', () => {
  const built = process.env['EXEC_SERVER_BINARY']
  if (built === undefined || process.getuid?.() !== 0) skip('root alone can drop capabilities of the executable')
  const folder = temporaryFolder()
  chmodSync(folder, 0o755)
  const executable = join(folder, 'exec-server')
  copyFileSync(built, executable)
  const user = ['--reuid=65534', '--regid=65534', '--clear-groups']
  const doctor = (...restrictions: string[]): number | null => {
    const command = ['env', `HOME=${folder}`, executable, 'doctor']
    const { error, status } = spawnSync('setpriv', [...user, ...restrictions, ...command], {
      cwd: '/',
      stdio: 'ignore',
    })
    if (error !== undefined) skip('no setpriv')
    return status
  }
  if (doctor() !== 0) skip('a user cannot be sandboxed here')
  assert.is(doctor('--no-new-privs', '--bounding-set=-all', '--inh-caps=-all'), 0)
})

test.run()
