/** A certificate that signs itself, kept in a private directory so that its fingerprint stays the same. */
import { X509Certificate } from 'node:crypto'
import { lstatSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { makeDirectories } from '../../base/make-directories.ts'
import { errorCode, reasonOf } from '../../base/os-error-text.ts'
import { readKeyPair } from './key-pair.ts'
import type { KeyPair, KeyPairFiles } from './key-pair.ts'
import type { TlsSource } from './serve-tls.ts'

/** Names that every certificate has: those of this machine for itself. */
const OWN_NAMES = ['localhost', '127.0.0.1', '::1']

/** What may stand in a certificate. `*` alone may not. */
const DNS_NAME = /^(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/

/** Addresses that stand for all. */
const ANY = ['0.0.0.0', '::']

/** Where it is kept, and whether it was made now. */
export type SelfSigned = TlsSource & { isNew: boolean }

/**
 * The directory for what this program keeps: of XDG_STATE_HOME, or below the home directory.
 * @throws {Error} if there is neither
 */
export function stateDirectory(env: NodeJS.ProcessEnv = process.env, home = homedir()): string {
  const given = env['XDG_STATE_HOME']
  if (given?.startsWith('/') === true) return join(given, 'exec-server')
  if (!home.startsWith('/')) throw new Error('there is no home directory to keep it in: use --tls-cert and --tls-key')
  return join(home, '.local', 'state', 'exec-server')
}

/**
 * The pair that is kept in `directory`. It is made if there is none, if it has expired, or if it lacks one of `names`: host
 * names, also `*.NAME`, and IP addresses.
 * @throws {Error} if the directory is not this user's alone, or cannot be written
 */
export async function selfSigned(names: readonly string[], directory = stateDirectory()): Promise<SelfSigned> {
  const wanted = certifiable(names)
  const folder = join(directory, 'tls')
  makeDirectories(directory)
  refuseShared(directory)
  const files = { certificate: join(folder, 'certificate.pem'), key: join(folder, 'key.pem') }
  const kept = readKept(files)
  const known = kept === undefined ? [] : namesOf(kept)
  if (kept !== undefined && kept.expires.getTime() > Date.now() && wanted.every((name) => known.includes(name)))
    return { files, pair: kept, isNew: false }
  const { createCertificate } = await import('./create-certificate.ts')
  const made = await createCertificate([...new Set([...known, ...wanted])])
  replaceFolder(directory, folder, made)
  return { files, pair: readKeyPair(files), isNew: true }
}

/** The names that a certificate for these can have. */
function certifiable(names: readonly string[]): string[] {
  const lower = names.map((name) => name.toLowerCase().replace(/\.$/, ''))
  const fit = lower.filter((name) => (isIP(name) === 0 ? DNS_NAME.test(name) : !ANY.includes(name)))
  return [...new Set([...OWN_NAMES, ...fit.map(normalAddress)])]
}

/** In the spelling that certificates are read with. */
const normalAddress = (name: string): string =>
  isIP(name) === 6 ? new URL(`http://[${name}]`).hostname.slice(1, -1) : name

function namesOf({ certificate }: KeyPair): string[] {
  const { subjectAltName = '' } = new X509Certificate(certificate)
  return subjectAltName.split(', ').map((entry) => normalAddress(entry.replace(/^(DNS|IP Address):/, '').toLowerCase()))
}

/** Undefined if there is none, or half of one. */
function readKept(files: KeyPairFiles): KeyPair | undefined {
  const isThere = lstatSync(files.certificate, { throwIfNoEntry: false }) !== undefined
  return isThere ? readKeyPair(files) : undefined
}

function refuseShared(directory: string): void {
  const { uid, mode } = lstatSync(directory)
  if (uid !== process.geteuid?.() || (mode & 0o077) !== 0)
    throw new Error(`${directory} is not of this user alone: chown and chmod 700 it`)
}

/** Puts both files in place at once. Another server may do the same: then the one that comes last wins. */
function replaceFolder(
  directory: string,
  folder: string,
  { certificate, key }: { certificate: string; key: string },
): void {
  const fresh = mkdtempSync(join(directory, 'tls-new-'))
  try {
    writeFileSync(join(fresh, 'certificate.pem'), certificate, { mode: 0o600 })
    writeFileSync(join(fresh, 'key.pem'), key, { mode: 0o600 })
    rmSync(folder, { recursive: true, force: true })
    renameSync(fresh, folder)
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true })
    // Another server was faster.
    if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') throw new Error(reasonOf(error))
  }
}
