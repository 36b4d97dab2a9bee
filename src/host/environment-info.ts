/** The executor's self-description, for `environment/info`. */
import { existsSync } from 'node:fs'
import { homedir, tmpdir, userInfo } from 'node:os'
import { basename } from 'node:path'
import process from 'node:process'
import { pathToUri } from '../protocol/schemas/path-uri.ts'
import type { EnvironmentInfo } from '../protocol/schemas/session.ts'

let shell: { name: string; path: string } | undefined

/** The user's login shell: from the user database, else SHELL, else bash or sh. Cached. */
export function loginShell(): { name: string; path: string } {
  if (shell === undefined) {
    const candidates = [databaseShell(), process.env['SHELL'], '/bin/bash', '/bin/sh']
    const path = candidates.find((candidate) => candidate?.startsWith('/') && existsSync(candidate)) ?? '/bin/sh'
    shell = { name: basename(path), path }
  }
  return shell
}

function databaseShell(): string | undefined {
  try {
    return userInfo().shell ?? undefined
  } catch {
    // No entry for this user id, as in containers.
    return undefined
  }
}

function homeDirectory(): string | undefined {
  try {
    const home = homedir()
    return home.startsWith('/') ? home : undefined
  } catch {
    return undefined
  }
}

function capabilities(): Record<string, boolean> {
  return {
    fileWriteStreaming: true,
    httpHeaderEnvVars: true,
    fsWatchMissing: true,
    ...(process.platform === 'linux' ? LINUX_CAPABILITIES : {}),
  }
}

const LINUX_CAPABILITIES = {
  // On macOS, requirements may also come from a device profile, which is not read here; the policy must be complete.
  environmentConfigRead: true,
  // The server reopens a helper's file through /proc.
  sandboxedFileStreaming: true,
  // Each root is scanned in its own sandbox.
  capabilityDiscoverySandbox: true,
  // A sandbox that may write everything but a few places keeps the standard devices, and no others.
  linuxRootWritePreservesDevices: true,
}

function currentDirectory(): string {
  try {
    return process.cwd()
  } catch {
    // The directory has been removed.
    return '/'
  }
}

/** Describes this machine: shell, directories (as file: URIs), platform and capabilities. */
export function environmentInfo(): EnvironmentInfo {
  const home = homeDirectory()
  const temporary = process.env['TMPDIR']
  return {
    shell: loginShell(),
    cwd: pathToUri(currentDirectory()),
    ...(home === undefined ? {} : { userHomeDir: pathToUri(home) }),
    tempDir: pathToUri(tmpdir()),
    temporaryDirectories: temporary?.startsWith('/') ? [pathToUri(temporary)] : [],
    platformOs: process.platform === 'darwin' ? 'macos' : process.platform,
    capabilities: capabilities(),
  }
}
