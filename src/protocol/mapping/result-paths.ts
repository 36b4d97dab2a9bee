/** Where results and notifications hold paths. The types require an entry for every text, so that none is forgotten. */
import type { CapabilityRoot, InstalledSkill, Inventory, SkillTool } from '../schemas/capability-roots.ts'
import type { EnvironmentConfig } from '../schemas/environment-config.ts'
import type { WalkResult } from '../schemas/fs.ts'
import type { AttachResult, ListedProcess } from '../schemas/process.ts'
import type { RunEvent, RunFailure, SnapshotResult } from '../schemas/runs.ts'
import type { EnvironmentInfo, InitializeResult } from '../schemas/session.ts'
import { Method } from '../wire/methods.ts'
import type { PathMap } from '../schemas/path-map.ts'

/** What a text is: a path, a file URI, a message with paths in it, or nothing to translate. */
type Kind = 'path' | 'uri' | 'text' | 'none'

/** A kind for each text in a value. */
type Shape<T> = T extends string
  ? Kind
  : T extends readonly (infer Item)[]
    ? readonly [Shape<NonNullable<Item>>]
    : T extends object
      ? {
          readonly [Name in keyof T as NonNullable<T[Name]> extends number | boolean ? never : Name]-?: Shape<
            NonNullable<T[Name]>
          >
        }
      : 'none'

type AnyShape = Kind | readonly [AnyShape] | { readonly [name: string]: AnyShape }

/** The results, and params of notifications, that hold paths. */
type WithPaths = {
  [Method.Initialize]: InitializeResult
  [Method.EnvironmentInfo]: EnvironmentInfo
  [Method.EnvironmentConfigRead]: EnvironmentConfig
  [Method.FsCanonicalize]: { path: string }
  [Method.FsWalk]: WalkResult
  [Method.CapabilityRootsDiscover]: { roots: CapabilityRoot[] }
  [Method.DiscoverInstalled]: Inventory
  [Method.ProcessList]: { processes: ListedProcess[] }
  [Method.ProcessSubscribe]: { processes: ListedProcess[] }
  [Method.ProcessAttach]: AttachResult
  [Method.ProcessSnapshot]: SnapshotResult
  [Method.ProcessStarted]: RunEvent
  [Method.ProcessFailed]: RunFailure
  [Method.ProcessListChanged]: RunEvent
}

type MethodName = (typeof Method)[keyof typeof Method]

// The shell's path and PATH go into argv, which is never translated.
const environmentInfo: Shape<EnvironmentInfo> = {
  shell: { name: 'none', path: 'none' },
  cwd: 'uri',
  userHomeDir: 'uri',
  tempDir: 'uri',
  temporaryDirectories: ['uri'],
  platformOs: 'none',
  prependPathDirs: ['none'],
  executorVersion: 'none',
  capabilities: {},
}

const listedProcess: Shape<ListedProcess> = {
  name: 'none',
  processId: 'none',
  client: 'none',
  session: 'none',
  argv: ['none'],
  cwd: 'path',
  state: 'none',
}

const stack = { layers: [{ source: 'text', baseDir: 'uri', toml: 'none' }] } as const
const file = { path: 'uri', contents: 'none' } as const
const pluginFiles = { manifest: file, mcpConfig: file, appsConfig: file } as const
const tool: Shape<SkillTool> = {
  type: 'none',
  value: 'none',
  description: 'none',
  transport: 'none',
  command: 'none',
  url: 'none',
}
const skill: Shape<InstalledSkill> = {
  name: 'none',
  description: 'none',
  shortDescription: 'none',
  path: 'uri',
  dependencies: { tools: [tool] },
  policy: { products: ['none'] },
}
const stream = { head: 'none', tail: 'none' } as const

