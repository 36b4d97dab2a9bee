/** Which sockets lead out of a sandbox, by their names. */
import * as assert from 'uvu/assert'
import { controlSocketPaths } from '../../../src/sandbox/linux/control-sockets.ts'
import { test } from '../../support/suite.ts'

const of = (env: Record<string, string> = {}, home: string | undefined = '/home/me') =>
  controlSocketPaths({ uid: 1000, home, env })

test('engines, buses and systemd are named for the system, the user and the home directory', () => {
  const { paths, multiplexers } = of()
  for (const path of [
    '/run/docker.sock',
    '/run/containerd',
    '/run/podman',
    '/run/dbus',
    '/run/systemd/private',
    '/run/user/1000/bus',
    '/run/user/1000/systemd/private',
    '/run/user/1000/podman',
    '/home/me/.docker/run',
  ])
    assert.ok(paths.includes(path), path)
  assert.equal(multiplexers, ['/tmp/tmux-1000'])
})

test('agents that sign stay', () => {
  const { paths } = of({ SSH_AUTH_SOCK: '/tmp/ssh-x/agent.1', XDG_RUNTIME_DIR: '/r' })
  assert.is(
    paths.some((path) => /ssh|gnupg|gpg|keyring|host-services$|^\/r$/.test(path)),
    false,
  )
})

test("the environment's addresses are read in their forms", () => {
  const { paths, multiplexers } = of({
    XDG_RUNTIME_DIR: '/r',
    DOCKER_HOST: 'unix:///d/docker.sock',
    CONTAINERD_ADDRESS: '/c/containerd.sock',
    DBUS_SESSION_BUS_ADDRESS: 'unix:path=/b/one,guid=12;unix:abstract=/no,guid=3;unix:path=/b/two',
    TMUX: '/t/default,123,0',
    TMUX_TMPDIR: '/t',
  })
  for (const path of [
    '/r/bus',
    '/run/user/1000/bus',
    '/d/docker.sock',
    '/c/containerd.sock',
    '/b/one',
    '/b/two',
    '/t/default',
  ])
    assert.ok(paths.includes(path), path)
  assert.equal(multiplexers, ['/t/tmux-1000'])
  for (const address of [
    'tcp://127.0.0.1:2375',
    'unix:abstract=/tmp/dbus',
    'unix:tmpdir=/tmp',
    'ssh://host/run',
    '/',
    '',
  ])
    assert.equal(of({ DOCKER_HOST: address }).paths, of().paths, address)
})

test('without a home directory there are only the others', () => {
  const { paths } = of({ XDG_RUNTIME_DIR: 'relative' }, undefined)
  assert.ok(paths.every((path) => path.startsWith('/')))
})

test.run()
