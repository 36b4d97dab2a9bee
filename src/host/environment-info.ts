/** What the executor tells of itself. */
import { existsSync } from 'node:fs'
import { homedir, tmpdir, userInfo } from 'node:os'
import { basename } from 'node:path'
import process from 'node:process'
import { pathToUri } from '../protocol/schemas/path-uri.ts'
import type { EnvironmentInfo } from '../protocol/schemas/session.ts'

let shell: { name: string; path: string } | undefined

/** The user's login shell as the user database has it, else as the environment has it, else what there is. */
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
    // A user id without an entry, as containers have.
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
  // On macOS requirements may come with a device profile as well, which we do not read; and policy is not left out.
  environmentConfigRead: true,
  // What a helper has opened is taken over by way of /proc.
  sandboxedFileStreaming: true,
  // Each root is looked through in its own sandbox.
  capabilityDiscoverySandbox: true,
  // A sandbox that may write everything but a few places still has the standard devices, and no others.
  linuxRootWritePreservesDevices: true,
}

function currentDirectory(): string {
  try {
    return process.cwd()
  } catch {
    // Removed meanwhile.
    return '/'
  }
}

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
