/** Folders of artefacts with a stand-in for the executable, which is quick to pack. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findTarget } from '../../../scripts/build/targets.ts'
import { archiveFiles, archiveName } from '../../../scripts/release/archive.ts'
import { writeChecksums } from '../../../scripts/release/checksums.ts'
import { compress } from '../../../scripts/release/compress.ts'
import type { Format } from '../../../scripts/release/compress.ts'
import { tar } from '../../../scripts/release/tar.ts'
import { root } from '../../support/server.ts'
import { temporaryFolder } from '../../support/temporary.ts'

/** A program that tells this version, and runs for as long as its stdin is open when it is asked to serve. */
export const standIn = (version: string): string => `#!/bin/sh
if [ "\${1-}" = --version ]; then echo "exec-server ${version}"; exit; fi
echo serving; cat
echo "${version} ends"
`

type Archive = {
  version?: string
  target?: string
  formats?: readonly Format[]
  /** The text of the executable, for a shell. */
  program?: string
}

/** Adds an archive to the folder. */
export async function addArchive(
  folder: string,
  { version = '1.0.0', target: name = 'linux-x64', formats = ['tar.gz'], program = standIn(version) }: Archive = {},
): Promise<void> {
  const target = findTarget(name)
  const work = temporaryFolder()
  const [executable, libraries] = [join(work, 'exec-server'), join(work, 'lib')]
  writeFileSync(executable, program)
  mkdirSync(libraries)
  // Runs its last argument but one, as the real loader would.
  writeFileSync(join(libraries, 'ld.so'), '#!/bin/sh\nshift 2\nexec sh "$@"\n')
  const parts = { version, target, executable, notices: 'notices', libraries: target.isMusl ? libraries : undefined }
  const archive = tar(await archiveFiles(parts, root), 1_700_000_000)
  for (const format of formats)
    writeFileSync(join(folder, `${archiveName(version, target)}.${format}`), compress(archive, format, 1))
  writeChecksums(folder)
}
