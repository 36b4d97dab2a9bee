import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { RpcError } from '../../../src/protocol/wire/errors.ts'
import { unwrapLinuxSandbox } from '../../../src/protocol/schemas/linux-sandbox.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

const PROGRAM = '/home/u/.codex/tmp/arg0/codex-arg0AbC/codex-linux-sandbox'
const COMMAND = ['sh', '-c', 'echo hi']

const restricted = (...entries: unknown[]) => ({
  type: 'managed',
  file_system: { type: 'restricted', entries },
  network: 'restricted',
})
const READ_ROOT = { path: { type: 'special', value: { kind: 'root' } }, access: 'read' }
const READ = { at: { type: 'root' }, access: 'read' }

type Flags = Record<string, unknown>

/** Values that are not texts are sent as JSON. */
const words = (flags: Flags): string[][] =>
  Object.entries(flags).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)])
const wrapped = (flags: Flags, command: readonly string[] = COMMAND): string[] => [
  PROGRAM,
  ...words(flags).flat(),
  '--',
  ...command,
]
const unwrap = (flags: Flags, command?: readonly string[]) => unwrapLinuxSandbox(wrapped(flags, command))

const refuses = (argv: readonly string[], what = /./): void => {
  assert.throws(
    () => unwrapLinuxSandbox(argv),
    (error: unknown) =>
      error instanceof RpcError &&
      error.code === -32602 &&
      error.message.startsWith('cannot follow codex-linux-sandbox: ') &&
      what.test(error.message),
    JSON.stringify(argv),
  )
}

const PROFILE: Flags = {
  '--sandbox-policy-cwd': '/w',
  '--command-cwd': '/w/sub',
  '--permission-profile': restricted(READ_ROOT),
}
const POLICIES: Flags = {
  '--sandbox-policy-cwd': '/w',
  '--sandbox-policy': { type: 'read-only' },
  '--file-system-sandbox-policy': { kind: 'restricted', entries: [READ_ROOT], glob_scan_max_depth: 2 },
  '--network-sandbox-policy': JSON.stringify('enabled'),
}

const SANDBOXES: [Flags, unknown][] = [
  [PROFILE, { files: { unrestricted: false, entries: [READ] }, network: 'restricted', cwd: '/w' }],
  [POLICIES, { files: { unrestricted: false, entries: [READ], globScanMaxDepth: 2 }, network: 'enabled', cwd: '/w' }],
]

test('the command inside and its sandbox are read back, from a profile and from policies', () => {
  for (const [flags, sandbox] of SANDBOXES) assert.equal(unwrap(flags), { argv: COMMAND, sandbox })
})

test('flags stand in any order, and their values behind an equals sign or a space', () => {
  fc.assert(
    fc.property(fc.constantFrom(...SANDBOXES), fc.infiniteStream(fc.nat()), ([flags, sandbox], dice) => {
      const roll = (): number => dice.next().value as number
      const all = [...words(flags), ['--use-legacy-landlock'], ['--no-proc']].filter(
        ([name]) => !['--use-legacy-landlock', '--no-proc'].includes(name as string) || roll() % 2 === 0,
      )
      const shuffled = all.map((pair) => ({ pair, key: roll() })).sort((a, b) => a.key - b.key)
      const args = shuffled.flatMap(({ pair }) => (pair.length === 2 && roll() % 2 === 0 ? [pair.join('=')] : pair))
      assert.equal(unwrapLinuxSandbox([PROGRAM, ...args, '--', ...COMMAND]), { argv: COMMAND, sandbox })
    }),
    { numRuns: 200 },
  )
})

test('the command is passed on as it is, dashes, further separators and another wrapper included', () => {
  for (const command of [['--', 'x'], ['-c'], [''], ['a', '--', 'b', '--permission-profile'], wrapped(PROFILE)])
    assert.equal(unwrap(PROFILE, command)?.argv, command)
})

test('only the sandbox program itself is one, by whatever path', () => {
  for (const program of ['codex-linux-sandbox', './codex-linux-sandbox', '/codex-linux-sandbox', PROGRAM]) {
    assert.ok(unwrapLinuxSandbox([program, ...wrapped(PROFILE).slice(1)]) !== undefined, program)
  }
  for (const argv of [
    [],
    [''],
    ['/codex-linux-sandbox/x'],
    ['codex-linux-sandboxed', '--'],
    ['xcodex-linux-sandbox', '--'],
    ['sh', '-c', PROGRAM],
    ['env', ...wrapped(PROFILE)],
  ]) {
    assert.is(unwrapLinuxSandbox(argv), undefined, argv[0] ?? 'nothing')
  }
})

test('a program that is called like the sandbox program never runs without a sandbox', () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom(
      '--',
      '--sandbox-policy-cwd',
      '/w',
      '--permission-profile',
      '{"type":"disabled"}',
      JSON.stringify(restricted()),
      '--no-proc',
      '--sandbox-policy',
      '{"type":"read-only"}',
      '--sandbox-policy-cwd=/w',
      '"restricted"',
      'null',
      '{}',
    ),
  )
  fc.assert(
    fc.property(fc.constantFrom('codex-linux-sandbox', PROGRAM), fc.array(word, { maxLength: 8 }), (program, rest) => {
      let outcome: ReturnType<typeof unwrapLinuxSandbox>
      try {
        outcome = unwrapLinuxSandbox([program, ...rest])
      } catch (error) {
        if (!(error instanceof RpcError)) throw error
        return assert.is(error.code, -32602)
      }
      assert.is.not(outcome, undefined)
      assert.equal(outcome?.argv, rest.slice(rest.indexOf('--') + 1))
      assert.ok((outcome?.argv.length as number) > 0)
      assert.is(outcome?.sandbox.cwd, '/w')
      if (outcome?.sandbox.files.unrestricted === true)
        assert.ok(rest.slice(0, rest.indexOf('--')).some((text) => text.includes('{"type":"disabled"}')))
    }),
    { numRuns: 2000 },
  )
})

