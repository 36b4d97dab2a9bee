/** `--write-config`: makes the devbox the default of environments.toml. */
import {
  chmodSync,
  closeSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import process from 'node:process'
import { makeDirectories } from '../../../base/make-directories.ts'
import { errorCode, reasonOf } from '../../../base/os-error-text.ts'
import type { EnvironmentSpec } from '../../../client/environments/spec.ts'
import { diffOf } from '../../../mcp/text/patch.ts'
import { CommandError } from '../base/command-error.ts'
import { edited, fileFor, tokenOf } from './environments-file.ts'

/** What is to be written, and what it changes; a token does not stand in the diff. */
export type Change = { text: string; diff: string }

/**
 * The change that is needed. Undefined: the file is right.
 * @throws {CommandError} with what to write by hand, if the file cannot be edited
 */
export async function changeOf(
  file: string,
  text: string | undefined,
  spec: EnvironmentSpec,
): Promise<Change | undefined> {
  const after = await edited(text ?? '', spec, dirname(file))
  const token = tokenOf(spec)
  const shown = (each: string): string => (token === undefined ? each : each.replaceAll(token, '…'))
  if (after === undefined) {
    const wanted = shown(await fileFor(spec, undefined, file))
    throw new CommandError(`${file} has a layout that is not edited here`, 1, [
      'write by hand:',
      ...wanted.trimEnd().split('\n'),
    ])
  }
  return after === text ? undefined : { text: after, diff: diffOf(file, shown(text ?? ''), shown(after)) }
}

/** Of a new file: it may hold a token. */
const NEW_MODE = 0o600

/**
 * Writes the file at once: readers see the old text or the new one. Its mode stays, and a link to it.
 * @throws {CommandError} if it cannot be written
 */
export function writeFile(file: string, text: string): void {
  let fresh: string | undefined
  try {
    makeDirectories(dirname(file))
    const { path, mode } = placeOf(file)
    fresh = `${path}.${process.pid}.new`
    const fd = openSync(fresh, 'wx', NEW_MODE)
    try {
      writeSync(fd, text)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    chmodSync(fresh, mode)
    renameSync(fresh, path)
  } catch (error) {
    if (fresh !== undefined) rmSync(fresh, { force: true })
    throw new CommandError(`cannot write ${file}: ${reasonOf(error)}`, 1)
  }
}

function placeOf(file: string): { path: string; mode: number } {
  try {
    return { path: realpathSync(file), mode: statSync(file).mode & 0o7777 }
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    return { path: file, mode: NEW_MODE }
  }
}
