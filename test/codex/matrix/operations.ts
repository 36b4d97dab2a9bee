/** What is tried in every sandbox. An operation is one request, or one command, and fills one or more cells. */
import { Buffer } from 'node:buffer'
import type { Answer } from '../../support/client.ts'
import type { Tree } from './tree.ts'

/** A group of targets that only some profiles are about. */
export type Topic =
  | 'denied'
  | 'extra'
  | 'glob'
  | 'links'
  | 'missing'
  | 'nesting'
  | 'process'
  | 'protected'
  | 'single'
  | 'tmp'

/** What was observed, by aspect. */
export type Aspects = Record<string, string>

/** By operation; most have one, a script one for each thing it tries. */
export type Cells = Record<string, Aspects>

export type Finished = { answer: Answer; exit?: number; denied?: unknown; deniedRead?: unknown; stdout: string }

/** One side, in one profile. */
export type Scene = {
  tree: Tree
  ask(method: string, params: object): Promise<Answer>
  /** Starts a command and waits for its end; `once` is called with the first output. */
  run(params: object, once?: (processId: string) => Promise<unknown>): Promise<Finished>
  serverPid: number
  /** Ends the server after this operation, so that what it remembers is nothing to the next. */
  restart(): void
  networkPort: number
  tmpdir: string | undefined
}

export type Operation = {
  name: string
  topic?: Topic
  /** Tried in brief profiles also. */
  brief?: true
  play(scene: Scene): Promise<Cells>
}

const OS_ERROR = /\(os error (\d+)\)/

export function refusal({ error }: Answer): Aspects {
  const number = OS_ERROR.exec(error?.message ?? '')?.[1]
  return {
    answer: `error ${error?.code}`,
    message: error?.message ?? '',
    ...(number === undefined ? {} : { errno: number }),
  }
}

// ---- files ----

type Params = (tree: Tree) => object
type Show = (result: any, tree: Tree) => string

function call(method: string, name: string, params: Params, show: Show, topic?: Topic): Operation {
  const operation = `fs/${method} ${name}`
  return {
    name: operation,
    ...(topic === undefined ? {} : { topic }),
    play: async ({ tree, ask }) => {
      const answer = await ask(`fs/${method}`, params(tree))
      return {
        [operation]: answer.error === undefined ? { answer: 'ok', result: show(answer.result, tree) } : refusal(answer),
      }
    },
  }
}

const nothing: Show = () => ''

function targets(
  topic: Topic | undefined,
  names: string,
  make: (target: string, topic: Topic | undefined) => Operation,
): Operation[] {
  return names
    .trim()
    .split(/\s+/)
    .map((target) => make(target, topic))
}

const readFile = (target: string, topic?: Topic): Operation =>
  call(
    'readFile',
    target,
    (tree) => ({ path: tree.uri(target) }),
    (result, tree) => tree.common(Buffer.from(result.dataBase64, 'base64').toString('latin1')),
    topic,
  )

/** Times differ, and so does the size of folders, which is the filesystem's affair. */
const getMetadata = (target: string, topic?: Topic): Operation =>
  call(
    'getMetadata',
    target,
    (tree) => ({ path: tree.uri(target) }),
    ({ isDirectory, isFile, isSymlink, size }) =>
      JSON.stringify({ isDirectory, isFile, isSymlink, ...(isFile ? { size } : {}) }),
    topic,
  )

const readDirectory = (target: string, topic?: Topic): Operation =>
  call(
    'readDirectory',
    target,
    (tree) => ({ path: tree.uri(target) }),
    (result) =>
      result.entries
        .map((entry: any) => `${entry.fileName}${entry.isDirectory ? '/' : entry.isFile ? '' : '?'}`)
        .sort()
        .join(' '),
    topic,
  )

const canonicalize = (target: string, topic?: Topic): Operation =>
  call(
    'canonicalize',
    target,
    (tree) => ({ path: tree.uri(target) }),
    (result, tree) => tree.common(result.path),
    topic,
  )

const writeFile = (target: string, topic?: Topic): Operation =>
  call(
    'writeFile',
    target,
    (tree) => ({ path: tree.uri(target), dataBase64: Buffer.from('written\n').toString('base64') }),
    nothing,
    topic,
  )

const createDirectory = (target: string, topic?: Topic): Operation =>
  call('createDirectory', target, (tree) => ({ path: tree.uri(target) }), nothing, topic)

