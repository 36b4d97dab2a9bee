/** `exec-server doctor`: what this machine, or a server, can do, and otherwise why not and how to fix it. */
import process from 'node:process'
import { version } from '../../base/version.ts'
import { checkTarget, parseOptions, targetOptions, usageError } from '../devbox/options.ts'
import type { CommandManual } from '../manual/manual.ts'
import { parseDoctor } from '../serve/arguments.ts'
import { withConfig } from '../serve/with-config.ts'
import { reportingUsage } from '../serve/reporting-usage.ts'
import { writeStdout } from '../serve/stdout.ts'
import { findingLines, findingsJson, fine } from './findings.ts'
import type { Finding } from './findings.ts'

const HELP = `Tells what this machine can do as a devbox, or what a server looks like to its clients.

Usage: exec-server doctor [--json] [options of the server]
       exec-server doctor [--json] --url URL [--bearer-token-file PATH] [--tls-ca FILE]

  --json                    one JSON object: version, isFine, and findings of name, value, isFine, notes
  --bwrap PATH              the bubblewrap to look at (default: those on PATH)
  --url URL                 the server to look at, instead of this machine
  --env ID                  the same, for an environment of $CODEX_HOME/environments.toml
  --bearer-token-file PATH  the token that the server of --url asks for
  --tls-ca FILE             trust only the certificates in this PEM file, for a server at wss://
  -h, --help                show this text

Exits 0 if sandboxes can be enforced here, or if all works that was tried with the server; else 1. 255 says that the server
could not be reached.
`

/** Without --url and --env it is about this machine. */
const { local: _, ...remoteOptions } = targetOptions

const serverOptions = { ...remoteOptions, json: { type: 'boolean' } } as const

export const manual: CommandManual = { help: HELP, options: { ...serverOptions, bwrap: { type: 'string' } } }

/** Runs it. Prints usage errors, and sets the exit code. */
export async function doctor(args: readonly string[]): Promise<void> {
  const isRemote = args.some((arg) => /^--(?:url|env|bearer-token-file|tls-ca)(?:=|$)/.test(arg))
  if (args.includes('--help') || args.includes('-h')) return reportingUsage(async () => writeStdout(HELP))
  if (!isRemote) return reportingUsage(() => doctorOfMachine(args), 'doctor')
  const { runDevboxCommand } = await import('../devbox/run-command.ts')
  return runDevboxCommand('doctor', async () => doctorOfServer, args)
}

async function doctorOfMachine(args: readonly string[]): Promise<void> {
  const isJson = args.includes('--json')
  const own = args.filter((arg) => arg !== '--json')
  const command = await withConfig(own, parseDoctor)
  if (command.kind !== 'doctor') return writeStdout(`exec-server ${version}\n`)
  const { examineMachine } = await import('./machine.ts')
  const { examineSandbox } = await import('./sandbox.ts')
  const { listeningServers } = await import('../devbox/listening.ts')
  const print = printer(isJson)
  print.one(fine('exec-server', version))
  for await (const finding of examineMachine()) print.one(finding)
  const { findings, canSandbox } = await examineSandbox(command.sandbox)
  for (const finding of findings) print.one(finding)
  const servers = listeningServers()
  for (const { pid, urls } of servers) print.one(fine('listens', `${urls.join(', ')} (process ${pid})`))
  if (servers.length === 0 && process.platform === 'linux') print.one(fine('listens', 'no exec-server of this user'))
  const verdict = canSandbox
    ? 'Sandboxes can be enforced here.'
    : 'Sandboxes cannot be enforced here: what asks for one is refused.'
  print.end(canSandbox, verdict)
  process.exitCode = canSandbox ? 0 : 1
}

async function doctorOfServer(args: readonly string[]): Promise<number> {
  const { examineServer } = await import('./server.ts')
  const { values, positionals } = parseOptions(args, serverOptions)
  checkTarget(values)
  if (positionals.length > 0) throw usageError('doctor takes options only')
  const print = printer(values.json === true)
  for await (const finding of examineServer(values)) print.one(finding)
  const failed = print.all.filter(({ isFine }) => !isFine).map(({ name }) => name)
  print.end(failed.length === 0, failed.length === 0 ? 'All works that was tried.' : `Not fine: ${failed.join(', ')}.`)
  return failed.length === 0 ? 0 : 1
}

type Printer = { all: Finding[]; one(finding: Finding): void; end(isFine: boolean, verdict: string): void }

/** Lines as they are found, or one object at the end. */
function printer(isJson: boolean): Printer {
  const all: Finding[] = []
  return {
    all,
    one: (finding) => {
      all.push(finding)
      if (!isJson) writeStdout(findingLines(finding))
    },
    end: (isFine, verdict) => writeStdout(isJson ? findingsJson(version, isFine, all) : `\n${verdict}\n`),
  }
}
