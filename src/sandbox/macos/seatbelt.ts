/**
 * Turns a policy into a profile for macOS's sandbox-exec. The last rule that matches decides, so places are written
 * from shallow to deep. Rules match paths, not files, so they also apply to files that do not exist yet.
 */
import type { Access, Network } from '../../protocol/schemas/sandbox.ts'
import { depthOf, parentOf } from '../policy/policy.ts'
import type { Policy } from '../policy/policy.ts'
import { findPlaces } from '../policy/resolved-paths.ts'
import type { PlanNeeds } from '../policy/resolved-paths.ts'
import type { Disk } from '../policy/symlink-resolver.ts'

/** What every program needs apart from files and the network. */
const PROCESSES = `(allow process-exec)
(allow process-fork)
(allow signal (target same-sandbox))
(allow process-info* (target same-sandbox))
(allow sysctl-read)
(allow iokit-open (iokit-registry-entry-class "RootDomainUserClient"))
(allow ipc-posix-sem)
(allow mach-lookup
  (global-name "com.apple.system.opendirectoryd.libinfo")
  (global-name "com.apple.system.logger")
  (global-name "com.apple.PowerManagement.control"))`

const TERMINALS = `(allow pseudo-tty)
(allow file-read* file-write* file-ioctl (literal "/dev/ptmx"))
(allow file-read* file-write* (require-all (regex #"^/dev/ttys[0-9]+$") (extension "com.apple.sandbox.pty")))
(allow file-ioctl (regex #"^/dev/ttys[0-9]+$"))`

const DEVICES = `(allow file-read* file-write-data (literal "/dev/null") (literal "/dev/zero") (literal "/dev/tty"))
(allow file-read* (literal "/dev/random") (literal "/dev/urandom") (subpath "/dev/fd"))
(allow file-write-data (literal "/dev/fd/1") (literal "/dev/fd/2") (literal "/dev/stdout") (literal "/dev/stderr"))`

/** The dynamic loader and the system libraries, which every program needs. */
const LIBRARIES = `(allow file-read* (subpath "/usr/lib") (subpath "/System") (subpath "/Library/Apple") (subpath "/private/var/db/dyld"))
(allow file-read* (literal "/") (literal "/dev") (literal "/private/etc/localtime"))`

/**
 * The profile for a policy; without one, every file may be written.
 * @throws {RpcError} -32602 where the policy cannot be enforced
 */
export function seatbeltProfile(
  policy: Policy | undefined,
  network: Network,
  disk: Disk,
  needs: PlanNeeds = {},
): string {
  return [
    '(version 1)',
    '(deny default)',
    PROCESSES,
    ...(policy === undefined
      ? ['(allow file-read* file-write* file-ioctl)']
      : [LIBRARIES, ...fileRules(policy, disk, needs)]),
    DEVICES,
    TERMINALS,
    // All or nothing: without it, unix sockets are denied, too.
    ...(network === 'enabled' ? ['(allow network*)', '(allow system-socket)', NAME_SERVICES] : []),
    '',
  ].join('\n')
}

const NAME_SERVICES = `(allow mach-lookup
  (global-name "com.apple.SystemConfiguration.configd")
  (global-name "com.apple.networkd")
  (global-name "com.apple.trustd.agent")
  (global-name "com.apple.SecurityServer"))`

function fileRules(policy: Policy, disk: Disk, needs: PlanNeeds): string[] {
  const { places, forbidden } = findPlaces(policy, disk, needs)
  const byDepth = [...places].sort(([a], [b]) => depthOf(a) - depthOf(b) || (a < b ? -1 : 1))
  return [
    // A directory on the way can be traversed, but not listed.
    ...ancestors([...places].filter(([, { access }]) => access !== 'deny').map(([path]) => path)).map(
      (path) => `(allow file-read-metadata (literal ${quoted(path)}))`,
    ),
    ...byDepth.map(([path, { access }]) => fileRule(access, `(subpath ${quoted(path)})`)),
    ...forbidden.map(({ path }) => `(deny file-write* (subpath ${quoted(path)}))`),
    // The directories above a read-only or denied path cannot be renamed.
    ...ancestors([
      ...byDepth.filter(([, { access }]) => access !== 'write').map(([path]) => path),
      ...forbidden.map(({ path }) => path),
    ]).map((path) => `(deny file-write-unlink (literal ${quoted(path)}))`),
    ...policy.denyGlobs.map(({ pattern }) => `(deny file-read* file-write* (regex ${quoted(pattern)}))`),
  ]
}

function fileRule(access: Access, filter: string): string {
  switch (access) {
    case 'write':
      return `(allow file-read* file-write* ${filter})`
    case 'read':
      return `(allow file-read* ${filter}) (deny file-write* ${filter})`
    case 'deny':
      return `(deny file-read* file-write* ${filter})`
  }
}

function ancestors(paths: readonly string[]): string[] {
  const found = new Set<string>()
  for (const path of paths)
    for (let above = parentOf(path); above !== undefined && above !== '/'; above = parentOf(above)) found.add(above)
  return [...found]
}

const quoted = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&')}"`
