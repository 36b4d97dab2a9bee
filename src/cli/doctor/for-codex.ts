/** What the Codex of this machine could do on a server: what `exec-server codex` checks and says. */
import process from 'node:process'
import type { ExecClient } from '../../client/base/types.ts'
import { messageOf } from '../../client/base/errors.ts'
import { openCodexHome, settingsOf } from '../devbox/codex/codex-home.ts'
import { directoryFault, sandboxFault } from '../devbox/codex/look.ts'
import { callNotices, mcpNotices } from '../devbox/codex/notices.ts'
import { planFor } from '../devbox/codex/plan.ts'
import type { Plan } from '../devbox/codex/plan.ts'
import { findCodex } from '../devbox/codex/program.ts'
import type { TargetValues } from '../devbox/options.ts'
import { findTarget } from '../devbox/target.ts'
import { amiss, fine } from './findings.ts'
import type { Finding } from './findings.ts'

/** A directory that most devboxes have, to try the sandbox in. */
const ANY_DIRECTORY = '/tmp'

const LEADS: Readonly<Record<Plan['kind'], string>> = {
  variable: 'uses this server by CODEX_EXEC_SERVER_URL',
  file: 'uses this server by environments.toml',
  private: 'would use another, or this machine: exec-server codex leads it here',
}

/** Looks at this directory and the sandbox there, and at Codex here. */
export async function* examineForCodex(client: ExecClient, target: TargetValues): AsyncGenerator<Finding> {
  const directory = process.cwd()
  const fault = await directoryFault(client, directory)
  yield fault === undefined
    ? fine('this directory', `${directory} is there, too`)
    : { ...fine('this directory', `${directory}: ${fault}`), notes: ['Codex would not work there from this directory'] }
  const sandbox = await sandboxFault(client, fault === undefined ? directory : ANY_DIRECTORY)
  yield sandbox === undefined
    ? fine('sandbox', 'workspace-write can be enforced')
    : amiss('sandbox', sandbox, 'Codex runs no command there in its default mode')
  yield await examineCodex(target)
}

/** It is no fault of the server if there is no Codex here. */
async function examineCodex(target: TargetValues): Promise<Finding> {
  try {
    const { path, release } = await findCodex()
    const home = await openCodexHome()
    const spec = await findTarget(target)
    const { kind } = planFor(spec, await settingsOf(home), release)
    const notes = [
      ...callNotices({ kind: 'tui', usesDaemon: undefined, directory: undefined }, release),
      ...mcpNotices(await home.config(), release, spec.id),
    ]
    return { ...fine('codex', `${release.version} (${path}) ${LEADS[kind]}`), notes }
  } catch (error) {
    return fine('codex', messageOf(error))
  }
}
