/** Where the two differ and are meant to. One that is met no more is reported. */

export type Known = {
  profile: RegExp
  operation: RegExp
  /** Of the difference as it is printed, where an operation can differ in more than one way. */
  difference?: RegExp
  reason: string
  kind: 'fault of the reference' | 'by design'
  /** Met by one kind of user only. */
  only?: 'root' | 'user'
}

const ANY = /./

function fault(
  reason: string,
  profile: RegExp,
  operation: RegExp,
  difference?: RegExp,
  more: Partial<Known> = {},
): Known {
  return {
    profile,
    operation,
    ...(difference === undefined ? {} : { difference }),
    reason,
    kind: 'fault of the reference',
    ...more,
  }
}

function design(
  reason: string,
  profile: RegExp,
  operation: RegExp,
  difference?: RegExp,
  more: Partial<Known> = {},
): Known {
  return { ...fault(reason, profile, operation, difference, more), kind: 'by design' }
}

const STAND_INS =
  'what it mounts for protected names that are missing is told of as if it were there, and making one seems to succeed'
const MASKED = 'what it mounts for a missing path is told of as if it were there'
const REMOVAL = 'a folder that holds a mount is refused before anything in it is gone, and as busy'
const NOWHERE = 'what is made outside of all that is granted succeeds, in a root that is thrown away'
const NO_PROGRAM = 'a program that cannot be started is a panic with exit code 101, and so a denial'
const NO_CWD = 'a command whose directory cannot be seen starts elsewhere without a word'
const EMPTY_MASK = 'a denied file is covered by a device that cannot be opened, not by an empty file'
const IN_PLACE = 'folders above what is denied or read-only are kept in their place'
const REFUSED = 'what cannot be enforced is refused before anything starts'
const NETWORK = 'without a network, commands are in namespaces of their own also where all files are open'
const LENIENT = 'a newer or older wording is read, not refused'

/** Of every request in a sandbox that the reference fails to set up. It leaves mount points behind at times. */
const BROKEN = new RegExp(
  [
    String.raw`^reference (error -32603|exit (1|101|137)\b)`,
    String.raw`^(errno|stdout|sandboxDenied|sandboxDenied when read): reference`,
    String.raw`^changes: reference "(\+\S*\/\.(git|agents|codex|aws) folder 755(; )?)*"`,
  ].join('|'),
)

