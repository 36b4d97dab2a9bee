/**
 * Where bubblewrap makes the mounts of a plan. It looks every mount point up by path, and creates those that are missing.
 * Below a directory of the host, which a running command may be allowed to change, a link would lead it astray. So it
 * gets to make mounts only in file systems of the sandbox's own: at their places where these are empty otherwise, and
 * the others in a directory of the sandbox's /dev. The mount program attaches those.
 */
import { isWithin } from '../../base/paths.ts'
import { parentOf } from '../policy/policy.ts'
import type { Mount, MountPlan } from './mounts.ts'

/** The directory for mounts that are to be attached. An empty mount covers it in the end. */
export const STAGE = '/dev/.exec-server'

/** A mount to show at another place, with everything below it. */
export type Attachment = { from: string; to: string }

/** What bubblewrap mounts, and where. */
export type StagedMounts = {
  mounts: readonly { mount: Mount; place: string }[]
  links: MountPlan['links']
  forbidden: MountPlan['forbidden']
  /** In this order. Empty if bubblewrap makes every mount at its place. */
  attach: readonly Attachment[]
}

/** What many mounts show alike, as places in the stage. */
export const SHARED = {
  /** An empty directory that can be searched. */
  absent: `${STAGE}/absent`,
  /** An empty directory without permissions. */
  denied: `${STAGE}/denied`,
  /** A file that cannot be opened. */
  file: `${STAGE}/file`,
} as const

/** Every mount at its place, in the order of the plan. */
export const unstaged = ({ mounts, links, forbidden }: MountPlan): StagedMounts => ({
  mounts: mounts.map((mount) => ({ mount, place: mount.path })),
  links,
  forbidden,
  attach: [],
})

/** Mounts that stand in a directory of the host are staged. */
export function stageMounts({ base, mounts, links, forbidden }: MountPlan): StagedMounts {
  /** From shallow to deep: what is mounted, where bubblewrap makes it, and whether it is empty otherwise. */
  const containers = [{ path: '/', place: '/', isOwn: base === 'empty' }]
  const attach: Attachment[] = []
  const staged: { mount: Mount; place: string }[] = []
  /** The place where bubblewrap makes what is at a path; undefined if the path is in a directory of the host. */
  const ownPlace = (path: string): string | undefined => {
    const container = containers.findLast((candidate) => isWithin(path, candidate.path))
    if (container?.isOwn !== true) return undefined
    return container.place === '/' ? path : container.place + path.slice(container.path.length)
  }
  for (const mount of mounts) {
    const { path } = mount
    const place = ownPlace(path)
    const shared = place === undefined ? sharedBy(mount) : undefined
    const made = place ?? shared ?? `${STAGE}/${staged.length}`
    if (place === undefined) attach.push({ from: made, to: path })
    if (shared === undefined) staged.push({ mount, place: made })
    containers.push({ path, place: made, isOwn: mount.kind === 'mask' && mount.isDirectory })
  }
  const own = (path: string): { path: string }[] => {
    const place = ownPlace(path)
    return place === undefined ? [] : [{ path: place }]
  }
  for (const { path, isDirectory } of forbidden)
    if (ownPlace(path) === undefined) attach.push({ from: isDirectory ? SHARED.absent : SHARED.file, to: path })
  if (attach.length > 0) attach.push({ from: SHARED.absent, to: STAGE })
  return {
    mounts: staged,
    links: links.flatMap((link) => own(link.path).map(({ path }) => ({ ...link, path }))),
    forbidden: forbidden.flatMap((point) => own(point.path).map(({ path }) => ({ ...point, path }))),
    attach,
  }
}

function sharedBy(mount: Mount): string | undefined {
  if (mount.kind === 'bind' || mount.leadsOn) return undefined
  return mount.isDirectory ? SHARED.denied : SHARED.file
}

/**
 * A mount point below a directory that a command may exchange for a link: in a writable root, but not directly. Undefined
 * if there is none.
 */
export function nestedMountPoint(plan: MountPlan): string | undefined {
  const writable = plan.mounts.flatMap((mount) => (mount.kind === 'bind' && mount.writable ? [mount.path] : []))
  const roots = plan.base === 'writable' ? ['/', ...writable] : writable
  return stageMounts(plan).attach.find(({ to }) => {
    // From shallow to deep, so the first root that contains the path is the outermost.
    const root = roots.find((candidate) => candidate !== to && isWithin(to, candidate))
    return root !== undefined && parentOf(to) !== root
  })?.to
}
