/** The executor's self-description, for `environment/info`. */
import { resolve } from 'node:path'
import process from 'node:process'
import { pathToUri } from '../protocol/schemas/path-uri.ts'
import type { EnvironmentInfo } from '../protocol/schemas/session.ts'
import { bundledTools } from './tools/bundled-tools.ts'
import { homeDirectory, loginShell, temporaryDirectory } from './own-user.ts'

function capabilities(readsConfig: boolean): Record<string, boolean> {
  return {
    fileWriteStreaming: true,
    httpHeaderEnvVars: true,
    fsWatchMissing: true,
    shellSnapshotV2: true,
    ...(process.platform === 'linux' ? LINUX_CAPABILITIES : {}),
    // On macOS, requirements may also come from a device profile, which is not read here; the policy must be complete.
    ...(process.platform === 'linux' && readsConfig ? { environmentConfigRead: true } : {}),
  }
}

const LINUX_CAPABILITIES = {
  // The server reopens a helper's file through /proc.
  sandboxedFileStreaming: true,
  // Each root is scanned in its own sandbox.
  capabilityDiscoverySandbox: true,
  capabilityDiscoveryV2: true,
  // A sandbox that may write everything but a few places keeps the standard devices, and no others.
  linuxRootWritePreservesDevices: true,
  // What is denied stays denied, also where a protected name at the root, such as /.codex, is a link to it: refused.
  linuxApprovedRootWritePreservesRestrictions: true,
}

/**
 * The release of Codex that this server is like, as far as clients ask: from this one on they use capabilityDiscoveryV2. A
 * higher one promises more.
 */
const EXECUTOR_VERSION = '0.164.0'

function currentDirectory(): string {
  try {
    return process.cwd()
  } catch {
    // The directory has been removed.
    return '/'
  }
}

/**
 * Describes this machine: shell, directories (as file: URIs), platform and capabilities. `readsConfig`: whether clients may
 * read Codex's configuration here.
 */
export function environmentInfo({ readsConfig }: { readsConfig: boolean }): EnvironmentInfo {
  const home = homeDirectory()
  const temporary = process.env['TMPDIR']
  const cwd = currentDirectory()
  const tools = bundledTools()
  return {
    shell: loginShell(),
    cwd: pathToUri(cwd),
    ...(home === undefined ? {} : { userHomeDir: pathToUri(home) }),
    tempDir: pathToUri(temporaryDirectory()),
    temporaryDirectories: temporary ? [pathToUri(temporary.startsWith('/') ? temporary : resolve(cwd, temporary))] : [],
    executorVersion: EXECUTOR_VERSION,
    platformOs: process.platform === 'darwin' ? 'macos' : process.platform,
    ...(tools === undefined ? {} : { prependPathDirs: [pathToUri(tools.folder)] }),
    capabilities: capabilities(readsConfig),
  }
}