const remove = (target: string, topic?: Topic): Operation =>
  call('remove', target, (tree) => ({ path: tree.uri(target) }), nothing, topic)

const copy = (source: string, destination: string, topic?: Topic): Operation =>
  call(
    'copy',
    `${source} to ${destination}`,
    (tree) => ({ sourcePath: tree.uri(source), destinationPath: tree.uri(destination), recursive: true }),
    nothing,
    topic,
  )

/** A sandbox that a server kept is of no use once what it mounted is gone, even if the new files have the old numbers. */
function anew(folder: string, target: string, topic: Topic): Operation {
  const operation = `fs/writeFile ${target}, ${folder} made anew`
  const write = writeFile(target)
  return {
    name: operation,
    topic,
    play: async (scene) => {
      await write.play(scene)
      scene.tree.remake(folder)
      scene.restart()
      return { [operation]: Object.values(await write.play(scene))[0] as Aspects }
    },
  }
}

const brief = (operation: Operation): Operation => ({ ...operation, brief: true })

const files: Operation[] = [
  brief(readFile('ws/file.txt')),
  brief(readFile('outside/file.txt')),
  ...targets(undefined, 'ws/.git/config ws/link-out ws/linkdir-out/file.txt ws/fifo ws/gone', readFile),
  ...targets(
    'links',
    'ws/link-in ws/dangling ws/hard.txt alias/file.txt /dev/fd/0 /dev/fd/3 /dev/null ws/../outside/file.txt',
    readFile,
  ),
  ...targets(
    'denied',
    'ws/denied/secret.txt ws/denied.txt ws/denied/child/file.txt ws/denied/child/inner/file.txt',
    readFile,
  ),
  ...targets('denied', 'ws/link-denied ws/hard-denied.txt outside/denied/secret.txt alias/denied/secret.txt', readFile),
  ...targets(
    'glob',
    'ws/data.secret ws/nested/data.secret ws/nested/deep/er/data.secret outside/data.secret',
    readFile,
  ),
  ...targets(
    'single',
    'ws/single/granted.txt ws/single/sibling.txt outside/single/granted.txt outside/single/sibling.txt',
    readFile,
  ),
  ...targets('extra', 'extra/file.txt', readFile),
  ...targets('tmp', 'tmp:file.txt tmpdir/file.txt', readFile),

  ...targets(undefined, 'ws ws/.git outside/file.txt ws/link-out ws/dangling /usr/bin/env /bin', getMetadata),
  ...targets('protected', 'ws/.codex ws/.aws ws/.agents', getMetadata),
  ...targets('denied', 'ws/denied ws/denied/secret.txt ws/denied.txt ws/denied/child', getMetadata),
  ...targets('glob', 'ws/data.secret', getMetadata),
  ...targets('missing', 'ws/gone gone', getMetadata),
  ...targets('links', 'ws/fifo ws/socket /dev/fd/0', getMetadata),

  ...targets(undefined, 'ws outside ws/file.txt', readDirectory),
  ...targets('protected', 'ws/.git ws/.codex', readDirectory),
  ...targets('denied', 'ws/denied ws/denied/child outside/denied', readDirectory),
  ...targets('extra', 'extra', readDirectory),
  ...targets('single', 'ws/single outside/single', readDirectory),

  ...targets(undefined, 'ws/link-out ws/gone', canonicalize),
  ...targets('links', 'alias/nested ws/linkdir-out/folder', canonicalize),
  ...targets('denied', 'ws/denied ws/denied/secret.txt', canonicalize),

  brief(writeFile('ws/new.txt')),
  brief(writeFile('outside/new.txt')),
  ...targets(
    undefined,
    'ws/file.txt outside/file.txt ws/nested/new.txt ws/.git/config ws/.git/new ws/link-out ws/linkdir-out/new.txt ws/gone/new.txt',
    writeFile,
  ),
  ...targets(
    'protected',
    'ws/.codex ws/.codex/new ws/.aws ws/.agents/skill.md ws/.git ws/nested/.git/config',
    writeFile,
  ),
  ...targets('links', 'ws/dangling ws/hard.txt ws/../outside/new.txt ws/link-in alias/new.txt', writeFile),
  ...targets(
    'denied',
    'ws/denied/secret.txt ws/denied/new.txt ws/denied.txt ws/denied/child/file.txt ws/denied/child/new.txt',
    writeFile,
  ),
  ...targets('denied', 'ws/link-denied ws/hard-denied.txt ws/denied/child/inner/file.txt', writeFile),
  ...targets(
    'nesting',
    'ws/ro/file.txt ws/ro/new.txt ws/ro/rw/file.txt ws/ro/rw/new.txt ws/ro/rw/ro/file.txt ws/ro/rw/ro/new.txt',
    writeFile,
  ),
  ...targets('single', 'ws/single/granted.txt ws/single/sibling.txt ws/single/new.txt', writeFile),
  ...targets('single', 'outside/single/granted.txt outside/single/sibling.txt outside/single/new.txt', writeFile),
  ...targets('glob', 'ws/data.secret ws/new.secret outside/data.secret', writeFile),
  ...targets('missing', 'gone gone/memories gone/memories/new.txt ws/gone ws/gone/file.txt outside/gone', writeFile),
  ...targets('extra', 'extra/file.txt extra/new.txt extra/.git/config extra/.codex extra/gitdir/config', writeFile),
  ...targets('tmp', 'tmp:file.txt tmp:new.txt tmpdir/file.txt tmpdir/new.txt /tmp/new.txt /tmp/.git', writeFile),

  ...targets(undefined, 'ws/new ws/new/folders outside/new outside/folder', createDirectory),
  ...targets('protected', 'ws/.codex ws/.codex/new ws/.git/new ws/.git ws/nested/.codex', createDirectory),
  ...targets('denied', 'ws/denied ws/denied/new ws/denied/child/new', createDirectory),
  ...targets('missing', 'ws/gone ws/gone/file.txt gone gone/memories outside/gone', createDirectory),
  ...targets('tmp', 'tmp:new /tmp/.codex', createDirectory),

  ...targets(
    undefined,
    'ws/file.txt ws/nested ws/gone outside/file.txt outside/gone ws/link-out ws/linkdir-out/file.txt ws',
    remove,
  ),
  ...targets('protected', 'ws/.git ws/.git/config ws/.codex ws/.agents', remove),
  ...targets('links', 'ws/dangling ws/fifo ws/hard.txt ws/link-in ws/linkdir-out alias', remove),
  ...targets('denied', 'ws/denied ws/denied/secret.txt ws/denied.txt ws/denied/child ws/link-denied', remove),
  ...targets('nesting', 'ws/ro ws/ro/rw ws/ro/rw/file.txt', remove),
  ...targets('single', 'ws/single ws/single/granted.txt outside/single/granted.txt', remove),
  ...targets('glob', 'ws/data.secret ws/nested', remove),
  ...targets('missing', 'ws/gone gone', remove),

  anew('ws/.git', 'ws/.git/config', 'protected'),
  anew('ws', 'ws/.git/config', 'protected'),
  anew('ws', 'ws/new.txt', 'protected'),
  anew('ws/denied', 'ws/denied/secret.txt', 'denied'),

  copy('ws/file.txt', 'ws/copy.txt'),
  copy('outside/file.txt', 'ws/copy.txt'),
  copy('ws/file.txt', 'outside/copy.txt'),
  copy('ws/file.txt', 'ws/link-out'),
  copy('ws/nested', 'ws/copy'),
  copy('ws/file.txt', 'ws/.git/config'),
  { ...copy('ws/.git', 'ws/copy'), topic: 'protected' },
  copy('ws/file.txt', 'ws/.codex', 'protected'),
  copy('ws', 'ws-copy', 'protected'),
  copy('ws/fifo', 'ws/copy', 'links'),
  copy('ws/link-out', 'ws/copy', 'links'),
  copy('ws/linkdir-out/file.txt', 'ws/copy', 'links'),
  copy('ws/denied/secret.txt', 'ws/copy.txt', 'denied'),
  copy('ws/denied', 'ws/copy', 'denied'),
  copy('ws/denied.txt', 'ws/copy.txt', 'denied'),
  copy('ws/file.txt', 'ws/denied/new.txt', 'denied'),
  copy('ws/file.txt', 'ws/denied.txt', 'denied'),
  copy('ws/data.secret', 'ws/copy.txt', 'glob'),
  copy('ws/nested', 'ws/copy', 'glob'),
]

