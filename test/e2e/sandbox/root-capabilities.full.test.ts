/** What a command may do that root confines where no user namespace can be made. */
import { chmodSync, existsSync, lchownSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { withoutUserNamespaces } from '../../support/programs/without-user-namespaces.ts'
import { managed, READ_ALL, serveAs, special, users, WRITE_ROOTS } from '../../support/sandbox.ts'
import type { Sandbox } from '../../support/sandbox.ts'
import { skip, test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const NOBODY = 65534
/** CAP_CHOWN, CAP_DAC_OVERRIDE and CAP_FOWNER, by their numbers 0, 1 and 3; bubblewrap makes them ambient, too. */
const FILE_WORK = '000000000000000b'
const NONE = '0000000000000000'

async function rootsClient(): Promise<Client> {
  if (process.getuid?.() !== 0) skip('it needs root')
  const prefix = withoutUserNamespaces() ?? skip('user namespaces cannot be kept from a program here')
  const [root] = users()
  if (root === undefined || root.unconfined !== undefined) skip('there is no bubblewrap')
  const server = await serveAs({ ...root, prefix: ['setpriv', '--no-new-privs', ...prefix] })
  return Client.connect(server.url)
}

async function output(client: Client, script: string, sandbox: Sandbox): Promise<string> {
  const id = `p${Math.random()}`
  await client.start(id, ['/bin/sh', '-c', `exec 2>&1; ${script}`], { cwd: 'file:///', sandbox, env: process.env })
  await client.closed(id, 45_000)
  return client.outputOf(id).toString()
}

const CAPABILITIES = `sed -n 's/^Cap\\(Inh\\|Prm\\|Eff\\|Amb\\):\\t//p' /proc/self/status | tr '\\n' ' '`

/** Attempts at what other capabilities are for. Each prints a line only if it succeeds. */
const ATTEMPTS = (folder: string): string => `
  try() { if ( "$@" ) > /dev/null 2>&1; then echo "ESCAPED: $*"; fi; }
  try mount -t tmpfs none /mnt; try umount /proc; try mount -o remount,bind,rw /proc/sys; try chroot / true
  try mknod ${folder}/disk b 8 0; try setpriv --reuid=1 true; try nsenter -t 1 -n true; try unshare -m true
  try unshare -Ur true; try hostname other; try chattr +i ${folder}/theirs; try setcap cap_net_raw+ep ${folder}/theirs
  try perl -e 'exit(syscall(${process.arch === 'arm64' ? 265 : 304}, -100, pack("LLx128", 128, 1), 0) >= 0 || $! != 1 ? 0 : 1)'
  try perl -e 'socket(my $s, 17, 3, 0) or exit 1'; try perl -e 'socket(my $s, 2, 3, 1) or exit 1'
  try renice -n -5 $$; echo b > /proc/sysrq-trigger && echo ESCAPED
  echo 1 > /proc/sys/kernel/panic && echo ESCAPED
  echo END`

test('root without user namespaces keeps of its capabilities, where every file may be written, those of file work', async () => {
  const client = await rootsClient()
  const folder = temporaryFolder()
  chmodSync(folder, 0o755)
  const theirs = join(folder, 'theirs')
  writeFileSync(theirs, 'theirs', { mode: 0o600 })
  lchownSync(theirs, NOBODY, NOBODY)
  const external = { permissions: { type: 'external', network: 'restricted' }, cwd: 'file:///', workspaceRoots: [] }
  for (const sandbox of [managed(['/'], [special('root', 'write')]), external]) {
    assert.is(await output(client, CAPABILITIES, sandbox), `${FILE_WORK} `.repeat(4))
    const said = await output(client, ATTEMPTS(folder), sandbox)
    assert.match(said, /END\s*$/)
    assert.not.match(said, 'ESCAPED', said)
    // The files of others are worked with as the reference has it.
    assert.is(
      await output(client, `echo more >> ${theirs} && chmod 640 ${theirs} && chown 0 ${theirs} && echo done`, sandbox),
      'done\n',
    )
    assert.equal([statSync(theirs).uid, statSync(theirs).mode & 0o777], [0, 0o640])
    lchownSync(theirs, NOBODY, NOBODY)
  }
  assert.is(readFileSync(theirs, 'utf8'), 'theirsmore\nmore\n')
  assert.is(existsSync(join(folder, 'disk')), false)
  await client.close()
})

test('it keeps none where files are confined', async () => {
  const client = await rootsClient()
  const folder = temporaryFolder()
  for (const network of ['restricted', 'enabled'] as const) {
    const sandbox = managed([folder], [READ_ALL, WRITE_ROOTS], network)
    assert.is(await output(client, CAPABILITIES, sandbox), `${NONE} `.repeat(4))
    const said = await output(client, ATTEMPTS(folder).replace(/; try perl -e 'socket.*/, ''), sandbox)
    assert.match(said, /END\s*$/)
    assert.not.match(said, 'ESCAPED', said)
  }
  await client.close()
})

test.run()
