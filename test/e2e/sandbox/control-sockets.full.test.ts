/** With the network granted, the sockets that lead out of a sandbox are covered, and those of agents are not. */
import { spawn } from 'node:child_process'
import { lchownSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { endWithTest } from '../../support/child.ts'
import { firstLine } from '../../support/first-line.ts'
import { at, managed, READ_ALL, serveAs, Tree, uri, users, WRITE_ROOTS } from '../../support/sandbox.ts'
import type { Entry } from '../../support/sandbox.ts'
import { atEnd } from '../../support/scope.ts'
import { skip, test } from '../../support/suite.ts'

/** Listens on each path, and says so. */
const LISTEN = `
umask 0; my @all;
for (@ARGV) { my $s; socket($s, 1, 1, 0) && bind($s, pack('S a108', 1, $_)) && listen($s, 99) or die "$_: $!"; push @all, $s }
syswrite(STDOUT, "ready\\n"); sleep 120;`

/** Prints the names of the sockets that can be connected to. */
const CONNECT = `for (@ARGV) { my $s; socket($s, 1, 1, 0); print "$_\\n" if connect($s, pack('S a108', 1, $_)) } print "END\\n"`

const COVERED = [
  'run/bus',
  'run/docker.sock',
  'run/podman/podman.sock',
  'run/systemd/private',
  'other/engine.sock',
  'tmux/default',
]
const OPEN = ['run/gnupg/S.gpg-agent', 'run/openssh_agent', 'run/postgres.sock', 'ws/own.sock']

for (const user of users()) {
  test(`${user.name}: engines, buses and systemd are out of reach unless the profile names them; agents are in reach`, async () => {
    const reason = user.obstacle ?? user.unconfined
    if (reason !== undefined) skip(reason)
    const tree = new Tree(user)
    atEnd(() => tree.delete())
    const tmux = `tmux/tmux-${user.uid}/default`
    const covered = COVERED.map((name) => tree.in(name === 'tmux/default' ? tmux : name))
    const open = OPEN.map((name) => tree.in(name))
    for (const path of [...covered, ...open]) {
      mkdirSync(dirname(path), { recursive: true })
      for (let folder = dirname(path); folder !== tree.root; folder = dirname(folder))
        lchownSync(folder, user.uid, user.uid)
    }
    const listener = spawn('perl', ['-e', LISTEN, ...covered, ...open], { stdio: ['ignore', 'pipe', 'inherit'] })
    endWithTest(listener, 'SIGKILL')
    await firstLine(listener)
    const server = await serveAs(user, {
      XDG_RUNTIME_DIR: tree.in('run'),
      DOCKER_HOST: `unix://${tree.in('other/engine.sock')}`,
      TMUX_TMPDIR: tree.in('tmux'),
    })
    const client = await Client.connect(server.url)
    let count = 0
    const reached = async (more: readonly Entry[], roots = [tree.ws]): Promise<string[]> => {
      const sandbox = managed(roots, [READ_ALL, WRITE_ROOTS, ...more], 'enabled')
      const argv = ['perl', '-e', CONNECT, ...covered, ...open]
      const { output } = await client.run(`p${count++}`, argv, { sandbox, cwd: uri(tree.ws) })
      assert.match(output, /END\n$/)
      return output.split('\n').slice(0, -2)
    }
    assert.equal(await reached([]), open)
    // Also where the directory of the sockets is a workspace.
    assert.equal(await reached([], [tree.ws, join(tree.root, 'run')]), open)
    for (const granted of covered)
      assert.equal((await reached([at(granted, 'write')])).sort(), [granted, ...open].sort(), granted)
    await client.close()
  })
}

test.run()