// ---- commands ----

export type CommandOptions = {
  tty?: boolean
  arg0?: string
  cwd?: string
  env?: (scene: Scene) => Record<string, string>
}

function params(scene: Scene, argv: readonly string[], options: CommandOptions): object {
  const { tty = false, arg0, cwd = 'ws', env = () => ({}) } = options
  return {
    argv,
    cwd: scene.tree.uri(cwd),
    env: { PATH: '/usr/bin:/bin', ...(scene.tmpdir === undefined ? {} : { TMPDIR: scene.tmpdir }), ...env(scene) },
    tty,
    pipeStdin: false,
    ...(arg0 === undefined ? {} : { arg0 }),
  }
}

function ending(scene: Scene, { answer, exit, denied, deniedRead, stdout }: Finished): Aspects {
  if (answer.error !== undefined) return refusal(answer)
  return {
    answer: 'started',
    exit: String(exit),
    stdout: scene.tree.common(stdout).replaceAll('\r\n', '\n'),
    sandboxDenied: String(denied),
    'sandboxDenied when read': String(deniedRead),
    sandboxType: String(answer.result.sandboxType),
  }
}

type Argv = readonly string[] | ((scene: Scene) => readonly string[])

function command(name: string, argv: Argv, options: CommandOptions & { topic?: Topic } = {}): Operation {
  const operation = `run ${name}`
  return {
    name: operation,
    ...(options.topic === undefined ? {} : { topic: options.topic }),
    play: async (scene) => {
      const words = typeof argv === 'function' ? argv(scene) : argv
      return { [operation]: ending(scene, await scene.run(params(scene, words, options))) }
    },
  }
}

