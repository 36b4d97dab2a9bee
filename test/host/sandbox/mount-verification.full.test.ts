/** What is swapped after the plan was made and before bubblewrap mounts it, with a real bubblewrap. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { bubblewrapPaths, probeAttaching, probeBubblewrap } from '../../../src/host/sandbox/bubblewrap-probe.ts'
import { bubblewrapCommand } from '../../../src/host/sandbox/bubblewrap.ts'
import { MountsChangedError } from '../../../src/host/sandbox/mount-sources.ts'
import { SandboxSetupError } from '../../../src/host/sandbox/mount-verification.ts'
import { countSandbox } from '../../../src/host/process/running-sandboxes.ts'
import type { BubblewrapAbilities } from '../../../src/sandbox/linux/bubblewrap.ts'
import type { MountPlan } from '../../../src/sandbox/linux/mounts.ts'
import { endWithTest } from '../../support/child.ts'
import { test as everywhere } from '../../support/suite.ts'

const [path] = process.platform === 'linux' ? bubblewrapPaths(undefined) : []
const probe = path === undefined ? undefined : await probeBubblewrap(path)
const abilities = probe !== undefined && 'abilities' in probe ? probe.abilities : undefined
if (path !== undefined && abilities !== undefined) await probeAttaching({ path, abilities })
const test = abilities === undefined ? everywhere.skip : everywhere

let folder: string
const at = (name: string): string => join(folder, name)
everywhere.before.each(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'mount-verification-')))
  for (const name of ['w/d', 'w/e', 'out']) mkdirSync(at(name), { recursive: true })
  writeFileSync(at('w/d/key'), 'secret')
  writeFileSync(at('w/e/key'), 'other')
})
everywhere.after.each(() => rmSync(folder, { recursive: true }))

/** A writable workspace with a denied file, and so a directory that is held in its place. */
const plan = (): MountPlan => ({
  base: 'readable',
  mounts: [
    { kind: 'bind', path: at('w'), writable: true },
    { kind: 'bind', path: at('w/d'), writable: true },
    { kind: 'mask', path: at('w/d/key'), isDirectory: false, leadsOn: false },
  ],
  forbidden: [],
  links: [],
})

type Outcome = { error: unknown; ran: boolean }

/** Plans, swaps, and starts a command that writes into every place. */
async function start(how: Partial<BubblewrapAbilities>, swap: () => void, wanted = plan()): Promise<Outcome> {
  assert.ok(path !== undefined && abilities !== undefined)
  const notRunning = countSandbox()
  const command = bubblewrapCommand({
    bubblewrap: { path, abilities: { ...abilities, ...how } },
    plan: wanted,
    coverForbidden: true,
    network: 'restricted',
    cwd: '/',
    env: new Map([['PATH', '/usr/bin:/bin']]),
    command: ['/bin/sh', '-c', `for d in ${at('w')} ${at('w/d')} ${at('out')}; do echo x > $d/ran; done`],
  })
  notRunning()
  swap()
  const child = spawn(command.file, command.args, {
    stdio: ['ignore', 'ignore', 'ignore', ...command.descriptors],
    detached: true,
  })
  endWithTest(child)
  const ended = once(child, 'exit')
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null
  try {
    await command.confirm?.(child.pid as number, hasEnded)
    await ended
    return { error: undefined, ran: existsSync(at('w/ran')) }
  } catch (error) {
    child.kill('SIGKILL')
    await ended
    return { error, ran: existsSync(at('w/ran')) }
  } finally {
    command.close()
  }
}

const ATTACHED = { attaches: true, descriptorBinds: true }
const HOW: Record<string, Required<Pick<BubblewrapAbilities, 'attaches' | 'descriptorBinds'>>> = {
  'by the mount program': ATTACHED,
  'by the mount program, from paths': { attaches: true, descriptorBinds: false },
  'by bubblewrap, from descriptors': { attaches: false, descriptorBinds: true },
  'by bubblewrap, from paths': { attaches: false, descriptorBinds: false },
}