export const knownDifferences: readonly Known[] = [
  fault(
    'single files cannot be granted for writing: protected names are mounted below them',
    /^write on a file/,
    ANY,
    BROKEN,
  ),
  fault('a relative TMPDIR stops its helper', /^workspace with a relative TMPDIR$/, ANY, BROKEN),
  fault(
    'a denied path in a writable one in a denied one cannot be set up',
    /^deny a folder, write a child, deny in it$/,
    ANY,
    BROKEN,
  ),
  fault('who may not make mount points in / gets no sandbox', /^write on root, (deny|read a)/, ANY, BROKEN, {
    only: 'user',
  }),
  fault(
    'what lies readable in a denied folder is not opened again',
    /^deny a folder, read a child$/,
    /denied/,
    /^reference (error -32600 errno 13|exit [12]\b)/,
  ),
  fault(
    'the gitdir that a .git file points to is writable where it is granted itself',
    /^\.git is a pointer to a folder granted itself$/,
    /gitdir|^run (append|create|mkdir|rm)$/,
  ),

  fault(
    STAND_INS,
    ANY,
    /^fs\/(getMetadata|readDirectory) .*\/\.(git|agents|codex|aws)$/,
    /^reference ok.*, ours error -32004/,
  ),
  fault(STAND_INS, ANY, /^fs\/readDirectory /, /^result: reference ".*\.(codex|aws)\/.*", ours "(?!.*\.(codex|aws)\/)/),
  fault(
    STAND_INS,
    ANY,
    /^fs\/createDirectory .*\/\.(git|agents|codex|aws)$/,
    /^reference ok, ours error -32603 errno 30$/,
  ),
  fault(STAND_INS, ANY, /^fs\/(writeFile|copy) .*\/\.(git|agents|codex|aws)$/, /^errno: reference "21", ours "30"$/),
  fault(
    STAND_INS,
    ANY,
    /^fs\/(writeFile|copy) .*\/\.(git|agents|codex|aws)\//,
    /^reference error -32603 errno 30, ours error -32004 errno 2$/,
  ),
  fault(STAND_INS, ANY, /^fs\/remove .*\/\.(git|agents|codex|aws)$/, /^reference error -32603 errno 16, ours ok$/),
  fault(
    STAND_INS,
    /^\.git is missing$/,
    /^fs\/copy ws\/\.git /,
    /^reference ok, ours error -32004|^changes: reference "\+/,
  ),
  fault(STAND_INS, ANY, /^fs\/copy /, /^changes: reference "\+\S*\/copy\/\.agents folder 755; .*, ours ""$/),
  fault(
    MASKED,
    / missing path/,
    /^fs\/(readFile|getMetadata|canonicalize) ws\/gone$/,
    /^reference ok.*, ours error -32004/,
  ),
  fault(MASKED, / missing path/, /^fs\/readDirectory ws$/),
  fault(
    MASKED,
    / missing path/,
    /^fs\/(writeFile|createDirectory) ws\/gone/,
    /^reference error -32603 errno 20, ours error -32004|^errno: reference "(17|20)", ours "30"/,
  ),
  fault(MASKED, / missing path/, /^fs\/remove ws\/gone/, /^reference error -32603 errno 16, ours ok/),
  fault(
    NOWHERE,
    /without root|with roots|^a readable link|^deny root$/,
    /^(fs\/createDirectory|fs\/copy|run mkdir) /,
    /^reference (ok|exit 0), ours (error -32603 errno 30|exit 1)$/,
  ),

  fault(
    NO_PROGRAM,
    ANY,
    /^run a (missing program|missing program by path|program that is a folder|file that is no program)$/,
    /^reference exit 101 denied, ours (exit 12[67]|error -32603 errno (2|13)\b)/,
  ),
  fault(NO_PROGRAM, /minimal$|^a readable link/, /^run (terminated|interrupted)$/),
  fault(
    NO_PROGRAM,
    /minimal$|^a readable link/,
    /^run /,
    /^reference exit (1|101|130|137)\b.*, ours exit (1$|126|127)/,
  ),
  fault(NO_CWD, ANY, / as cwd$/, /^reference (exit 0 "\/\\n|exit 101 denied|exit 2 ).*, ours error -32602$/),
  fault(NO_CWD, /^(deny the workspace|no entries)$/, /^run /, /, ours error -32602$/),
  fault(
    'killed commands leave their mount points behind',
    ANY,
    /^run terminated$/,
    /^changes: reference "\+.*", ours ""$/,
  ),
  fault('its records of mount points are in the TMPDIR', ANY, /^run ls tmpdir$/, /codex-bwrap-synthetic-mount-targets/),
  fault(
    'an interrupt ends its own helper, and the command with it',
    ANY,
    /^run interrupted$/,
    /^reference exit 130 "ready\\n", ours exit 5/,
  ),
  fault(
    'a command in a terminal has no control of it',
    ANY,
    /^run job control/,
    /^reference exit 1 .*, ours exit 0 .*controlling/,
  ),
  fault(
    'commands are started with SIGPIPE ignored',
    ANY,
    /^run surroundings: grep -E "\^\(SigBlk/,
    /SigIgn:\\t0000000000001000.*ours.*SigIgn:\\t0000000000000000/,
  ),
  fault('a managed network that it does not enforce is no error', /^managed network without a sandbox$/, /^run /),
  fault(
    'a command is started and ends with a panic where the managed network lacks what it needs',
    /^managed network without ports$/,
    /^run /,
    /^reference exit 101 denied, ours error -32602$/,
  ),
  fault(
    'a subpath that leaves the workspace is passed over',
    /^(a subpath with \.\.|an absolute subpath)$/,
    ANY,
    /, ours error -32602$|^changes: reference ".*", ours ""$/,
  ),

  design('descriptors are those of each server', ANY, /^fs\/\w+ \/dev\/fd\//),
  design(REMOVAL, ANY, /^fs\/remove /, /^errno: reference "30", ours "16"$|^changes: reference "-.*, ours ""$/),
  design(REMOVAL, ANY, /^fs\/remove /, /^reference error -32600 errno 13, ours error -32603 errno (16|30)$/),
  design(
    'how far a copy gets before it fails is up to the order of the folder',
    /^(deny|write on root, deny) /,
    /^fs\/copy /,
    /^changes: reference "/,
  ),
  design(
    'the names that programs are found by are links, as they are outside',
    ANY,
    /^(fs\/getMetadata|run stat) \/bin$/,
    /isSymlink\\":false.*isSymlink\\":true|directory\\n.*symbolic link/,
  ),
  design(
    'what its helper needs, all programs among it, is readable with it',
    /minimal$/,
    /^fs\/getMetadata \/(usr\/bin\/env|bin)$/,
    /^reference ok .*, ours error -32004/,
  ),
  design(
    'calls that reach nobody are allowed, as Node needs them on its standard output',
    ANY,
    /^run syscalls: (socketpair, send|getsockopt)$/,
  ),
  design(
    'no command makes user namespaces, in which it would have every capability',
    ANY,
    /^run (syscalls: (unshare of|setuid)|get round: unshare -U)/,
    /ours ("EPERM|exit 1$)|ours "ok/,
  ),
  design('keyrings have no namespace', ANY, /^run syscalls: keyctl$/, /ours "EPERM/),
  design(
    'the network gives no control over processes',
    ANY,
    /^run syscalls: (ptrace|process_vm_readv)$/,
    /^stdout: reference "(ok|ESRCH)\\n", ours "EPERM/,
  ),
  design('x32 calls are refused by the filter', ANY, /^run syscalls: x32 /, /ours "EPERM/),
  design(
    EMPTY_MASK,
    ANY,
    /^(fs\/getMetadata|run stat) /,
    /isFile\\":true.*ours .*isFile\\":false|regular empty file.*ours "character special file/,
  ),
  design(EMPTY_MASK, ANY, /^run cat ws\/gone$/, /^reference exit 0, ours exit 1$/),
  design(EMPTY_MASK, ANY, /^fs\/(writeFile|copy) /, /^reference error -32603 errno 30, ours error -32600 errno 13$/),
  design(
    IN_PLACE,
    /glob|^a readable file in it$|^write on root, /,
    /^run (rename|get round:)/,
    /^reference exit 0, ours exit 1$|^changes: reference "/,
  ),
  design(
    'there is one way to confine, which does as well for what asks for another',
    /^legacy landlock$/,
    ANY,
    /^reference (error -32603|exit 101 denied), ours (ok|exit)/,
  ),
  design(
    REFUSED,
    /^(deny a link|deny a malformed glob|\.git is a link)$/,
    ANY,
    // 137: terminated before it failed by itself.
    /^reference (error -32603|exit 1 denied|exit 1|exit 137), ours error -32602$/,
  ),
  design(
    'a pattern with an unclosed class is refused, not read as a literal bracket',
    /^deny an unclosed glob$/,
    ANY,
    /ours error -32602$|^(errno|stdout|changes|sandboxDenied|sandboxDenied when read): reference/,
  ),
  design('alternatives in a pattern are understood', /^deny a glob of alternatives$/, ANY, BROKEN),
  design(
    'project roots are the cwd where the client names no workspace roots, as it was before 0.150',
    /^(workspace roots absent|no cwd)$/,
    ANY,
  ),
  design(
    LENIENT,
    /^(unknown missing_path_behavior|windows level \w+|a plain \w+|untagged|legacy .*|no cwd, with workspace roots)$/,
    ANY,
    /^reference error -32602, ours |^changes: reference ""/,
  ),
  design(
    'a path on another host is a malformed parameter, for whatever call',
    / on another host$/,
    ANY,
    /ours error -32602$/,
  ),
  design(
    NETWORK,
    /^(external restricted|unrestricted restricted|write on root.*)$/,
    /^run (get round:|surroundings:|with a background process)/,
  ),
]
