/** process/start: what is started, with what, and what cannot be. */
import { malformed, requests, script } from '../case.ts'
import type { Case } from '../case.ts'
import { NEW, OLD } from '../reference.ts'

const PATH = '/usr/bin:/bin'
const own = { own: true }

type Params = Record<string, unknown>

const base: Params = { processId: 'p', argv: ['true'], cwd: '$/', env: { PATH }, tty: false }

const PAUSE = 'sleep 0.1; exit'

/** A script; the pause lets its output come before its end is noticed. */
const sh = (text: string): Params => ({ ...base, argv: ['/bin/sh', '-c', `${text}\nstatus=$?; ${PAUSE} $status`] })

/** Started, and watched to its end. */
function runs(name: string, params: Params, release?: string): Case {
  return script(
    `process/start ${name}`,
    async (scene) => {
      const talk = await scene.connect()
      const started = await talk.ask('process/start', params)
      if (started === undefined) return
      await talk.finish('p')
      // Without a pause at its end, the order of output and exit is up to chance.
      if (String(params['argv']).includes(PAUSE)) await talk.ask('process/read', { processId: 'p' })
    },
    release,
  )
}

const POLICY = { inherit: 'core', ignoreDefaultExcludes: false, exclude: [], set: {}, includeOnly: [] }

/** What the child finds in its environment, by name. */
const env = (envPolicy: unknown, more: Params = {}): Params => ({
  ...sh('env | grep -v -e ^_= -e ^PWD= -e ^SHLVL= -e ^PATH= -e ^OLDPWD= | sort'),
  envPolicy,
  ...more,
})

const both = (name: string, params: Params): Case[] => [
  runs(name, params),
  runs(`${name} on a terminal`, { ...params, tty: true }),
]

const wellFormed: Case[] = [
  ...both('exit 0', sh('true')),
  ...both('exit 7', sh('exit 7')),
  ...both('exit 255', { ...base, argv: ['/bin/sh', '-c', 'exit 255'] }),
  ...both('killed by a signal', { ...base, argv: ['/bin/sh', '-c', 'sleep 0.1; kill -TERM $$'] }),
  ...both('killed by SIGSEGV', { ...base, argv: ['/bin/sh', '-c', 'sleep 0.1; kill -SEGV $$'] }),
  ...both('output', sh('printf out')),
  ...both('no output', sh(':')),
  runs('stdout and stderr', sh('printf one; sleep 0.1; printf two >&2; sleep 0.1; printf three')),
  runs('bytes that are no text', sh("printf '\\000\\377\\376a\\r\\n'")),
  ...both('where it runs', { ...sh('pwd'), cwd: '$/folder' }),
  ...both('a link for a folder', { ...sh('pwd -P'), cwd: '$/link-to-folder' }),
  ...both('a trailing slash', { ...sh('pwd'), cwd: '$/folder/' }),
  ...both('dots', { ...sh('pwd'), cwd: '$/folder/../folder/./inner' }),
  ...both('its standard descriptors', sh('ls /proc/self/fd | grep -v 3 | tr "\\n" " "')),
  runs('that it has a terminal', { ...sh('test -t 0 && test -t 1 && test -t 2 && stty size'), tty: true }),
  ...both('what goes on when it has closed its descriptors', {
    ...base,
    argv: ['/bin/sh', '-c', 'echo x; exec <&- >&- 2>&-; sleep 0.3; exit 7'],
  }),
  runs('that it has none', sh('test -t 0; printf "$? $(readlink /proc/self/fd/0)"')),
  runs('its own session', sh('set -- $(cut -d" " -f1,5,6 /proc/self/stat); test "$2" = "$3" && echo leader')),
  ...both('a program by name', { ...base, argv: ['printf', 'by-name'] }),
  ...both('a program beside the cwd', { ...base, argv: ['./script', 'x'], cwd: '$/' }),
  ...both('a program by path', { ...base, argv: ['$T/script'] }),
  ...both('arg0', { ...base, argv: ['/bin/sh', '-c', `echo $0; ${PAUSE}`], arg0: 'other' }),
  ...both('arg0 null', { ...base, argv: ['/bin/sh', '-c', `echo $0; ${PAUSE}`], arg0: null }),
  runs('arg0 empty', { ...base, argv: ['/bin/cat', '/proc/self/cmdline'], arg0: '' }),
  ...both('pipeStdin false', { ...sh('cat'), pipeStdin: false, tty: false }),
  runs('no processId to speak of', { ...base, processId: '' }),
]

