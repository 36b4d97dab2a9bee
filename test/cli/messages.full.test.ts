/** The messages of the command line, as a person sees them. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { programRunner } from '../support/programs/program-runner.ts'
import { test } from '../support/suite.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { checkTranscript } from './messages/transcript.ts'

/** environments.toml by the folder that is CODEX_HOME. */
const HOMES: Readonly<Record<string, string>> = {
  remote: '[[environments]]\nid = "devbox"\nurl = "ws://127.0.0.1:1"\n',
  program: 'default = "box"\n[[environments]]\nid = "box"\nprogram = "ssh"\nargs = ["devbox", "exec-server"]\n',
  banner: 'default = "box"\n[[environments]]\nid = "box"\nprogram = "sh"\nargs = ["-c", "echo Welcome; exec cat"]\n',
  absent: 'default = "box"\n[[environments]]\nid = "box"\nprogram = "no-such-program"\n',
}

/** Which servers of this user listen here depends on what else is tested. */
const withoutServers = (text: string): string =>
  text.replace(/^ {2}(?:a server of yours listens on this machine: .*|so do(?:es)? \d+ more)\n/gm, '')

test('command lines that name no devbox, or cannot be followed, say what is wrong and what to do', async () => {
  const folder = temporaryFolder()
  for (const [name, text] of Object.entries(HOMES)) {
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, 'environments.toml'), text)
  }
  mkdirSync(join(folder, 'home'))
  const env = { PATH: process.env['PATH'], HOME: join(folder, 'home') }
  await checkTranscript(join(import.meta.dirname, 'messages', 'usage.txt'), programRunner(true), {
    env,
    places: { FOLDER: folder },
    mask: withoutServers,
  })
})

test.run()