for (const [how, wanted] of Object.entries(HOW)) {
  if (wanted.descriptorBinds && abilities?.descriptorBinds !== true) continue
  if (wanted.attaches && abilities?.attaches !== true) continue
  /** Nothing was written there; nothing was made either, where bubblewrap looks no mount point up. */
  const assertUntouched = (): void => {
    const names = readdirSync(at('out'))
    assert.equal(wanted.attaches ? names : names.filter((name) => name === 'ran'), [])
  }

  test(`mounts that are as planned are let through, ${how}`, async () => {
    const { error, ran } = await start(wanted, () => {})
    assert.equal([error, ran], [undefined, true])
    assert.ok(existsSync(at('w/d/ran')) && !existsSync(at('out/ran')))
  })

  test(`a directory that became a link gets nothing mounted that is run, ${how}`, async () => {
    for (const target of ['../out', at('out'), `/oldroot${at('out')}`]) {
      const { error, ran } = await start(wanted, () => {
        renameSync(at('w/d'), at('w/aside'))
        symlinkSync(target, at('w/d'))
      })
      assert.ok(error instanceof MountsChangedError || error instanceof SandboxSetupError, String(error))
      assert.not(ran, target)
      assertUntouched()
      rmSync(at('w/d'))
      renameSync(at('w/aside'), at('w/d'))
    }
  })

  test(`a writable root that became a link gets nothing mounted that is run, ${how}`, async () => {
    const { error, ran } = await start(wanted, () => {
      renameSync(at('w'), at('aside'))
      symlinkSync('out', at('w'))
    })
    assert.ok(error instanceof MountsChangedError || error instanceof SandboxSetupError, String(error))
    assert.not(ran)
    assertUntouched()
    rmSync(at('w'))
    renameSync(at('aside'), at('w'))
  })
}

/** Mount points below a directory that is no mount itself, as when a mounted one becomes a link just afterwards. */
const nested = (): MountPlan => ({
  base: 'readable',
  mounts: [
    { kind: 'bind', path: at('w'), writable: true },
    { kind: 'mask', path: at('w/d/key'), isDirectory: false, leadsOn: false },
    { kind: 'mask', path: at('w/d/deep/directory'), isDirectory: true, leadsOn: false },
  ],
  forbidden: [{ path: at('w/d/.git'), isDirectory: true }],
  links: [],
})

for (const prefix of ['', '/oldroot'])
  (abilities?.attaches === true ? test : everywhere.skip)(
    `no mount point comes to be behind a link to ${prefix}/ABSOLUTE`,
    async () => {
      const { error, ran } = await start(
        ATTACHED,
        () => {
          renameSync(at('w/d'), at('w/aside'))
          symlinkSync(prefix + at('out'), at('w/d'))
        },
        nested(),
      )
      assert.ok(error instanceof MountsChangedError, String(error))
      assert.not(ran)
      assert.equal(readdirSync(at('out')), [])
    },
  )

test('a sandbox waits as long as it is not confirmed', async () => {
  assert.ok(path !== undefined && abilities !== undefined)
  const before = readdirSync('/proc/self/fd').length
  const shared = { coverForbidden: true, network: 'restricted', cwd: '/', env: new Map<string, string>() } as const
  const bubblewrap = { path, abilities }
  const notRunning = countSandbox()
  const command = bubblewrapCommand({
    ...shared,
    bubblewrap,
    plan: plan(),
    command: ['/bin/sh', '-c', `> ${at('w/ran')}`],
  })
  const child = spawn(command.file, command.args, {
    stdio: ['ignore', 'ignore', 'ignore', ...command.descriptors],
    detached: true,
  })
  endWithTest(child)
  notRunning()
  // Another one, which is started later and confirmed, has come to its end meanwhile.
  assert.is((await start({ descriptorBinds: false }, () => {})).error, undefined)
  rmSync(at('w/ran'))
  assert.is(child.exitCode, null)
  await command.confirm?.(child.pid as number, () => false)
  await once(child, 'exit')
  command.close()
  assert.ok(existsSync(at('w/ran')))
  assert.is(readdirSync('/proc/self/fd').length, before)
})

everywhere.run()
