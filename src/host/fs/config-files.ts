/** Locates and reads the files of Codex's configuration. */
import { stat } from 'node:fs/promises'
import { hostname, userInfo } from 'node:os'
import { resolve } from 'node:path'
import process from 'node:process'
import type { ConfigFiles } from '../../core/codex-config/config-files.ts'
import { canonicalize, readFile } from './files.ts'
import { nativePath } from './native-path.ts'
import { errorCode } from '../../base/os-error-text.ts'
import { fileError } from '../os-error.ts'

/** There is no directory for the configuration: neither the environment nor the user database names one. */
export class NoHomeError extends Error {}

/**
 * Returns the access to the configuration files; `maxBytes` limits the size of each. `read` resolves with undefined for
 * a missing file, and throws an Error with the path for one that is unreadable, too large or not UTF-8.
 */
export function configFiles(
  maxBytes: number,
  systemDirectory = '/etc/codex',
  environment: NodeJS.ProcessEnv = process.env,
): ConfigFiles {
  return {
    systemDirectory,
    homes: async () => {
      const user = userHome(environment)
      const codex = await codexHome(environment, user)
      return { ...(user?.startsWith('/') ? { user: resolve(user) } : {}), codex }
    },
    hostname: () => hostname() || undefined,
    read: (path) => readText(path, maxBytes),
    kindOf: async (path) => {
      const info = await stat(nativePath(path)).catch(() => undefined)
      return info?.isDirectory() ? 'directory' : info?.isFile() ? 'file' : undefined
    },
    canonicalize: canonicalPath,
  }
}

async function readText(path: string, maxBytes: number): Promise<string | undefined> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(path, { followSymlinks: true, maxBytes, reserve: () => undefined })
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw new Error(`${path}: ${fileError(error).message}`)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new Error(`${path}: not UTF-8`)
  }
}

const canonicalPath = (path: string): Promise<string | undefined> => canonicalize(path).catch(() => undefined)

/** HOME, even if it is not absolute; else the user database's home directory. */
function userHome(environment: NodeJS.ProcessEnv): string | undefined {
  try {
    return environment['HOME'] || userInfo().homedir || undefined
  } catch {
    // No entry for this user id, as in containers.
    return undefined
  }
}

async function codexHome(environment: NodeJS.ProcessEnv, user: string | undefined): Promise<string> {
  const stated = environment['CODEX_HOME']
  if (!stated) {
    if (user === undefined) throw new NoHomeError('neither CODEX_HOME nor HOME says where it is')
    return resolve(user, '.codex')
  }
  const path = await canonicalPath(resolve(stated))
  if (path === undefined) throw new Error(`CODEX_HOME is \`${stated}\`, which does not exist`)
  if (!(await stat(nativePath(path))).isDirectory())
    throw new Error(`CODEX_HOME is \`${stated}\`, which is not a directory`)
  return path
}
