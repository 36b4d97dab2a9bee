/** What a server finds on this machine, sandboxes aside. */
import { accessSync, constants, existsSync } from 'node:fs'
import { release } from 'node:os'
import process from 'node:process'
import { isDeno } from '../../base/runtime.ts'
import { bundledLibraries } from '../../base/sea.ts'
import { reasonOf } from '../../base/os-error-text.ts'
import { closeDescriptor, getLimit } from '../../host/ffi/libc.ts'
import { nullDeviceFailure } from '../../host/os-error.ts'
import { homeDirectory, isShell, loginShell, temporaryDirectory } from '../../host/own-user.ts'
import { hasProc } from '../../host/process-tree/proc-stat.ts'
import { canTag } from '../../host/process-tree/process-tag.ts'
import { openFilesLimits } from '../../host/process/open-files-limit.ts'
import { glibcVersion, ptyAddon } from '../../host/process/pty-addon.ts'
import { openListener } from '../../server/http/listener.ts'
import { missingForConnections } from '../../server/connection-check.ts'
import { missingInternals } from '../../server/runtime-check.ts'
import { amiss, fine } from './findings.ts'
import type { Finding } from './findings.ts'

/** Looks at everything in turn. */
export async function* examineMachine(): AsyncGenerator<Finding, void, undefined> {
  yield fine('platform', `${process.platform} ${process.arch}, kernel ${release()}`)
  yield await examineRuntime()
  const isLinux = process.platform === 'linux'
  if (isLinux && !isDeno) yield examineLibrary()
  if (isLinux) yield examineProc()
  yield examineHome()
  yield examineShell()
  yield examineTemporary()
  yield examineNullDevice()
  yield examineTerminals()
  if (isLinux) {
    yield examineOpenFiles()
    yield* examineLimits()
  }
  yield examineCleanUp()
}

/** What is used of the runtime without being documented, and may be missing in a version of it. */
async function examineRuntime(): Promise<Finding> {
  // Without a loopback interface, what only connections need is not examined.
  const listener = await openListener('127.0.0.1', 0).catch(() => undefined)
  const missing = [...missingInternals(listener?.server), ...missingForConnections()]
  listener?.close()
  const runtime = isDeno ? 'Deno' : `Node ${process.version}`
  if (missing.length === 0) return fine('runtime', `${runtime}: all that is used of it is there`)
  return amiss('runtime', runtime, ...missing.map(({ name, lost }) => `${name} is missing: ${lost}`))
}

function examineLibrary(): Finding {
  const version = glibcVersion()
  if (version === undefined) return amiss('C library', 'not glibc', 'terminals are not available')
  const bundled = bundledLibraries()
  return fine('C library', `glibc ${version}${bundled === undefined ? '' : `, which came along, in ${bundled}`}`)
}

function examineProc(): Finding {
  if (hasProc()) return fine('/proc', 'yes')
  return amiss(
    '/proc',
    'none',
    'no sandboxes; processes that leave their group are left behind: mount -t proc proc /proc',
  )
}

function examineHome(): Finding {
  const home = homeDirectory()
  if (home === undefined)
    return amiss('home', 'none: neither HOME nor the user database says where', 'set HOME if commands need one')
  return existsSync(home) ? fine('home', home) : amiss('home', `${home}, which does not exist`)
}

function examineShell(): Finding {
  const { path } = loginShell()
  const notes = isShell('/bin/sh') ? [] : ['there is no /bin/sh: commands that need a shell cannot run']
  return isShell(path) && notes.length === 0 ? fine('shell', path) : amiss('shell', path, ...notes)
}

function examineTemporary(): Finding {
  const directory = temporaryDirectory()
  try {
    accessSync(directory, constants.W_OK | constants.X_OK)
    return fine('temporary files', directory)
  } catch (error) {
    return amiss('temporary files', `${directory}: ${reasonOf(error)}`, 'set TMPDIR if commands need it')
  }
}

function examineNullDevice(): Finding {
  const failure = nullDeviceFailure()
  return failure === undefined ? fine('/dev/null', 'yes') : amiss('/dev/null', failure, 'few commands can be started')
}

function examineTerminals(): Finding {
  try {
    const { master, slave } = ptyAddon().open(80, 24)
    for (const fd of [master, slave]) closeDescriptor(fd)
    return fine('terminals', 'yes')
  } catch (error) {
    return amiss('terminals', (error as Error).message, 'they need /dev/ptmx and a devpts file system on /dev/pts')
  }
}

const UNLIMITED = 2n ** 64n - 1n
const limitText = (limit: bigint): string => (limit === UNLIMITED ? 'unlimited' : String(limit))

/** Fewer than this are soon used up by connections and the pipes of commands. */
const FEW_FILES = 1024n

function examineOpenFiles(): Finding {
  const limits = openFilesLimits()
  if (limits === undefined) return fine('open files', 'not known')
  const value = `${limitText(limits.soft)}; commands get ${limitText(limits.commands)}`
  if (limits.soft >= FEW_FILES) return fine('open files', value)
  return amiss('open files', value, 'a server soon needs more: raise the hard limit (ulimit -Hn, LimitNOFILE=)')
}

/** Resource limits by their numbers on Linux; only those that are set are worth a line. */
const LIMITS = { 'address space': 9, processes: 6, 'file size': 1 }

function* examineLimits(): Generator<Finding> {
  for (const [name, resource] of Object.entries(LIMITS)) {
    const soft = getLimit(resource)?.soft
    if (soft !== undefined && soft !== UNLIMITED)
      yield fine(name, `limited to ${soft}${name === 'processes' ? '' : ' bytes'}`)
  }
}

/** What the watchdog calls, and where it looks for it. */
const WATCHDOG_PROGRAM = 'grep'

function examineCleanUp(): Finding {
  if (process.platform !== 'linux')
    return fine('clean-up', 'process groups only; nothing outlives the server that could clean up after a kill -9')
  if (!canTag()) {
    const lost = 'processes that leave their group, or outlive a killed server, are left behind'
    return amiss('clean-up', 'process groups only', lost)
  }
  const folders = `${process.env['PATH'] ?? ''}:/usr/bin:/bin`.split(':')
  const hasProgram = folders.some((folder) => isShell(`${folder}/${WATCHDOG_PROGRAM}`))
  if (isShell('/bin/sh') && hasProgram && nullDeviceFailure() === undefined)
    return fine('clean-up', 'everything that was started is found by its tag; a watchdog outlives the server')
  return amiss(
    'clean-up',
    'everything that was started is found by its tag, while the server runs',
    `the watchdog needs /bin/sh, ${WATCHDOG_PROGRAM} and /dev/null: without it a killed server leaves processes behind`,
  )
}
