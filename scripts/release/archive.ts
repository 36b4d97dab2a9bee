/** What is in the archive for a target. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { commands } from '../../src/cli/commands.ts'
import { manPage } from '../../src/cli/manual/man-page.ts'
import { collectManual, completionFor } from '../../src/cli/print-manual.ts'
import { MUSL_LIBRARIES, MUSL_PREFIX } from '../build/bundled-glibc.ts'
import type { Target } from '../build/targets.ts'
import type { ArchiveFile } from './tar.ts'

/** What an archive is made of. */
export type ArchiveParts = {
  version: string
  target: Target
  /** The path of the executable. */
  executable: string
  /** The licences and notices of all that is inside it. */
  notices: string
  /** The folder of the C library that comes with it. Undefined: none does. */
  libraries: string | undefined
}

const UNITS = join(import.meta.dirname, 'systemd')

/** Where each completion is looked for below a prefix. */
const COMPLETIONS = {
  bash: 'share/bash-completion/completions/exec-server',
  zsh: 'share/zsh/site-functions/_exec-server',
  fish: 'share/fish/vendor_completions.d/exec-server.fish',
} as const

/** The name of a release's archive for a target, without what tells its format. */
export const archiveName = (version: string, { name }: Pick<Target, 'name'>): string => `exec-server-${version}-${name}`

/** The files, in a folder that is called as the archive is. */
export async function archiveFiles({ version, target, ...parts }: ArchiveParts, root: string): Promise<ArchiveFile[]> {
  const manual = await collectManual(commands)
  const texts = {
    LICENSE: readFileSync(join(root, 'LICENSE'), 'utf8'),
    NOTICES: parts.notices,
    'CHANGELOG.md': readFileSync(join(root, 'CHANGELOG.md'), 'utf8'),
    'share/man/man1/exec-server.1': manPage(manual, version),
    [COMPLETIONS.bash]: completionFor('bash', manual),
    [COMPLETIONS.zsh]: completionFor('zsh', manual),
    [COMPLETIONS.fish]: completionFor('fish', manual),
    ...(target.platform === 'linux' ? units() : {}),
  }
  const folder = archiveName(version, target)
  return [
    ...Object.entries(texts).map(([path, text]) => ({ path, bytes: Buffer.from(text), isExecutable: false })),
    { path: executablePath(target), bytes: readFileSync(parts.executable), isExecutable: true },
    ...(parts.libraries === undefined ? [] : libraryFiles(parts.libraries)),
  ].map((file) => ({ ...file, path: `${folder}/${file.path}` }))
}

/** With a C library of its own it runs from a fixed place only. */
const executablePath = ({ isMusl }: Target): string =>
  isMusl ? `${MUSL_PREFIX.slice(1)}/exec-server` : 'bin/exec-server'

const libraryFiles = (folder: string): ArchiveFile[] =>
  readdirSync(folder).map((name) => ({
    path: `${MUSL_LIBRARIES.slice(1)}/${name}`,
    bytes: readFileSync(join(folder, name)),
    isExecutable: !name.startsWith('COPYRIGHT.'),
  }))

const units = (): Record<string, string> => ({
  'lib/systemd/system/exec-server@.service': readFileSync(join(UNITS, 'exec-server@.service'), 'utf8'),
  'lib/systemd/user/exec-server.service': readFileSync(join(UNITS, 'exec-server.service'), 'utf8'),
})