test('a command line that holds no command, no directory or no permissions is refused', () => {
  const { '--sandbox-policy-cwd': _, ...homeless } = PROFILE
  refuses([PROGRAM], /`--`/)
  refuses([PROGRAM, ...words(PROFILE).flat()], /`--`/)
  refuses(wrapped(PROFILE, []), /command is missing/)
  refuses(wrapped(homeless), /--sandbox-policy-cwd is missing/)
  refuses(wrapped({ '--sandbox-policy-cwd': '/w' }), /no permission profile/)
  refuses(
    wrapped({ '--sandbox-policy-cwd': '/w', '--file-system-sandbox-policy': { kind: 'unrestricted' } }),
    /no permission profile/,
  )
  refuses(wrapped({ '--sandbox-policy-cwd': '/w', '--network-sandbox-policy': '"enabled"' }), /no permission profile/)
})

test('flags that are not known, stand twice or have no value are refused', () => {
  for (const flag of [
    '--apply-seccomp-then-exec',
    '--proxy-route-spec',
    '--permission-profiles',
    '-x',
    'x',
    '',
    '-',
    '--no-proc=true',
    '--use-legacy-landlock=1',
    '--help',
    '---',
  ]) {
    refuses([PROGRAM, flag, ...wrapped(PROFILE).slice(1)], /unknown flag/)
  }
  for (const [name, value] of words(PROFILE)) {
    refuses([PROGRAM, `${name}=${value}`, ...wrapped(PROFILE).slice(1)], /twice/)
    refuses([PROGRAM, name as string, '--', ...COMMAND], /no value/)
  }
})

test('a network by way of a proxy is refused, for it would be no such network here', () => {
  for (const flag of ['--allow-network-for-proxy', '--allow-network-for-proxy=true'])
    refuses([PROGRAM, flag, ...wrapped(PROFILE).slice(1)], /managed networks/)
})

test('a profile beside policies is refused, as it is not said which counts', () => {
  for (const flag of ['--sandbox-policy', '--file-system-sandbox-policy', '--network-sandbox-policy'])
    refuses(wrapped({ ...PROFILE, [flag]: POLICIES[flag] }), /both/)
})

test('values that cannot be read are refused, with the flag’s name', () => {
  const wrong: Record<string, unknown[]> = {
    '--permission-profile': [
      '',
      '{',
      'null',
      '{}',
      '[]',
      '1',
      '{"type":"disabled"',
      '{"type":"disabled","type":"disabled"}',
      { type: 'martian' },
      restricted({ path: 'x', access: 'read' }),
    ],
    '--sandbox-policy': ['', 'null', {}, { type: 'none' }, { kind: 'restricted', entries: [] }],
    '--file-system-sandbox-policy': ['null', {}, { kind: 'restricted' }, { type: 'read-only' }],
    '--network-sandbox-policy': ['restricted', 'null', '"full"', 'true', '{}'],
    '--sandbox-policy-cwd': ['', 'w', './w', '~', '/w\0'],
  }
  for (const [flag, values] of Object.entries(wrong)) {
    const base = flag in PROFILE ? PROFILE : POLICIES
    for (const value of values) refuses(wrapped({ ...base, [flag]: value }), new RegExp(`${flag}: `))
  }
})

test('of policies the finer one counts for files, and the network’s own for the network', () => {
  const { '--file-system-sandbox-policy': files, '--network-sandbox-policy': network, ...legacy } = POLICIES
  const sandbox = (flags: Flags) => unwrap(flags)?.sandbox
  assert.equal(sandbox(legacy), { files: { unrestricted: false, entries: [READ] }, network: 'restricted', cwd: '/w' })
  assert.is(sandbox({ ...legacy, '--network-sandbox-policy': network })?.network, 'enabled')
  assert.is(
    sandbox({
      ...legacy,
      '--sandbox-policy': { type: 'danger-full-access' },
      '--network-sandbox-policy': '"restricted"',
    })?.network,
    'restricted',
  )
  assert.is(sandbox({ ...POLICIES, '--sandbox-policy': { type: 'danger-full-access' } })?.files.unrestricted, false)
  assert.equal(
    sandbox({
      '--sandbox-policy-cwd': '/w',
      '--file-system-sandbox-policy': files,
      '--network-sandbox-policy': network,
    }),
    sandbox(POLICIES),
  )
})

test('the directory of the policy may be a URI and comes out normalised, and the client’s command directory is not asked', () => {
  assert.is(unwrap({ ...PROFILE, '--sandbox-policy-cwd': 'file:///a/./b/' })?.sandbox.cwd, '/a/b')
  assert.is(unwrap({ ...PROFILE, '--command-cwd': 'not a path' })?.sandbox.cwd, '/w')
})

test('symbols of a profile stand for the policy’s directory, since there are no workspace roots', () => {
  const entry = { path: { type: 'special', value: { kind: 'current_working_directory' } }, access: 'write' }
  assert.equal(unwrap({ ...PROFILE, '--permission-profile': restricted(entry) })?.sandbox, {
    files: { unrestricted: false, entries: [{ at: { type: 'project_roots' }, access: 'write' }] },
    network: 'restricted',
    cwd: '/w',
  })
})

test.run()