const sh = (script: string): readonly string[] => ['/bin/sh', '-c', script]

/** Before each part of a script's output. */
const MARK = '@@'

/**
 * Tries a shell command on many targets in one process, which costs a sandbox only once. Each is a cell with
 * exit code and output; `$f` is the target. How the script itself ended is a cell, too.
 */
function each(name: string, script: string, names: readonly string[]): Operation {
  const operation = `run ${name}`
  return {
    name: operation,
    play: async (scene) => {
      const parts = names.map(
        (target) =>
          `f='${scene.tree.path(target)}'; echo '${MARK}${target}'; (${script}) 2>/dev/null; echo "${MARK}= $?"`,
      )
      return split(operation, ending(scene, await scene.run(params(scene, sh(`${parts.join('\n')}\n:`), {}))))
    },
  }
}

/** Cuts a script's output at its marks into cells of their own. */
function split(operation: string, whole: Aspects): Cells {
  const cells: Cells = {}
  let current: string | undefined
  for (const line of (whole['stdout'] ?? '').split('\n')) {
    if (line.startsWith(`${MARK}= `) && current !== undefined) {
      cells[current] = { exit: line.slice(MARK.length + 2), ...cells[current] }
      current = undefined
    } else if (line.startsWith(MARK)) {
      current = `${operation} ${line.slice(MARK.length)}`
      cells[current] = {}
    } else if (current !== undefined) {
      const cell = cells[current] as Aspects
      cell['stdout'] = (cell['stdout'] ?? '') + line + '\n'
    }
  }
  const { stdout: _, ...rest } = whole
  return { [operation]: rest, ...cells }
}

const words = (text: string): string[] => text.trim().split(/\s+/)

const SOME_FILES = words(`
  ws/file.txt ws/second.txt ws/nested/file.txt ws/nested/deep/er/file.txt ws/.git/config ws/.agents/skill.md ws/nested/.git/config ws/.git
  ws/data.secret ws/nested/data.secret ws/nested/deep/er/data.secret
  ws/denied/secret.txt ws/denied/child/file.txt ws/denied/child/inner/file.txt ws/denied.txt ws/link-denied ws/hard-denied.txt
  ws/ro/file.txt ws/ro/rw/file.txt ws/ro/rw/ro/file.txt ws/single/granted.txt ws/single/sibling.txt
  ws/link-in ws/link-out ws/linkdir-out/file.txt ws/dangling ws/hard.txt ws/linkdir-out/../ws/file.txt alias/file.txt
  ws/gone ws/.codex ws/.aws
  outside/file.txt outside/folder/file.txt outside/single/granted.txt outside/single/sibling.txt
  outside/denied/secret.txt outside/data.secret
  extra/file.txt extra/.git/config extra/gitdir/config tmp:file.txt tmpdir/file.txt
`)

