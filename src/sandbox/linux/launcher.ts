/**
 * The program that bubblewrap starts in the sandbox, instead of a shell or a second Node: it creates a session, takes
 * the controlling terminal, closes inherited descriptors, tries each candidate path and execs the first that works. It
 * is machine code, so that it needs no file in the sandbox and costs only a fraction of a millisecond.
 */
import { ARM64 } from './launcher-arm64.ts'
import { X64 } from './launcher-x64.ts'
import { assemblyOf, programImage } from './machine-code.ts'
import type { Arch } from './system-calls.ts'

/**
 * In C, for both architectures:
 *
 *     int main(int argc, char **argv, char **envp) {            // [self, MODE, ARG0, CANDIDATE..., '', ARG...]
 *       char **candidate = argv + 3, **arguments = candidate;
 *       if (argc < 5) fail(unfit);
 *       for (;; arguments++) {
 *         if (*arguments == NULL) fail(unfit);
 *         if (**arguments == '\0') break;
 *       }
 *       if (arguments == candidate) fail(unfit);
 *       *arguments = argv[2];                                   // in place of the ''
 *       setsid();                                               // fails if it leads a process group already
 *       if (MODE is "t") { if (ioctl(0, TIOCSCTTY, 0) < 0) fail(no_terminal); }
 *       else if (MODE is not "p") fail(unfit);
 *       if (close_range(3, ~0u, 0) != 0) for (int fd = 3; fd < 1024; fd++) close(fd);
 *       char *message = missing; int code = 127;
 *       for (; candidate != arguments; candidate++) {
 *         int error = execve(*candidate, arguments, envp);      // returns only on failure
 *         if (error == EACCES) message = denied, code = 126;
 *         else if (error != ENOENT && error != ENOTDIR)
 *           fail(error == ENOEXEC ? format : error == E2BIG ? too_long : unfit);
 *       }
 *       report(message, code);                                  // fail(message) is report(message, 126)
 *     }
 *
 * The listings leave out the offsets to labels.
 */
const LISTINGS: Record<Arch, string> = { x64: X64, arm64: ARM64 }

/**
 * Messages on stderr, in the order in which they follow the code. Each ends with a newline. Clients recognise certain
 * phrases as a sandbox denial, so only `denied` contains one.
 */
const MESSAGES = {
  missing: 'exec-server: no such program\n',
  denied: 'exec-server: permission denied\n',
  format: 'exec-server: not an executable format\n',
  too_long: 'exec-server: arguments or environment too long\n',
  unfit: 'exec-server: cannot be executed\n',
  no_terminal: 'exec-server: the terminal cannot be taken\n',
}

/** Assembler source of the same code, so that a test can check the bytes. */
export function launcherAssembly(arch: Arch): string {
  const messages = Object.entries(MESSAGES).map(([label, text]) => `${label}: .ascii ${JSON.stringify(text)}`)
  return [assemblyOf(LISTINGS, arch), ...messages, ''].join('\n')
}

const images = new Map<Arch, Uint8Array>()

/** A static ELF executable without sections or writable segments. The array is cached: do not modify it. */
export function launcherImage(arch: Arch): Uint8Array {
  let image = images.get(arch)
  if (image === undefined) images.set(arch, (image = programImage(LISTINGS, arch, () => TEXTS)))
  return image
}

const TEXTS = Object.entries(MESSAGES).map(([label, text]) => ({ label, bytes: new TextEncoder().encode(text) }))

/** What the launcher runs. */
export type LaunchedCommand = {
  /** Whether descriptor 0 becomes the session's controlling terminal. */
  terminal: boolean
  /** The program's argv[0]. */
  arg0: string
  /** Paths for execve, tried in order: at least one, none of them empty. */
  candidates: readonly string[]
  /** The arguments after argv[0]. */
  args: readonly string[]
}

/**
 * The launcher's arguments, without its own name.
 * @throws if there is no candidate, or an empty one
 */
export function launcherArguments({ terminal, arg0, candidates, args }: LaunchedCommand): string[] {
  // An empty candidate would end the list early.
  if (candidates.length === 0 || candidates.includes(''))
    throw new Error('a command needs candidates, and none without a name')
  return [terminal ? 't' : 'p', arg0, ...candidates, '', ...args]
}
