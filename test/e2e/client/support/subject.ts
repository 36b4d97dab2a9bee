/**
 * The servers that the library is tried with: ours, from source; and with EXEC_SERVER_TEST_REFERENCE=1 Codex's own releases 0.130.0
 * and 0.171.0 too (others: EXEC_SERVER_TEST_REFERENCE=0.121.0,0.150.0).
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { installedCodex } from '../../../codex/install.ts'
import { endChild, endWithTest } from '../../../support/child.ts'
import { firstLine } from '../../../support/first-line.ts'
import { atEnd } from '../../../support/scope.ts'
import { serverCommand } from '../../../support/server.ts'

/** What a server lacks or gets wrong. */
export type Fault =
  /** process/closeStdin, terminal sizes, signals, a list of processes, output windows: ours alone. */
  | 'noExtensions'
  | 'noHttp'
  | 'noSignal'
  | 'noStdin'
  | 'noBlocks'
  /** A read that waits delays every later request. */
  | 'serial'
  /** A process that was terminated has exit code -1. */
  | 'noSignalCodes'
  /** A missing directory is no error on a terminal. */
  | 'forgivesCwd'
  /** A repeated write is written again. */
  | 'noWriteIds'
  /** It forgets the answer to what came together with the end of its input. */
  | 'noStdioListener'

export type RunningSubject = { url: string; pid: number; stop(): Promise<void> }

export type Subject = {
  name: string
  isOurs: boolean
  /** Undefined for ours. */
  version: string | undefined
  faults: ReadonlySet<Fault>
  /** The command that serves on stdin and stdout. */
  stdioCommand: string[]
  serve(args?: readonly string[]): Promise<RunningSubject>
}

/** The first tested release without the fault. */
const FIXED_IN: Record<Fault, string> = {
  noExtensions: '9',
  serial: '9',
  noStdin: '0.123.0',
  noHttp: '0.125.0',
  noStdioListener: '0.130.0',
  noSignal: '0.140.0',
  noSignalCodes: '0.150.0',
  noBlocks: '0.150.0',
  noWriteIds: '0.150.0',
  forgivesCwd: '9',
}

const isBefore = (version: string, other: string): boolean =>
  version.localeCompare(other, undefined, { numeric: true }) < 0

async function serve(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<RunningSubject> {
  const child = endWithTest(spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'], env }))
  const url = await firstLine(child)
  return {
    url,
    pid: child.pid as number,
    stop: () => endChild(child),
  }
}

function ours(): Subject {
  return {
    name: 'ours',
    isOurs: true,
    version: undefined,
    faults: new Set(),
    stdioCommand: serverCommand(['--listen', 'stdio']).flat(),
    serve: (args = []) => {
      const [program, all] = serverCommand(args)
      return serve(program, all, process.env)
    },
  }
}

/** Codex writes to its home, which must not be below /tmp for its sandbox to work. */
let home: string | undefined
function codexHome(): string {
  if (home === undefined) {
    const folder = mkdtempSync(join(homedir(), '.exec-server-test-'))
    // Called while the test file loads: removed when the process exits.
    atEnd(() => rmSync(folder, { recursive: true, force: true }))
    home = folder
  }
  return home
}

function codex(version: string): Subject {
  const program = installedCodex(version)
  return {
    name: `codex ${version}`,
    isOurs: false,
    version,
    faults: new Set((Object.keys(FIXED_IN) as Fault[]).filter((fault) => isBefore(version, FIXED_IN[fault]))),
    stdioCommand: ['env', `CODEX_HOME=${codexHome()}`, program, 'exec-server', '--listen', 'stdio'],
    serve: (args = []) =>
      serve(program, ['exec-server', '--listen', 'ws://127.0.0.1:0', ...args], {
        ...process.env,
        CODEX_HOME: codexHome(),
      }),
  }
}

const asked = process.env['EXEC_SERVER_TEST_REFERENCE'] ?? ''
const versions = asked === '' ? [] : asked === '1' ? ['0.130.0', '0.171.0'] : asked.split(',')

export const subjects: readonly Subject[] = [ours(), ...versions.map(codex)]
export const [oursOnly] = subjects as [Subject]