const SOME_FOLDERS = words(`
  ws ws/nested ws/nested/deep ws/.git ws/.agents ws/.codex ws/.aws ws/denied ws/denied/child ws/denied/child/inner
  ws/ro ws/ro/rw ws/ro/rw/ro
  ws/single ws/linkdir-out ws/gone alias outside outside/folder outside/single outside/denied extra extra/.git extra/gitdir gone tmp: tmpdir
`)

const inFolders = (name: string): string[] =>
  SOME_FOLDERS.map((folder) => (folder.endsWith(':') ? folder + name : `${folder}/${name}`))

/** One look at what the kernel lets a process do, by number or name of the error. */
const SYSCALLS = `
import ctypes, errno, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def show(name, act):
    print('${MARK}' + name)
    try:
        print(act())
    except OSError as error:
        print(errno.errorcode.get(error.errno, error.errno))
    print('${MARK}= 0', flush=True)
def call(number, *args):
    def act():
        if libc.syscall(*map(ctypes.c_long, (number,) + args)) < 0: raise OSError(ctypes.get_errno(), '')
        return 'ok'
    return act
def made(family, kind=socket.SOCK_STREAM):
    def act():
        socket.socket(family, kind).close()
        return 'ok'
    return act
def connect(family, to):
    def act():
        with socket.socket(family) as s:
            s.settimeout(2)
            s.connect(to)
        return 'ok'
    return act
def bind():
    with socket.socket(socket.AF_UNIX) as s:
        s.bind('\\0exec-server-matrix-%d' % os.getpid())
        s.listen()
    return 'ok'
def pair(how):
    def act():
        a, b = socket.socketpair()
        how(a)
        return b.recv(9)
    return act
port, path = int(sys.argv[1]), sys.argv[2]
show('AF_INET', made(socket.AF_INET))
show('AF_INET datagram', made(socket.AF_INET, socket.SOCK_DGRAM))
show('AF_INET6', made(socket.AF_INET6))
show('AF_UNIX', made(socket.AF_UNIX))
show('AF_NETLINK', made(socket.AF_NETLINK, socket.SOCK_RAW))
show('AF_PACKET', made(socket.AF_PACKET, socket.SOCK_RAW))
show('AF_VSOCK', made(socket.AF_VSOCK))
show('connect to loopback', connect(socket.AF_INET, ('127.0.0.1', port)))
show('connect to a unix socket', connect(socket.AF_UNIX, path))
show('bind and listen', bind)
show('socketpair, send', pair(lambda a: a.send(b'x')))
show('socketpair, write', pair(lambda a: os.write(a.fileno(), b'x')))
show('socketpair, sendmsg', pair(lambda a: a.sendmsg([b'x'])))
show('getsockopt', pair(lambda a: (a.getsockopt(1, 3), a.sendmsg([b'x']))))
show('io_uring_setup', call(425, 1, 0))
show('process_vm_readv', call(310, os.getpid(), 0, 0, 0, 0, 0))
show('ptrace', call(101, 16, 999999999, 0, 0))
show('x32 getpid', call(0x40000000 + 39))
show('x32 socket', call(0x40000000 + 41, 2, 1, 0))
show('unshare of a user', call(272, 0x10000000))
show('unshare of mounts', call(272, 0x00020000))
show('keyctl', call(250, 0, -3, 0))
show('setuid', call(105, 0))
show('mknod', lambda: (os.mknod(path + '-device', 0o020600, os.makedev(1, 3)), os.unlink(path + '-device'), 'ok')[2])
`

const scripts: Operation[] = [
  brief(command('exit 3', sh('exit 3'))),
  brief(
    command('cat and write', sh('cat file.txt; echo new > new.txt; echo $?; echo new > ../outside/new.txt; echo $?')),
  ),
  each('cat', 'cat "$f"', SOME_FILES),
  each('ls', 'ls -A "$f"', SOME_FOLDERS),
  each(
    'stat',
    'stat -c %F "$f"',
    words(
      `ws ws/fifo ws/socket ws/denied ws/denied.txt ws/denied/child ws/data.secret ws/link-out ws/.codex ws/gone
      gone outside / /tmp /dev /proc /bin /usr /etc`,
    ),
  ),
  each('append', 'echo more >> "$f"', SOME_FILES),
  each('create', 'echo new > "$f"', [
    ...inFolders('new-by-command'),
    ...words('ws/new.secret /tmp/new-by-command ws/../outside/dots'),
  ]),
  each('mkdir', 'mkdir "$f"', [
    ...words(
      'ws/.codex ws/.aws ws/.agents ws/.git ws/gone gone ws/nested/.git ws/nested/.codex extra/.codex extra/.git/new',
    ),
    ...inFolders('new-folder'),
  ]),
  each('rm', 'rm -f "$f" && ! test -e "$f"', SOME_FILES),
  each(
    'rename',
    'mv "$f" "$f.moved"',
    words(
      'ws/denied ws/.git ws/ro ws/single ws/nested ws/data.secret ws/denied.txt outside/folder extra ws/link-out ws',
    ),
  ),
]

