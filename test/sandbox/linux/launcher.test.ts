/** The launcher, run for real: as this machine's program and, where there is an emulator, as the other processor's. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { openMemoryFile } from '../../../src/host/ffi/libc.ts'
import { packagedAddon } from '../../../src/host/process/pty-addon.ts'
import { isDeno } from '../../../src/base/runtime.ts'
import { launcherArguments, launcherAssembly, launcherImage } from '../../../src/sandbox/linux/launcher.ts'
import { CODE_OFFSET } from '../../../src/sandbox/linux/machine-code.ts'
import type { Arch } from '../../../src/sandbox/linux/system-calls.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

const ARCHS = ['x64', 'arm64'] as const
/** What GNU calls them. */
const GNU = { x64: 'x86_64', arm64: 'aarch64' }

const directory = mkdtempSync(join(tmpdir(), 'launcher-'))
test.after(() => rmSync(directory, { recursive: true }))
const at = (name: string): string => join(directory, name)

const MISSING = { status: 127, stderr: 'exec-server: no such program\n', stdout: '' }
const DENIED = { status: 126, stderr: 'exec-server: permission denied\n', stdout: '' }
const UNFIT = { status: 126, stderr: 'exec-server: cannot be executed\n', stdout: '' }
const FORMAT = { status: 126, stderr: 'exec-server: not an executable format\n', stdout: '' }
const TOO_LONG = { status: 126, stderr: 'exec-server: arguments or environment too long\n', stdout: '' }
const NO_TERMINAL = { status: 126, stderr: 'exec-server: the terminal cannot be taken\n', stdout: '' }

const isThere = (program: string): boolean => spawnSync(program, ['--version']).error === undefined

function maybe(title: string, body: () => void | Promise<void>, obstacle: string | undefined): void {
  if (obstacle === undefined) return void test(title, body)
  test.skip(`${title} (not shown here: ${obstacle})`)
}

type Ended = { status: number | null; stdout: string; stderr: string }

function run(command: readonly string[], env: Record<string, string> = {}): Ended {
  const [file, ...args] = command as [string, ...string[]]
  const { status, stdout, stderr, error } = spawnSync(file, args, { env, encoding: 'utf8' })
  if (error !== undefined) throw error
  return { status, stdout, stderr }
}

const words = (...candidates: string[]): string[] =>
  launcherArguments({ terminal: false, arg0: 'sh', candidates, args: ['-c', 'echo ran'] })
const RAN = { status: 0, stdout: 'ran\n', stderr: '' }

writeFileSync(at('file'), 'plain', { mode: 0o644 })
writeFileSync(at('unknown'), 'no format at all', { mode: 0o755 })
writeFileSync(at('orphan'), '#!/no/interpreter\n', { mode: 0o755 })
writeFileSync(at('script'), `#!/bin/sh -${'e'.repeat(200)}\necho ran\n`, { mode: 0o755 })
mkdirSync(at('directory'))
symlinkSync('loop', at('loop'))

/** Answers ENOSYS to close_range, which has one number everywhere, as kernels before 5.9 do. */
const OLD_KERNEL = Uint8Array.fromHex('2000000000000000' + '15000001b4010000' + '0600000026000500' + '060000000000ff7f')

const INSIDE = [
  '--ro-bind',
  '/',
  '/',
  '--dev',
  '/dev',
  '--proc',
  '/proc',
  '--unshare-user',
  '--unshare-pid',
  '--cap-drop',
  'ALL',
  '--',
]

function bubblewrapObstacle(): string | undefined {
  const { status, error } = spawnSync('bwrap', [...INSIDE, 'true'])
  if (error !== undefined) return 'there is no bwrap'
  return status === 0 ? undefined : 'bwrap cannot work'
}

const withoutBubblewrap = bubblewrapObstacle()

type Terminal = { master: number; slave: number }

/** Not on Deno, which knows nothing of descriptors that an addon makes. */
function openTerminal(): Terminal {
  const addon = createRequire(import.meta.url)(packagedAddon()) as { open(columns: number, rows: number): Terminal }
  return addon.open(80, 24)
}

