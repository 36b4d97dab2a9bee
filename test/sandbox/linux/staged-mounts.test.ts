import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { RpcError } from '../../../src/protocol/wire/errors.ts'
import { planMounts } from '../../../src/sandbox/linux/mounts.ts'
import type { Mount, MountPlan } from '../../../src/sandbox/linux/mounts.ts'
import { nestedMountPoint, STAGE, stageMounts } from '../../../src/sandbox/linux/staged-mounts.ts'
import type { StagedMounts } from '../../../src/sandbox/linux/staged-mounts.ts'
import { anyScene, fakeDisk, holds } from '../../support/fakes/fake-disk.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

function everyPlan(check: (plan: MountPlan, staged: StagedMounts) => void): void {
  fc.assert(
    fc.property(anyScene, ({ tree, policy }) => {
      try {
        const disk = fakeDisk({ proc: { sys: {} }, dev: { null: 'device', shm: {} }, ...tree })
        const plan = planMounts(policy, disk)
        check(plan, stageMounts(plan))
      } catch (error) {
        if (!(error instanceof RpcError)) throw error
      }
    }),
    { numRuns: 400 },
  )
}

/** Where what bubblewrap makes at a place shows in the end. */
function shownAt(place: string, { attach }: StagedMounts): string[] {
  if (!holds(STAGE, place)) return [place]
  return attach.filter(({ from }) => holds(from, place)).map(({ from, to }) => to + place.slice(from.length))
}

test('bubblewrap makes mounts only where the sandbox has a file system of its own', () => {
  everyPlan(({ base }, { mounts, links, forbidden }) => {
    const masks = mounts.flatMap(({ mount, place }) => (mount.kind === 'mask' && mount.isDirectory ? [place] : []))
    const binds = mounts.flatMap(({ mount, place }) => (mount.kind === 'bind' ? [place] : []))
    for (const { path } of [...mounts.map(({ place }) => ({ path: place })), ...links, ...forbidden]) {
      const around = [...masks, ...binds].filter((place) => place !== path && holds(place, path))
      const deepest = around.sort((a, b) => b.length - a.length)[0]
      assert.not(deepest !== undefined && binds.includes(deepest), `${path} in ${deepest}`)
      if (deepest === undefined) assert.ok(base === 'empty' || path.startsWith(`${STAGE}/`), path)
    }
  })
})

test('every mount shows at its place in the end, and nothing else does', () => {
  everyPlan((plan, staged) => {
    const made = [...staged.mounts.map(({ place }) => place), ...staged.forbidden.map(({ path }) => path)]
    const shared = staged.attach.filter(({ from }) => !made.includes(from))
    const shown = [...made.flatMap((place) => shownAt(place, staged)), ...shared.map(({ to }) => to)]
    const wanted = [...plan.mounts, ...plan.forbidden].map(({ path }) => path)
    assert.equal(shown.sort(), [...wanted, ...(staged.attach.length > 0 ? [STAGE] : [])].sort())
    assert.equal(
      staged.links.flatMap(({ path }) => shownAt(path, staged)).sort(),
      plan.links.map(({ path }) => path).sort(),
    )
  })
})

test('mounts are attached from shallow to deep, and the stage is covered at last', () => {
  everyPlan((_plan, { attach }) => {
    for (const [index, { to }] of attach.entries())
      assert.not(
        attach.slice(index + 1).some((later) => later.to !== to && holds(later.to, to)),
        to,
      )
    if (attach.length > 0) assert.is(attach.at(-1)?.to, STAGE)
  })
})

// ---- what a running command may exchange for a link ----

const bind = (path: string, writable = true): Mount => ({ kind: 'bind', path, writable })
const mask = (path: string): Mount => ({ kind: 'mask', path, isDirectory: true, leadsOn: false })
const planOf = (mounts: Mount[], forbidden: string[] = [], base: MountPlan['base'] = 'readable'): MountPlan => ({
  base,
  mounts,
  forbidden: forbidden.map((path) => ({ path, isDirectory: true })),
  links: [],
})

test('a mount point below a directory of a writable root is nested, one directly in the root is not', () => {
  assert.is(nestedMountPoint(planOf([bind('/w'), bind('/w/.git', false)], ['/w/.codex'])), undefined)
  assert.is(nestedMountPoint(planOf([mask('/secret/deep'), bind('/x/y', false)])), undefined)
  assert.is(nestedMountPoint(planOf([bind('/w'), bind('/w/d')], ['/w/d/.git'])), '/w/d/.git')
  assert.is(nestedMountPoint(planOf([bind('/w'), mask('/w/d/e')])), '/w/d/e')
  assert.is(nestedMountPoint(planOf([bind('/w', false)], ['/w/d/.git'], 'writable')), '/w/d/.git')
})

test.run()
