/**
 * Programs for the lines of the READMEs that need what a test machine does not have: another machine, root, Codex, an
 * editor, the packages of a checkout. Each checks how it is called, and fails at anything else.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, serverCommand } from '../../support/server.ts'

const node = join(root, 'node_modules', '.bin', 'node')

/** In shell, but for `codex` and `npm`. `$DEVBOX` is the home folder on the devbox, `$BIN` its /usr/local/bin. */
const SCRIPTS: Readonly<Record<string, string>> = {
  // Builds an executable that stands for the real one, which test/e2e/executable.test.ts builds.
  npm: `#!${node}
const { scripts } = require(${JSON.stringify(join(root, 'package.json'))})
const args = process.argv.slice(2)
const name = args[0] === 'run' ? args[1] : args[0]
if (name !== 'ci' && scripts[name] === undefined) throw new Error('npm has no ' + args.join(' '))
if (name === 'build') {
  require('node:fs').mkdirSync('dist', { recursive: true })
  require('node:fs').copyFileSync(process.env.EXECUTABLE, 'dist/exec-server')
}`,
  scp: `#!/bin/sh -e
test $# = 2 && test "$2" = devbox: && cp "$1" "$DEVBOX"`,
  ssh: `#!/bin/sh -e
if [ "$1" = -N ]; then
  test "$*" = "-N -L $PORT:127.0.0.1:$PORT devbox"
else
  test "$1" = devbox && shift && cd "$DEVBOX" && exec sh -c "$*"
fi`,
  sudo: `#!/bin/sh
exec "$@"`,
  install: `#!/bin/sh -e
test $# = 2 && test "$2" = /usr/local/bin/ && cp "$1" "$BIN"`,
  make: `#!/bin/sh -e
test "$*" = -j8 && exec cat`,
  // As rsync does, it starts a program on the devbox by its remote shell.
  rsync: `#!/bin/sh -e
test $# = 5 && test "$1 $2 $4" = "-a -e src/" && exec $3 "\${5%%:*}" true`,
  vim: `#!/bin/sh -e
test "$*" = notes.txt && test -t 0 && test -t 1 && echo edited`,
  // The handshake that Codex makes with the URL of the variable. Every name of a host is this machine.
  codex: `#!${node}
if (process.argv[2] === '--version') { console.log('codex-cli 0.171.0'); process.exit(0) }
if (process.env.CODEX_EXEC_SERVER_URL === 'none') {
  const home = process.env.CODEX_HOME ?? process.env.HOME + '/.codex'
  if (!/^include_local = false/m.test(require('node:fs').readFileSync(home + '/environments.toml', 'utf8'))) process.exit(1)
  process.exit(0)
}
const url = new URL(process.env.CODEX_EXEC_SERVER_URL)
const headers = { host: url.host, connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' }
headers['sec-websocket-key'] = 'AAAAAAAAAAAAAAAAAAAAAA=='
const { port, pathname: path } = url
const request = require('node:http').request({ host: '127.0.0.1', port, path, headers })
request.on('upgrade', () => { console.log('connected'); process.exit(0) })
request.on('response', ({ statusCode }) => { console.error('HTTP status ' + statusCode); process.exit(1) })
request.end()`,
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** Writes the programs into `bin`. Returns the path of an executable that runs the real program, outside of `bin`. */
export function writeStandIns(bin: string, folder: string): string {
  for (const [name, text] of Object.entries(SCRIPTS)) writeFileSync(join(bin, name), `${text}\n`, { mode: 0o755 })
  const executable = join(folder, 'exec-server')
  const [command, args] = serverCommand([])
  writeFileSync(executable, `#!/bin/sh\nexec ${[command, ...args].map(quoted).join(' ')} "$@"\n`, { mode: 0o755 })
  return executable
}