/** What the terminal shows until it shows `end`. */
async function shown(master: number, end: string): Promise<string> {
  const bytes = Buffer.alloc(4096)
  let text = ''
  for (const deadline = performance.now() + 5000; !text.includes(end); await sleep(2)) {
    if (performance.now() > deadline) throw new Error(`no ${end} in ${JSON.stringify(text)}`)
    try {
      text += bytes.toString('utf8', 0, readSync(master, bytes))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
  return text
}

function launcherTests(arch: Arch, name: string, emulator: readonly string[]): void {
  const file = at(`launcher-${arch}`)
  writeFileSync(file, launcherImage(arch), { mode: 0o755 })
  const launcher = [...emulator, file]
  // Each starts the emulator ten times and more.
  const often = emulator.length === 0 ? test : test.full

  test(`${name}: hands on the name, the arguments and the environment, to the byte`, () => {
    const args = ['-c', 'cat /proc/$$/cmdline /proc/$$/environ', '', 'x', '', 'ä\n', '']
    const command = launcherArguments({ terminal: false, arg0: 'sh', candidates: ['/bin/sh'], args })
    const variables = [`PATH=${process.env['PATH']}`, 'EMPTY=', 'ODD=a=b\n ü']
    // Not every runtime gives a child nothing but the variables it is told.
    const { status, stdout } = run(['/usr/bin/env', '-i', ...variables, ...launcher, ...command])
    assert.is(status, 0)
    const strings = stdout.split('\0')
    assert.equal(strings.splice(0, args.length + 1), ['sh', ...args])
    // The emulator turns their order round.
    assert.equal(strings.sort(), ['', ...variables].sort())
  })

  test(`${name}: the program gets the name that was asked for, even an empty one`, () => {
    for (const arg0 of ['another', '-sh', '']) {
      const command = launcherArguments({ terminal: false, arg0, candidates: ['/bin/sh'], args: ['-c', 'echo "<$0>"'] })
      assert.equal(run([...launcher, ...command]), { status: 0, stdout: `<${arg0}>\n`, stderr: '' })
    }
  })

  test(`${name}: the first candidate that can be run is`, () => {
    const refused = ['/no/such', at('file/below'), at('file'), at('directory'), at('orphan')]
    assert.equal(run([...launcher, ...words(...refused, '/bin/sh', at('unknown'))]), RAN)
    assert.equal(run([...launcher, ...words('/bin/sh', '/bin/false')]), RAN)
    assert.equal(run([...launcher, ...words(at('script'))]), RAN)
  })

  test(`${name}: when there is none, says why`, () => {
    assert.equal(run([...launcher, ...words('/no/such', at('file/below'), at('orphan'))]), MISSING)
    assert.equal(run([...launcher, ...words(at('file'))]), DENIED)
    assert.equal(run([...launcher, ...words('/no/such', at('file'), '/no/such')]), DENIED)
    assert.equal(run([...launcher, ...words(at('directory'))]), DENIED)
  })

  test(`${name}: what is wrong with a program ends the search`, () => {
    assert.equal(run([...launcher, ...words(at('file'), at('unknown'), '/bin/sh')]), FORMAT)
    assert.equal(run([...launcher, ...words(at('loop'), '/bin/sh')]), UNFIT)
  })

  often(`${name}: arguments that are too long only for the program`, () => {
    // What an interpreter adds to its script's arguments is what there is no room for.
    const withLimit = ['/bin/sh', '-c', 'ulimit -S -s 512 && exec "$@"', 'sh', ...launcher]
    let [low, high] = [60_000, 131_072]
    while (high - low > 1) {
      const middle = (low + high) >> 1
      const ended = run([...withLimit, 'p', '', '/bin/sh', '', '-c', 'exit 9', 'x'.repeat(middle)])
      if (ended.status === 9) low = middle
      else high = middle
    }
    assert.ok(low > 60_000 && high < 131_072)
    assert.equal(run([...withLimit, 'p', '', at('script'), '', 'x'.repeat(low - 100)]), TOO_LONG)
  })

  often(`${name}: arguments that are none of the launcher's are refused`, () => {
    const wrong = [
      [],
      ['p'],
      ['p', 'sh'],
      ['p', 'sh', '/bin/sh'],
      ['p', 'sh', ''],
      ['p', 'sh', '', '/bin/sh', ''],
      ['p', 'sh', '/bin/sh', '/bin/sh', '-c'],
      ['x', 'sh', '/bin/sh', ''],
      ['pp', 'sh', '/bin/sh', ''],
      ['', 'sh', '/bin/sh', ''],
    ]
    for (const args of wrong) assert.equal(run([...launcher, ...args]), UNFIT, JSON.stringify(args))
  })

  test(`${name}: only the first three descriptors are handed on`, () => {
    const inherit = ['/bin/sh', '-c', 'exec "$@" 3</dev/null 4</dev/null 6</dev/null 9>/dev/null', 'sh']
    // The shell has one more while it lists them.
    const list = ['-c', 'echo /proc/self/fd/*']
    const command = launcherArguments({ terminal: false, arg0: 'sh', candidates: ['/bin/sh'], args: list })
    const numbers = (command: string[]): string => run(command).stdout.replaceAll('/proc/self/fd/', '').trim()
    assert.match(numbers([...inherit, '/bin/sh', ...list]), /\b6\b.*\b9\b/)
    assert.is(numbers([...inherit, ...launcher, ...command]), '0 1 2 3')
  })

  maybe(
    `${name}: descriptors are closed by kernels that cannot close many at once too`,
    () => {
      writeFileSync(at('old-kernel'), OLD_KERNEL)
      const redirected = 'exec bwrap --dev-bind / / --seccomp 3 "$@" 3<"$0" 4</dev/null 6</dev/null 9>/dev/null'
      const inherit = ['/bin/sh', '-c', redirected, at('old-kernel')]
      const list = ['-c', 'echo /proc/self/fd/*']
      const command = launcherArguments({ terminal: false, arg0: 'sh', candidates: ['/bin/sh'], args: list })
      const env = { PATH: process.env['PATH'] ?? '' }
      assert.match(run([...inherit, '/bin/sh', ...list], env).stdout, /fd\/6 .*fd\/9/)
      assert.is(
        run([...inherit, ...launcher, ...command], env).stdout,
        '/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3\n',
      )
    },
    withoutBubblewrap,
  )

  test(`${name}: the program leads a session`, () => {
    const command = launcherArguments({
      terminal: false,
      arg0: 'cat',
      candidates: ['/bin/cat'],
      args: ['/proc/self/stat'],
    })
    const [pid, , , , group, session] = run([...launcher, ...command]).stdout.split(' ')
    assert.is(session, pid)
    assert.is(group, pid)
  })

  test(`${name}: what is no terminal cannot be taken for one`, () => {
    const command = launcherArguments({ terminal: true, arg0: 'sh', candidates: ['/bin/sh'], args: ['-c', 'echo ran'] })
    assert.equal(run([...launcher, ...command]), NO_TERMINAL)
  })

  maybe(
    `${name}: takes the terminal, and an interrupt typed there reaches what runs in it`,
    async () => {
      const { master, slave } = openTerminal()
      const script = 'tty; echo a terminal >/dev/tty; cut -d " " -f 1,6,8 /proc/$$/stat; exec sleep 30'
      const command = launcherArguments({
        terminal: true,
        arg0: 'sh',
        candidates: ['/no/such', '/bin/sh'],
        args: ['-c', script],
      })
      const [file, ...args] = [...launcher, ...command] as [string, ...string[]]
      const child = spawn(file, args, { stdio: [slave, slave, slave] })
      try {
        const exit = once(child, 'exit')
        const text = await shown(master, `${child.pid} ${child.pid} ${child.pid}\r\n`)
        assert.match(text, /^\/dev\/pts\/\d+\r\na terminal\r\n/)
        while (readFileSync(`/proc/${child.pid}/comm`, 'utf8') !== 'sleep\n') await sleep(2)
        writeSync(master, '\x03')
        assert.equal(await exit, [null, 'SIGINT'])
      } finally {
        child.kill('SIGKILL')
        closeSync(slave)
        closeSync(master)
      }
    },
    isDeno ? 'Deno cannot hand on an addon’s terminal' : undefined,
  )
}

const native = ARCHS.find((arch) => arch === process.arch && process.platform === 'linux')
if (native === undefined) {
  test.skip('the launcher (not shown here: it is for Linux on x64 and arm64)')
} else {
  launcherTests(native, native, [])
  const other = native === 'x64' ? 'arm64' : 'x64'
  const emulator = `qemu-${GNU[other]}-static`
  if (isThere(emulator)) launcherTests(other, `${other}, emulated`, [emulator])
  else test.skip(`the launcher for ${other} (not shown here: there is no ${emulator})`)
}

maybe(
  'bubblewrap runs it from a descriptor',
  () => {
    const command = launcherArguments({
      terminal: false,
      arg0: 'sh',
      candidates: ['/no/such', '/bin/sh'],
      args: ['-c', 'echo $$ && echo /proc/self/fd/*'],
    })
    const expected = {
      status: 0,
      stdout: '2\n/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3\n',
      stderr: '',
    }
    const env = { PATH: process.env['PATH'] ?? '' }
    const inside = [...INSIDE, '/proc/self/fd/5', ...command]
    assert.equal(run(['/bin/sh', '-c', 'exec bwrap "$@" 5<"$0"', at(`launcher-${native}`), ...inside], env), expected)
    const fd = isDeno ? undefined : openMemoryFile('launcher')
    if (fd === undefined) return
    try {
      writeSync(fd, launcherImage(native as Arch))
      // As it is, and by way of a descriptor that can only be read.
      for (const given of [fd, openSync(`/proc/self/fd/${fd}`, 'r')]) {
        const stdio = ['ignore', 'pipe', 'pipe', 'ignore', 'ignore', given] as const
        const { status, stdout, stderr } = spawnSync('bwrap', inside, { env, stdio: [...stdio], encoding: 'utf8' })
        assert.equal({ status, stdout, stderr }, expected)
        if (given !== fd) closeSync(given)
      }
    } finally {
      closeSync(fd)
    }
  },
  native === undefined ? 'the launcher is for Linux on x64 and arm64' : withoutBubblewrap,
)

for (const arch of ARCHS) {
  const [assembler, copier] = [`${GNU[arch]}-linux-gnu-as`, `${GNU[arch]}-linux-gnu-objcopy`]
  maybe(
    `${arch}: the bytes are what the assembly beside them says`,
    () => {
      const made = spawnSync(assembler, ['-o', at(`${arch}.o`), '-'], {
        input: launcherAssembly(arch),
        encoding: 'utf8',
      })
      assert.is(made.status, 0, made.stderr)
      assert.is(spawnSync(copier, ['-O', 'binary', '-j', '.text', at(`${arch}.o`), at(`${arch}.text`)]).status, 0)
      assert.is(
        Buffer.from(launcherImage(arch).subarray(CODE_OFFSET)).toString('hex'),
        readFileSync(at(`${arch}.text`), 'hex'),
      )
    },
    isThere(assembler) && isThere(copier) ? undefined : `there is no ${assembler}`,
  )

  test(`${arch}: nothing of the image is writable, and its stack is not executable`, () => {
    const image = launcherImage(arch)
    const view = new DataView(image.buffer, image.byteOffset, image.length)
    const segments = [0, 1].map((index) => [
      view.getUint32(64 + 56 * index, true),
      view.getUint32(68 + 56 * index, true),
    ])
    assert.equal(segments, [
      [1, 4 | 1],
      [0x6474e551, 4 | 2],
    ])
    assert.is(Number(view.getBigUint64(64 + 32, true)), image.length)
    assert.ok(image.length < 4096)
  })

  test(`${arch}: only one message reads as a denial by the sandbox`, () => {
    const text = Buffer.from(launcherImage(arch)).toString('latin1')
    const denials =
      /operation not permitted|permission denied|read-only file system|seccomp|sandbox|landlock|failed to write file/gi
    assert.equal(text.match(denials), ['permission denied'])
  })
}

test('arguments are found again as the launcher reads them', () => {
  const word = fc.string({ minLength: 1 })
  const commands = fc.record({
    terminal: fc.boolean(),
    arg0: fc.string(),
    candidates: fc.array(word, { minLength: 1 }),
    args: fc.array(fc.string()),
  })
  fc.assert(
    fc.property(commands, (command) => {
      const [mode, arg0, ...rest] = launcherArguments(command)
      const end = rest.indexOf('')
      assert.equal(
        { terminal: mode === 't', arg0, candidates: rest.slice(0, end), args: rest.slice(end + 1) },
        { ...command },
      )
    }),
  )
})

test('a candidate without a name, or none at all, is a mistake of the caller', () => {
  for (const candidates of [[], [''], ['/bin/sh', '']]) {
    assert.throws(() => launcherArguments({ terminal: false, arg0: 'sh', candidates, args: [] }))
  }
})

test.run()