/** The same for scripts of their own. */
function attempts(name: string, lines: readonly string[], options: CommandOptions & { topic?: Topic } = {}): Operation {
  const operation = `run ${name}`
  return {
    name: operation,
    ...(options.topic === undefined ? {} : { topic: options.topic }),
    play: async (scene) => {
      const fill = (line: string): string =>
        line.replaceAll('$SERVER', String(scene.serverPid)).replaceAll('$PORT', String(scene.networkPort))
      const parts = lines.map(
        (line) => `echo '${MARK}${line.replaceAll("'", '"')}'; (${fill(line)}) 2>/dev/null; echo "${MARK}= $?"`,
      )
      return split(operation, ending(scene, await scene.run(params(scene, sh(`${parts.join('\n')}\n:`), options))))
    },
  }
}

const GET_ROUND = [
  'chmod 700 .git',
  'ln denied/secret.txt stolen',
  'ln .git/config stolen-config',
  'ln -s ../outside/file.txt new-link && echo more >> new-link',
  'rm -rf .codex; ln -s nested .codex',
  'umount .git',
  'umount denied; cat denied/secret.txt',
  'mount -o remount,bind,rw / && echo more >> ../outside/second.txt',
  'mount --bind nested denied && umount denied',
  'mount -t tmpfs none nested && umount nested',
  'cat /proc/1/root$PWD/denied/secret.txt',
  'echo more >> /proc/self/root$PWD/.git/config',
  'echo more > /proc/self/root$PWD/../outside/by-proc',
  'unshare -Urm true',
  'unshare -Urm umount .git',
  'unshare -Urm cat denied/secret.txt',
  'unshare -Urp --fork echo',
  'chroot / true',
  'mv nested/deep .aws',
]

const SURROUNDINGS = [
  'id -u',
  'id -g',
  'pwd',
  'ls /dev',
  'ls /proc/self/fd',
  'ls /dev/fd',
  'echo x > /dev/null',
  'head -c 1 /dev/zero | wc -c',
  'head -c 1 /dev/urandom | wc -c',
  'echo x > /dev/tty',
  'test -w /dev/shm',
  'echo x > /dev/shm/exec-server-matrix && rm /dev/shm/exec-server-matrix',
  'test -e /proc/$SERVER/status',
  'kill -0 $SERVER',
  'cat /proc/1/environ | tr -d "\\0" | head -c 0',
  'grep -E "^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):" /proc/self/status',
  'cat /proc/self/uid_map | tr -s " "',
  'cat /proc/self/setgroups',
  'tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d " "',
  'ls -A /',
  'ls -d /bin /usr/bin /lib /etc /home /root /var /sys /run',
  'env | cut -d= -f1 | grep -v "^_$" | sort',
  'env | grep "^PWD="',
  'umask',
  'readlink /proc/self/cwd',
  'readlink /proc/self/ns/user | cut -d: -f1',
  'command -v python3',
  'test -t 0',
  'cat',
  'ulimit -n',
  'hostname',
  'cat /proc/self/oom_score_adj',
  'nice',
  'grep -E "^(SigBlk|SigIgn):" /proc/self/status',
]