const environments: Case[] = [
  ...both('an empty environment', { ...base, argv: ['/usr/bin/env'], env: {} }),
  runs('a variable', { ...base, argv: ['/usr/bin/env'], env: { A: 'b', EMPTY: '', 'WITH SPACE': 'x y' } }),
  runs('PATH elsewhere', { ...base, argv: ['script'], env: { PATH: '$T' } }),
  runs('a variable that is kept from children', {
    ...base,
    argv: ['/usr/bin/env'],
    env: { NODE_REPL_AUTH_TOKEN: 'x', CODEX_API_KEY: 'y' },
  }),
  runs('inherit all', env({ ...POLICY, inherit: 'all' })),
  runs(
    'inherit all, no default excludes',
    env({ ...POLICY, inherit: 'all', ignoreDefaultExcludes: true, exclude: ['EXEC_SERVER_*', 'HOME', 'CODEX_*'] }),
  ),
  runs('inherit core', env(POLICY)),
  runs('inherit none', env({ ...POLICY, inherit: 'none' })),
  runs('exclude', env({ ...POLICY, inherit: 'all', exclude: ['parity_*', 'us?r', 'EXEC_SERVER_*'] })),
  runs('exclude nothing', env({ ...POLICY, exclude: ['', '[A-Z]*'] })),
  runs('set', env({ ...POLICY, inherit: 'none', set: { A_KEY: 'set', B: 'set' } }, { env: { B: 'env' } })),
  runs(
    'includeOnly',
    env({ ...POLICY, inherit: 'all', set: { A: '1', B: '2' }, includeOnly: ['a', 'PARITY_*'] }, { env: { C: '3' } }),
  ),
  runs('default excludes pass over env', env({ ...POLICY, inherit: 'none' }, { env: { MY_TOKEN: 'x' } })),
  runs('a policy of null', env(null, { env: { ONLY: 'this' } })),
  ...malformed('process/start', { ...base, envPolicy: POLICY }, { envPolicy: 'object' }, own),
  ...requests(
    'process/start',
    Object.fromEntries([
      ...Object.keys(POLICY).map((member) => [
        `envPolicy without ${member}`,
        { ...base, envPolicy: { ...POLICY, [member]: undefined } },
      ]),
      ...Object.keys(POLICY).map((member) => [
        `envPolicy with ${member} null`,
        { ...base, envPolicy: { ...POLICY, [member]: null } },
      ]),
      ['envPolicy inherit ALL', { ...base, envPolicy: { ...POLICY, inherit: 'ALL' } }],
      ['envPolicy unknown member', { ...base, envPolicy: { ...POLICY, more: 1 } }],
      ['envPolicy exclude of numbers', { ...base, envPolicy: { ...POLICY, exclude: [1] } }],
    ]),
    own,
  ),
]

const impossible: Case[] = [
  ...malformed(
    'process/start',
    base,
    { processId: 'string', argv: 'list', cwd: 'string', env: 'map', tty: 'boolean' },
    own,
  ),
  ...malformed('process/start', { ...base, pipeStdin: true }, { pipeStdin: 'boolean' }, own).slice(6),
  ...malformed('process/start', { ...base, arg0: 'x' }, { arg0: 'string' }, own).slice(6),
  ...both('nothing', { ...base, argv: [] }),
  ...both('an empty name', { ...base, argv: [''] }),
  ...both('a missing program', { ...base, argv: ['no-such-program'] }),
  ...both('a missing program by path', { ...base, argv: ['/no/such/program'] }),
  ...both('a folder', { ...base, argv: ['$T/folder'] }),
  ...both('a file that may not be run', { ...base, argv: ['$T/file.txt'] }),
  ...both('a file that is no program', { ...base, argv: ['$T/not-a-program'] }),
  ...both('a missing interpreter', { ...base, argv: ['$T/no-interpreter'] }),
  ...both('a program below a file', { ...base, argv: ['$T/file.txt/x'] }),
  ...both('a NUL in an argument', { ...base, argv: ['true', 'a\0b'] }),
  ...both('a NUL in a variable', { ...base, env: { PATH, A: 'a\0b' } }),
  ...both('a NUL in a name', { ...base, env: { PATH, 'A\0': 'a' } }),
  ...both('a name with an equals sign', { ...base, argv: ['/usr/bin/env'], env: { 'A=B': 'c' } }),
  ...both('an argument that is too long', { ...base, argv: ['true', 'x'.repeat(200_000)] }),
  ...both('a missing folder', { ...base, cwd: '$/nowhere' }),
  ...both('a file for a folder', { ...base, cwd: '$/file.txt' }),
  ...both('a folder below a file', { ...base, cwd: '$/file.txt/x' }),
  ...both('no PATH', { ...base, argv: ['env'], env: {} }),
  script('process/start the same id', async (scene) => {
    const talk = await scene.connect()
    await talk.ask('process/start', { ...base, argv: ['sleep', '60'] })
    await talk.ask('process/start', base)
    await talk.ask('process/start', { ...base, argv: [] })
    await talk.ask('process/start', { ...base, argv: ['no-such-program'] })
    await talk.ask('process/terminate', { processId: 'p' })
    await talk.finish('p')
    await talk.ask('process/start', base)
  }),
  script('process/start again after a failure', async (scene) => {
    const talk = await scene.connect()
    await talk.ask('process/start', { ...base, argv: ['no-such-program'] })
    await talk.ask('process/read', { processId: 'p' })
    await talk.ask('process/start', sh('printf again'))
    await talk.finish('p')
  }),
]

