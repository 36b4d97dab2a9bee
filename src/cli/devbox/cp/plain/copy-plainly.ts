/**
 * Copies with servers that have no copy agent: Codex's own, and old ones. By the file methods of the protocol, one file
 * after another; a shell on the devbox does the rest, as far as there is one.
 */
import { posix } from 'node:path'
import { messageOf, RpcError } from '../../../../client/base/errors.ts'
import { temporaryBeside } from '../../../../host/copy/leftovers.ts'
import { CopyError } from '../../../../host/copy/messages.ts'
import { readSources } from '../../../../host/copy/read/read-sources.ts'
import { failure } from '../../../../host/copy/texts.ts'
import { DestinationWriter } from '../../../../host/copy/write/write-destination.ts'
import type { AgentCopy } from '../copy-with-agent.ts'
import type { Sides } from '../display.ts'
import { devboxShell } from './devbox-shell.ts'
import type { DevboxShell } from './devbox-shell.ts'
import { PlainReader } from './read-devbox.ts'
import { PlainWriter } from './write-devbox.ts'

/**
 * Copies, and says what is missing.
 * @throws {CopyError} if the whole copy failed, DisconnectedError, or the signal's reason
 */
export async function copyPlainly(copy: AgentCopy, { isSourceRemote, isDestinationRemote }: Sides): Promise<void> {
  const { client, display, options } = copy
  if (options.preserve || options.archive)
    throw new CopyError('this server has no copy agent, which -p and -a need: it keeps no times and no hard links')
  const shell = devboxShell(client)
  if (options.recursive)
    display.print('this server has no copy agent: the copy is slower, one file at a time, and follows links')
  if (isDestinationRemote && !(await shell.isThere()))
    display.print('the devbox has no shell: files are written where they are, and without their modes')
  if (!isSourceRemote) await uploadPlainly(copy, shell)
  else if (!isDestinationRemote) await downloadPlainly(copy, shell)
  else await copyTherePlainly(copy, shell)
}

async function uploadPlainly(copy: AgentCopy, shell: DevboxShell): Promise<void> {
  const { client, sources, destination, options, display, signal } = copy
  const writer = new PlainWriter(client, shell, destination, copy)
  await writer.open(sources.length)
  // The contents are read where they are sent: after a lost connection again.
  const walk = { ...options, dryRun: true, dereference: true }
  const nowhere = { type: 'hello', version: 0, machine: '', directories: [] } as const
  for await (const message of readSources({ sources, glob: false, options: walk }, nowhere, {
    signal,
    isBlocking: false,
  })) {
    if (display.take(message)) continue
    if (message.type === 'entry') await writer.put(message)
  }
}

async function downloadPlainly(copy: AgentCopy, shell: DevboxShell): Promise<void> {
  const { client, sources, destination, options, display, signal } = copy
  const writer = new DestinationWriter(destination, options, display)
  const abandon = (): void => writer.abandon()
  signal.addEventListener('abort', abandon, { once: true })
  try {
    for await (const message of new PlainReader(client, shell, options, signal).read(sources)) {
      signal.throwIfAborted()
      if (!display.take(message)) await writer.take(message)
    }
  } catch (error) {
    writer.abandon()
    throw error
  } finally {
    signal.removeEventListener('abort', abandon)
  }
}

/** The server copies, to a temporary name where it can be renamed. */
async function copyTherePlainly(copy: AgentCopy, shell: DevboxShell): Promise<void> {
  const { client, sources, destination, options, display, signal } = copy
  const { fs } = client
  const writer = new PlainWriter(client, shell, destination, copy)
  await writer.open(sources.length)
  for (const source of sources) {
    signal.throwIfAborted()
    const name = posix.basename(source)
    const target = writer.placeOf({ rootName: name === '.' || name === '..' ? '' : name, path: '' })
    try {
      const { isDirectory } = await fs.getMetadata(source)
      if (isDirectory && !options.recursive) throw new CopyError('is a directory; -r copies it')
      const isThere = await fs.exists(target)
      if (isThere && options.noClobber) continue
      if (options.dryRun) display.copied(source, target)
      else {
        if (isThere) await refuseSame(copy, source, target)
        await copyOne(copy, shell, source, target, { isDirectory, isThere })
        display.copied(source, target)
      }
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof RpcError || error instanceof CopyError)) throw error
      display.report(failure('source', source, messageOf(error)))
    }
  }
}

async function refuseSame({ client: { fs } }: AgentCopy, source: string, target: string): Promise<void> {
  if ((await fs.canonicalize(source)) === (await fs.canonicalize(target)))
    throw new CopyError(`is the same file as ${target}`)
}

async function copyOne(
  { client: { fs }, signal }: AgentCopy,
  shell: DevboxShell,
  source: string,
  target: string,
  { isDirectory, isThere }: { isDirectory: boolean; isThere: boolean },
): Promise<void> {
  // A directory that is there is merged by the server.
  if ((isDirectory && isThere) || !(await shell.isThere()) || (isThere && !(await fs.getMetadata(target)).isFile))
    return fs.copy(source, target, { recursive: isDirectory, signal })
  const place = isThere ? await fs.canonicalize(target) : target
  const temporary = temporaryBeside(place)
  try {
    await fs.copy(source, temporary, { recursive: isDirectory, signal })
    const mode = (await shell.modesOf([temporary])).get(temporary) ?? 0o644
    await shell.publish(temporary, place, mode)
  } catch (error) {
    await shell.remove(temporary).catch(() => {})
    throw error
  }
}