const CORE_COMMANDS: Operation[] = [
  attempts('get round:', GET_ROUND),
  attempts('surroundings:', SURROUNDINGS, { topic: 'process' }),
  attempts('network:', [
    'exec bash -c "exec 3<>/dev/tcp/127.0.0.1/$PORT && echo connected"',
    'exec bash -c "echo x > /dev/udp/127.0.0.1/$PORT && echo sent"',
  ]),
  attempts(
    'TMPDIR:',
    [
      'echo new > "${TMPDIR:-/tmp}/by-command"',
      'mktemp -u | cut -c1-5',
      'mktemp > /dev/null && rm "${TMPDIR:-/tmp}"/tmp.*',
      'echo "${TMPDIR-unset}"',
    ],
    { topic: 'tmp' },
  ),
  {
    name: 'run syscalls:',
    topic: 'process',
    play: async (scene) => {
      const argv = [
        '/usr/bin/python3',
        '-I',
        '-S',
        '-c',
        SYSCALLS,
        String(scene.networkPort),
        scene.tree.path('ws/socket'),
      ]
      return split('run syscalls:', ending(scene, await scene.run(params(scene, argv, {}))))
    },
  },
  command('a missing program', ['no-such-program']),
  command('a missing program by path', ['/no/such/program'], { topic: 'process' }),
  command('a program that is a folder', ['/usr'], { topic: 'process' }),
  command('a file that is no program', (scene) => [scene.tree.path('ws/file.txt')], { topic: 'process' }),
  command('/bin/echo', ['/bin/echo', 'done']),
  command('/usr/bin/echo', ['/usr/bin/echo', 'done']),
  command('words of a denial', sh('echo Permission denied; exit 1'), { topic: 'process' }),
  command('words of a denial and exit 0', sh('echo Permission denied'), { topic: 'process' }),
  command('words of a denial and exit 2', sh('echo SECCOMP >&2; exit 2'), { topic: 'process' }),
  command('words of a denial and exit 127', sh('echo read-only file system >&2; exit 127'), { topic: 'process' }),
  command('exit 126', sh('exit 126'), { topic: 'process' }),
  command('SIGSYS', sh('kill -SYS $$'), { topic: 'process' }),
  command('exit 159', sh('exit 159'), { topic: 'process' }),
  command('SIGKILL', sh('kill -KILL $$'), { topic: 'process' }),
  command('SIGTERM', sh('kill -TERM $$'), { topic: 'process' }),
  command('a folder outside as cwd', sh('pwd'), { cwd: 'outside' }),
  command('a denied folder as cwd', sh('pwd; ls -A'), { cwd: 'ws/denied', topic: 'denied' }),
  command('a missing cwd', sh('pwd'), { cwd: 'gone', topic: 'process' }),
  command('a link as cwd', sh('pwd; /bin/pwd'), { cwd: 'alias', topic: 'links' }),
  command('with arg0', sh('echo $0'), { arg0: 'custom0', topic: 'process' }),
  command('a terminal', sh('test -t 0 && test -t 1 && test -t 2 && echo terminal; stty size; exit 4'), {
    tty: true,
    topic: 'process',
  }),
  command(
    'job control of a terminal',
    [
      'bash',
      '--norc',
      '-c',
      'set -m; echo ${-//[^m]/}; tty > /dev/null && echo named; ps -o tpgid= -p $$ | tr -d "0-9 " ; : < /dev/tty && echo controlling',
    ],
    { tty: true, topic: 'process' },
  ),
  {
    name: 'run terminated',
    play: async (scene) => {
      const argv = sh('echo ready; sleep 30')
      const finished = await scene.run(params(scene, argv, {}), (processId) =>
        scene.ask('process/terminate', { processId }),
      )
      // Of the reference, at times its own helper dies of it first, with a panic's exit code.
      const exit =
        finished.exit === 101 && finished.stdout.includes('ready')
          ? { exit: 137, denied: false, deniedRead: false }
          : {}
      return { 'run terminated': ending(scene, { ...finished, ...exit }) }
    },
  },
  {
    name: 'run interrupted',
    topic: 'process',
    play: async (scene) => {
      const argv = sh('trap "exit 5" INT; echo ready; while :; do sleep 0.05; done')
      const finished = await scene.run(params(scene, argv, {}), (processId) =>
        scene.ask('process/signal', { processId, signal: 'interrupt' }),
      )
      return { 'run interrupted': ending(scene, finished) }
    },
  },
  {
    name: 'run with a background process',
    topic: 'process',
    play: async (scene) => {
      const finished = await scene.run(
        params(scene, sh('(sleep 0.1; echo late > late.txt) > /dev/null 2>&1 & echo started'), {}),
      )
      await new Promise((resolve) => setTimeout(resolve, 150))
      return { 'run with a background process': ending(scene, finished) }
    },
  },
]

export const operations: readonly Operation[] = [...files, ...scripts, ...CORE_COMMANDS]