const cwds: Case[] = [
  ...requests(
    'process/start',
    {
      'cwd empty': { ...base, cwd: '' },
      'cwd relative': { ...base, cwd: 'nowhere/at/all' },
      'cwd a NUL': { ...base, cwd: '$/a\0b' },
    },
    own,
  ),
  ...requests(
    'process/start',
    {
      'cwd a plain path': { ...base, cwd: '$T' },
      'cwd of another scheme': { ...base, cwd: 'http://localhost$T' },
      'cwd with a query': { ...base, cwd: 'file://$T?q' },
      'cwd with a fragment': { ...base, cwd: 'file://$T#f' },
      'cwd on another host': { ...base, cwd: 'file://host$T' },
      'cwd on localhost': { ...base, cwd: 'file://localhost$T' },
      'cwd of one slash': { ...base, cwd: 'file:$T' },
      'cwd in capitals': { ...base, cwd: 'FILE://$T' },
      'cwd of no path': { ...base, cwd: 'file:' },
      'cwd on a drive': { ...base, cwd: 'file:///C:/x' },
    },
    { release: NEW, own: true },
  ),
  ...requests('process/start', { 'cwd a URI': { ...base, cwd: 'file://$T' } }, { release: OLD, own: true }),
]

const BASH = { name: 'bash', path: '/bin/bash' }
const FISH = { name: 'fish', path: '/bin/bash' }
/** Nothing of the user's own is read, so that its startup files do not tell the two sides apart. */
const login = {
  ...base,
  env: { HOME: '/nonexistent', PATH: '/usr/bin:/bin' },
  argv: ['/bin/bash', '-lc', `echo "$0 $1 $HOME $A $(shopt login_shell)"; ${PAUSE} 3`, 'zero', 'one'],
}
const shellSnapshot = { scopeId: 's', shell: BASH }

/** What newer clients add. */
const newer: Case[] = [
  ...requests(
    'process/start',
    {
      'sandbox null': { ...base, sandbox: null },
      'enforceManagedNetwork false': { ...base, enforceManagedNetwork: false, managedNetwork: null },
      'enforceManagedNetwork null': { ...base, enforceManagedNetwork: null },
      'enforceManagedNetwork text': { ...base, enforceManagedNetwork: 'true' },
      'enforceManagedNetwork true': { ...base, enforceManagedNetwork: true },
      'managedNetwork without being enforced': {
        ...base,
        managedNetwork: { loopbackPorts: [1], allowLocalBinding: false },
      },
      'managedNetwork malformed': { ...base, managedNetwork: 5 },
      'networkProxy null': { ...base, networkProxy: null },
      'networkProxy malformed': { ...base, networkProxy: 5 },
      'metadata null': { ...base, metadata: null },
      metadata: { ...base, metadata: { threadId: '0190a0b0-c0d0-7000-8000-000000000000', toolCallId: 'c' } },
      'metadata with a threadId that is no UUID': { ...base, metadata: { threadId: 't', toolCallId: 'c' } },
      'metadata empty': { ...base, metadata: {} },
      'metadata malformed': { ...base, metadata: 5 },
      'metadata of numbers': { ...base, metadata: { threadId: 5 } },
      'shellSnapshot null': { ...base, shellSnapshot: null },
      'shellSnapshot malformed': { ...base, shellSnapshot: 5 },
      'shellSnapshot without a shell': { ...base, shellSnapshot: { scopeId: 's' } },
      'shellSnapshot without a scope': { ...base, shellSnapshot: { scopeId: '', shell: BASH } },
      'shellSnapshot with a long scope': { ...base, shellSnapshot: { scopeId: 'é'.repeat(129), shell: BASH } },
      'shellSnapshot of a shell that is not known': { ...login, shellSnapshot: { scopeId: 's', shell: FISH } },
      'shellSnapshot of another command': { ...base, shellSnapshot: { scopeId: 's', shell: FISH } },
    },
    { release: NEW, own: true },
  ),
  runs('a login shell with a snapshot', { ...login, shellSnapshot }, NEW),
  runs(
    'a login shell with a snapshot and a policy',
    { ...login, shellSnapshot, envPolicy: { ...POLICY, set: { A: '1' } } },
    NEW,
  ),
  runs('a login shell with a snapshot on a terminal', { ...login, shellSnapshot, tty: true }, NEW),
  runs(
    'a shell that is no login shell, with a snapshot',
    { ...login, argv: ['/bin/bash', '-c', `echo "$A"; ${PAUSE}`], shellSnapshot },
    NEW,
  ),
]

export const processStart: readonly Case[] = [...wellFormed, ...environments, ...impossible, ...cwds, ...newer]
