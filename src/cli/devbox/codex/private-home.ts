/**
 * A CODEX_HOME that differs from the user's in environments.toml only: everything else in it is a link to the user's.
 * Codex has no other way to be told of an environment where that file exists.
 */
import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeDirectories } from '../../../base/make-directories.ts'
import { errorCode } from '../../../base/os-error-text.ts'

export type PrivateHome = {
  /** The value of CODEX_HOME. */
  path: string
  /** Takes over into the user's home what Codex has put beside the links, and removes the private one if it is unused. */
  close(): void
}

/** Where private homes are, in the user's: on the same file system, so that files can be moved. */
const FOLDER = 'exec-server'

const ENVIRONMENTS = 'environments.toml'

/** Of one home: locks, sockets, the background server's files, what is made anew at each start. */
const OWN = /^(?:environments\.toml|exec-server|app-server.*|tmp|.*\.(?:lock|sock|pid))$/

/** Made before Codex starts, so that it does not make them in the private home. */
const FOLDERS = ['sessions', 'archived_sessions', 'log', 'memories', 'skills', 'rules', 'shell_snapshots']
/** Linked even if they are not there yet: Codex then writes them through the link. */
const FILES = ['auth.json', 'config.toml', 'history.jsonl', 'session_index.jsonl', 'version.json', 'installation_id']

/** Removed by Codex to log out: where the link has gone, the file must go as well. */
const CREDENTIALS = 'auth.json'

/** Opens the private home with this environments.toml. `home`: the user's CODEX_HOME, made if it is not there. */
export function openPrivateHome(home: string, text: string): PrivateHome {
  const name = createHash('sha256').update(text).digest('hex').slice(0, 16)
  const path = join(home, FOLDER, name)
  makeDirectories(path)
  for (const each of [join(home, FOLDER), path]) chmodSync(each, 0o700)
  // After a run that was killed.
  takeOver(path, home)
  for (const folder of FOLDERS) makeDirectories(join(home, folder))
  for (const entry of new Set([...readdirSync(home), ...FILES])) if (!OWN.test(entry)) link(home, path, entry)
  const fresh = join(path, `${ENVIRONMENTS}.${process.pid}`)
  writeFileSync(fresh, text, { mode: 0o600 })
  renameSync(fresh, join(path, ENVIRONMENTS))
  return {
    path,
    close: () => {
      if (isAbsent(join(path, CREDENTIALS))) rmSync(join(home, CREDENTIALS), { force: true })
      takeOver(path, home)
    },
  }
}

function link(home: string, path: string, entry: string): void {
  try {
    symlinkSync(join(home, entry), join(path, entry))
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  }
}

/** Moves files and new directories to the user's home: a file that has replaced a link is the newer one. */
function takeOver(path: string, home: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const target = join(home, entry.name)
    if (OWN.test(entry.name) || entry.name.startsWith(`${ENVIRONMENTS}.`)) continue
    const isNew = entry.isFile() || (entry.isDirectory() && isAbsent(target))
    if (!isNew) continue
    renameSync(join(path, entry.name), target)
    link(home, path, entry.name)
  }
}

const isAbsent = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) === undefined
