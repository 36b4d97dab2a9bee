/**
 * `npm run release`: makes everything that is published, for each target. The same checkout gives the same archives,
 * except for the code cache in an executable.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { bundledFiles } from '../build/bundle/bundle.ts'
import { buildExecutable } from '../build/executable.ts'
import { glibcOf } from '../build/glibc.ts'
import { collectNotices, packagesInside } from '../build/notices.ts'
import type { Target } from '../build/targets.ts'
import { archiveFiles, archiveName } from './archive.ts'
import { SUMS, writeChecksums } from './checksums.ts'
import { compress } from './compress.ts'
import { isPackaged, packMain, packPlatform } from './npm-packages.ts'
import { parseOptions, USAGE } from './options.ts'
import type { ReleaseOptions } from './options.ts'
import { sbom } from './sbom.ts'
import { measureStartUp } from './start-up.ts'
import type { StartUp } from './start-up.ts'
import { tar } from './tar.ts'
import { releaseVersion } from './version.ts'

const root = join(import.meta.dirname, '..', '..')

const options = readOptions()
if (options === undefined) process.stdout.write(USAGE)
else await release(options)

function readOptions(): ReleaseOptions | undefined {
  try {
    return parseOptions(process.argv.slice(2), process.env, root)
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    process.exit(2)
  }
}

async function release({ targets, formats, output, tag, makesPackages, ...more }: ReleaseOptions): Promise<void> {
  const version = releaseVersion(root, tag)
  const time = commitTime()
  rmSync(output, { recursive: true, force: true })
  mkdirSync(output, { recursive: true })
  const work = mkdtempSync(join(tmpdir(), 'exec-server-release-'))
  try {
    const packages = packagesInside(await bundledFiles(root))
    writeFileSync(join(output, `exec-server-${version}.cdx.json`), sbom(root, packages, time))
    for (const target of targets) {
      const executable = more.executables.get(target.name) ?? join(work, 'exec-server')
      if (!more.executables.has(target.name)) await build(target, executable)
      const libraries = target.isMusl ? glibcOf(target.arch, root) : undefined
      const notices = collectNotices(root, packages, libraries)
      const archive = tar(await archiveFiles({ version, target, executable, notices, libraries }, root), time)
      for (const format of formats)
        writeFileSync(join(output, `${archiveName(version, target)}.${format}`), compress(archive, format, more.level))
      if (makesPackages && isPackaged(target)) packPlatform(target, executable, notices, root, output)
    }
    if (makesPackages) packClient(work, output)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  copyFileSync(join(import.meta.dirname, 'install.sh'), join(output, 'install.sh'))
  report(output, [...writeChecksums(output), SUMS])
}

async function build(target: Target, executable: string): Promise<void> {
  await buildExecutable(target, executable, root)
  const size = `${(statSync(executable).size / 1e6).toFixed(1)} MB`
  const startUp = await measureStartUp(target, executable, root)
  console.log(`${target.name}: ${size}, ${startUp === undefined ? 'does not run here' : describe(startUp)}`)
}

function describe({ milliseconds, isEmulated }: StartUp): string {
  return `serves after ${milliseconds.toFixed(0)} ms${isEmulated ? ' under qemu' : ''}`
}

function packClient(work: string, output: string): void {
  const client = join(work, 'client')
  const script = join(root, 'scripts', 'build-client.ts')
  execFileSync(process.execPath, [script, '--output', client], { stdio: ['ignore', 'ignore', 'inherit'] })
  packMain(client, root, output)
}

/** The time that all files get, in seconds since the epoch: SOURCE_DATE_EPOCH, or that of the commit. */
function commitTime(): number {
  const given = process.env['SOURCE_DATE_EPOCH']
  if (given !== undefined) return Number(given)
  return Number(execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8' }))
}

function report(folder: string, names: readonly string[]): void {
  console.log(folder)
  for (const name of names) {
    const megabytes = statSync(join(folder, name)).size / 1e6
    console.log(`${megabytes.toFixed(1).padStart(8)} MB  ${name}`)
  }
}