/** By method: what its result, or the notification, holds. */
const resultPaths: { readonly [Name in MethodName]: Name extends keyof WithPaths ? Shape<WithPaths[Name]> : 'none' } = {
  [Method.Initialize]: {
    sessionId: 'none',
    environmentInfo,
    protocolVersion: 'none',
    extensions: ['none'],
  },
  [Method.Initialized]: 'none',
  [Method.EnvironmentInfo]: environmentInfo,
  [Method.EnvironmentStatus]: 'none',
  [Method.EnvironmentConfigRead]: {
    userHomeDir: 'uri',
    codexHomeDir: 'uri',
    hostname: 'none',
    config: stack,
    requirements: stack,
  },
  [Method.ProcessStart]: 'none',
  [Method.ProcessRead]: 'none',
  [Method.ProcessWrite]: 'none',
  [Method.ProcessSignal]: 'none',
  [Method.ProcessTerminate]: 'none',
  [Method.ProcessCloseStdin]: 'none',
  [Method.ProcessResize]: 'none',
  [Method.ProcessAcknowledge]: 'none',
  [Method.ProcessList]: { processes: [listedProcess] },
  [Method.ProcessAttach]: { processId: 'none', argv: ['none'], state: 'none' },
  [Method.ProcessSnapshot]: {
    ...listedProcess,
    stdout: stream,
    stderr: stream,
    terminal: stream,
    screen: { lines: ['none'], ansi: 'none', cursor: {}, title: 'none' },
  },
  [Method.ProcessWait]: 'none',
  [Method.ProcessLogs]: 'none',
  [Method.ProcessRemove]: 'none',
  [Method.ProcessSubscribe]: { processes: [listedProcess] },
  [Method.ProcessStarted]: { process: listedProcess },
  [Method.ProcessFailed]: { process: listedProcess, message: 'text' },
  [Method.ProcessListChanged]: { process: listedProcess },
  [Method.ProcessOutput]: 'none',
  [Method.ProcessExited]: 'none',
  [Method.ProcessClosed]: 'none',
  [Method.FsReadFile]: 'none',
  [Method.FsWriteFile]: 'none',
  [Method.FsCreateDirectory]: 'none',
  [Method.FsGetMetadata]: 'none',
  [Method.FsReadDirectory]: 'none',
  [Method.FsRemove]: 'none',
  [Method.FsCopy]: 'none',
  [Method.FsCanonicalize]: { path: 'uri' },
  [Method.FsOpen]: 'none',
  [Method.FsReadBlock]: 'none',
  [Method.FsWriteBlock]: 'none',
  [Method.FsClose]: 'none',
  [Method.FsWalk]: { entries: [{ path: 'uri', kind: 'none' }], errors: [{ path: 'uri', message: 'text' }] },
  [Method.FsWatchMissing]: 'none',
  [Method.FsMissingChanged]: 'none',
  [Method.CapabilityRootsDiscover]: {
    roots: [
      {
        id: 'none',
        path: 'uri',
        plugin: pluginFiles,
        skills: [{ instructions: file, metadata: file }],
        namespaceManifests: [file],
        warnings: ['text'],
        error: 'text',
      },
    ],
  },
  [Method.DiscoverInstalled]: {
    plugins: [
      {
        id: 'none',
        displayName: 'none',
        remotePluginId: 'none',
        version: 'none',
        root: 'uri',
        files: pluginFiles,
        skills: [skill],
      },
    ],
    skills: [{ ...skill, discoveryRoot: { id: 'none', path: 'uri' } }],
    warnings: ['text'],
  },
  [Method.HttpRequest]: 'none',
  [Method.HttpAcknowledge]: 'none',
  [Method.HttpCancel]: 'none',
  [Method.HttpBodyDelta]: 'none',
  [Method.NetConnect]: 'none',
  [Method.NetWrite]: 'none',
  [Method.NetAcknowledge]: 'none',
  [Method.NetEnd]: 'none',
  [Method.NetClose]: 'none',
  [Method.NetListen]: 'none',
  [Method.NetUnlisten]: 'none',
  [Method.NetPorts]: 'none',
  [Method.NetData]: 'none',
  [Method.NetWritten]: 'none',
  [Method.NetClosed]: 'none',
  [Method.NetAccepted]: 'none',
}

/** The result of a method, or the params of a notification, with the client's paths. */
export function mapResult(method: string, result: object, map: PathMap): object {
  const shape = new Map<string, AnyShape>(Object.entries(resultPaths)).get(method) ?? 'none'
  return translated(result, shape, map) as object
}

function translated(value: unknown, shape: AnyShape, map: PathMap): unknown {
  if (shape === 'none' || value === null) return value
  if (typeof shape === 'string') return typeof value === 'string' ? translatedText(value, shape, map) : value
  if (isList(shape)) return Array.isArray(value) ? value.map((item) => translated(item, shape[0], map)) : value
  if (typeof value !== 'object') return value
  const pairs = Object.entries(value).map(([name, member]) => [name, translated(member, shape[name] ?? 'none', map)])
  return Object.fromEntries(pairs)
}

const isList = (shape: readonly [AnyShape] | object): shape is readonly [AnyShape] => Array.isArray(shape)

function translatedText(text: string, kind: Exclude<Kind, 'none'>, map: PathMap): string {
  switch (kind) {
    case 'path':
      return map.toClient(text)
    case 'uri':
      return map.uriToClient(text)
    case 'text':
      return map.textToClient(text)
  }
}
