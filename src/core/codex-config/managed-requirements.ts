/**
 * Derives requirements from managed_config.toml, which predates requirements.toml: it allows only what it sets itself.
 */
import { isTable, tableOf } from './toml.ts'
import type { TomlTable } from './toml.ts'

/** A setting, the requirement derived from it, and the values that each setting allows. */
const DERIVED: readonly {
  setting: string
  requirement: string
  allowed: Readonly<Record<string, readonly string[]>>
}[] = [
  {
    setting: 'approval_policy',
    requirement: 'allowed_approval_policies',
    allowed: { untrusted: ['untrusted'], 'on-failure': ['on-request'], 'on-request': ['on-request'], never: ['never'] },
  },
  {
    setting: 'approvals_reviewer',
    requirement: 'allowed_approvals_reviewers',
    allowed: { user: ['user'], auto_review: ['auto_review', 'user'], guardian_subagent: ['auto_review', 'user'] },
  },
  {
    setting: 'sandbox_mode',
    requirement: 'allowed_sandbox_modes',
    // Read-only is always allowed.
    allowed: {
      'read-only': ['read-only'],
      'workspace-write': ['read-only', 'workspace-write'],
      'danger-full-access': ['read-only', 'danger-full-access'],
    },
  },
]

/**
 * The requirements that a managed configuration implies.
 * @throws Error for an unknown value: ignoring it would lift a restriction
 */
export function managedRequirements(managed: TomlTable): TomlTable {
  return tableOf(
    DERIVED.flatMap(({ setting, requirement, allowed }) => {
      const value = managed[setting]
      if (value === undefined) return []
      const known = typeof value === 'string' && Object.hasOwn(allowed, value) ? allowed[value] : undefined
      const values = known ?? (setting === 'approval_policy' ? granularPolicy(value) : undefined)
      if (values === undefined) throw new Error(`\`${setting}\` has a value that is not known`)
      return [[requirement, values] as const]
    }),
  )
}

/** The keys of a granular policy; an absent optional one is false. */
const GRANULAR = {
  sandbox_approval: 'required',
  rules: 'required',
  skill_approval: 'optional',
  request_permissions: 'optional',
  mcp_elicitations: 'required',
}

/** `{granular = {…}}`: a separate policy for each kind of approval. */
function granularPolicy(value: unknown): [TomlTable] | undefined {
  if (!isTable(value) || Object.keys(value).join() !== 'granular') return undefined
  const { granular } = value
  if (!isTable(granular)) return undefined
  const entries = Object.entries(GRANULAR).map(
    ([key, need]) => [key, granular[key] ?? (need === 'optional' ? false : undefined)] as const,
  )
  if (entries.some(([, member]) => typeof member !== 'boolean')) return undefined
  return [tableOf([['granular', tableOf(entries)]])]
}
