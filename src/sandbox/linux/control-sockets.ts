/**
 * Sockets through which a command with the network would run things outside of its sandbox: container engines, D-Bus,
 * systemd, terminal multiplexers. Not agents that only sign, as ssh-agent and gpg-agent.
 */

/** What the names depend on. */
export type SocketSurroundings = {
  uid: number
  home: string | undefined
  env: Readonly<Record<string, string | undefined>>
}

/** Sockets, and directories that hold nothing but sockets and state of their program. */
const SYSTEM = [
  '/run/docker.sock',
  '/run/docker',
  '/run/cri-dockerd.sock',
  '/run/host-services/docker.proxy.sock',
  '/mnt/wsl/docker-desktop/shared-sockets',
  '/run/containerd',
  '/run/k3s',
  '/run/crio',
  '/run/buildkit',
  '/run/podman',
  '/run/dbus',
  '/run/systemd/private',
  '/run/systemd/io.systemd.Manager',
  '/run/snapd.socket',
  '/run/libvirt',
  '/run/incus',
  '/var/lib/incus/unix.socket',
  '/var/lib/lxd/unix.socket',
  '/var/snap/lxd/common/lxd/unix.socket',
  '/run/supervisor.sock',
  '/run/screen',
]

/** Below the user's runtime directory. */
const OF_USER = [
  'docker.sock',
  'docker',
  'containerd',
  'containerd-rootless',
  'buildkit',
  'podman',
  'bus',
  'dbus-1',
  'at-spi',
  'systemd/private',
  'libvirt',
]

/** Below the home directory. */
const OF_HOME = ['.docker/run', '.docker/desktop/docker.sock', '.rd/docker.sock', '.screen']

/** Variables that name such a socket. */
const VARIABLES = [
  'DOCKER_HOST',
  'CONTAINER_HOST',
  'CONTAINERD_ADDRESS',
  'BUILDKIT_HOST',
  'DBUS_SESSION_BUS_ADDRESS',
  'DBUS_SYSTEM_BUS_ADDRESS',
  'TMUX',
]

/** The paths to look at, some of which may exist. `multiplexers`: directories of which each socket counts. */
export function controlSocketPaths({ uid, home, env }: SocketSurroundings): {
  paths: string[]
  multiplexers: string[]
} {
  const runtime = new Set([`/run/user/${uid}`, absolute(env['XDG_RUNTIME_DIR'])])
  const below = (directory: string | undefined, names: readonly string[]): string[] =>
    directory === undefined ? [] : names.map((name) => `${directory}/${name}`)
  return {
    paths: [
      ...SYSTEM,
      ...[...runtime].flatMap((directory) => below(directory, OF_USER)),
      ...below(absolute(home), OF_HOME),
      ...VARIABLES.flatMap((name) => socketsIn(env[name] ?? '')),
    ],
    // A new tmux makes its own socket there, so the directory itself stays.
    multiplexers: [absolute(env['TMUX_TMPDIR']) ?? '/tmp'].map((directory) => `${directory}/tmux-${uid}`),
  }
}

const absolute = (path: string | undefined): string | undefined => (path?.startsWith('/') === true ? path : undefined)

/** The paths in an address: `/path`, `unix:///path`, `unix:path=/path,guid=…;…`, `/path,pid,session`. */
function socketsIn(address: string): string[] {
  return address.split(';').flatMap((one) => {
    const path = /^(?:unix:(?:path=|\/\/)?)?(\/[^,]*)/.exec(one)?.[1]
    return path === undefined || path === '/' ? [] : [path]
  })
}
