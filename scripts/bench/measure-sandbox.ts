/** The same in a sandbox: the whole disk to read, one folder to write, no network. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { onServer } from './measure.ts'
import type { Measure } from './measure.ts'
import type { Session } from './session.ts'
import { eachTimed, median } from './statistics.ts'
import { temporaryFolder } from './temporary-folder.ts'

const CALLS = 15
const COMMANDS = 15

function setUp({ subject }: Session): { file: string; sandbox: object } {
  const folder = join(temporaryFolder(), 'workspace')
  mkdirSync(folder, { recursive: true })
  const special = (kind: string, access: string) => ({ path: { type: 'special', value: { kind } }, access })
  const entries = [special('root', 'read'), special('project_roots', 'write')]
  const permissions = { type: 'managed', file_system: { type: 'restricted', entries }, network: 'restricted' }
  const [cwd, file] = [subject.path(folder), subject.path(join(folder, 'file'))]
  return { file, sandbox: { permissions, cwd, workspaceRoots: [cwd], windowsSandboxLevel: 'disabled' } }
}

async function writes(session: Session): Promise<readonly number[]> {
  const { file, sandbox } = setUp(session)
  const write = (): Promise<string> => session.ask('fs/writeFile', { path: file, dataBase64: btoa('hello'), sandbox })
  const [first] = await eachTimed(1, write)
  return [first as number, median(await eachTimed(CALLS, write))]
}

async function commands(session: Session): Promise<readonly number[]> {
  const { sandbox } = setUp(session)
  return [median(await eachTimed(COMMANDS, () => session.run(['/bin/true'], false, { sandbox })))]
}

export const sandboxMeasures: readonly Measure[] = [
  onServer(
    'sandboxed-files',
    [
      { label: 'sandboxed write, the first', unit: 'ms', goal: { ratioMax: 1.1 } },
      { label: 'sandboxed write, the following', unit: 'ms', goal: { ratioMax: 0.08 } },
    ],
    writes,
  ),
  onServer(
    'sandboxed-commands',
    [{ label: 'start to closed, sandboxed', unit: 'ms', goal: { ratioMax: 1 } }],
    commands,
  ),
]
