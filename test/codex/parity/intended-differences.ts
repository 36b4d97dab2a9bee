/** Where the two differ and are meant to. One that is met no more is reported. */
import { member, outcome } from './intended.ts'
import type { Intended } from './intended.ts'
import { NEW, OLD } from './reference.ts'

type WalkEntry = { path: string; kind: string }

const REFUSED = 'error -32600'
const MALFORMED = 'error -32602'
const FAILED = 'error -32603'
const MISSING = 'error -32004'
const old = { release: OLD }
const today = { release: NEW }

const SINCE = 'members of newer releases are in the answers to older clients, too'
const DIALECTS = 'absolute paths and file URIs are read on every connection'
const NUMBER = String.raw`\d+`

const LEFT_OUT = [
  'networkProxyLaunch',
  'networkProxyReviewDomains',
  'networkProxyTransparentTcp',
  'credentialMasking',
  'credentialMaskingCustomProviders',
  'windowsMxc',
]

const EXTENSIONS = 'what it can do beyond the protocol is told at the handshake, and used by those only who ask for it'

const answers: Intended[] = [
  member(
    EXTENSIONS,
    /^(initialize|message)$/,
    String.raw`result(\.result)?\.extensions`,
    'absent',
    String.raw`\["closeStdin",.*\]`,
  ),
  member(
    'the protocol version is answered for clients older than 0.121; later ones ignore it',
    /^(initialize|message)$/,
    String.raw`result(\.result)?\.protocolVersion`,
    'absent',
    '"exec-server\\.v0"',
  ),
  outcome(EXTENSIONS, /^process\/list$/, 'error -32601', 'result'),
  outcome(EXTENSIONS, /^process\/resize$/, 'error -32601', MALFORMED),
  outcome(EXTENSIONS, /^http\/(acknowledge|cancel)$/, 'error -32601', 'result'),
  outcome(EXTENSIONS, /^process\/signal$/, MALFORMED, 'result', { ...today, request: /"signal":"kill"/ }),
  outcome(
    'methods of newer releases are answered to older clients, too',
    /^(process\/signal|fs\/|environment|capabilit)/,
    'error -32601',
    '.*',
    {
      ...old,
      uncounted: true,
    },
  ),
  member(SINCE, /^(initialize|message)$/, String.raw`result(\.result)?\.environmentInfo`, 'absent', '.*', old),
  member(SINCE, /^process\/start$/, String.raw`result\.sandboxType`, 'absent', '.*', old),
  member(SINCE, /^process\/(read|exited)$/, String.raw`result\.sandboxDenied`, 'absent', '.*', old),
  member(SINCE, /^fs\/getMetadata$/, String.raw`result\.size`, 'absent', NUMBER, old),
  member(
    'executorVersion names the release from which on clients use what is here',
    /^(initialize|message|environment\/info)$/,
    String.raw`result(\.\w+)*\.executorVersion`,
    '".*"',
    '"0\\.164\\.0"',
    today,
  ),
  member(
    'providerId would name a build of Codex',
    /^(initialize|message|environment\/info)$/,
    String.raw`result(\.\w+)*\.providerId`,
    '".*"',
    'absent',
    today,
  ),
  member(
    'ripgrep is in a folder of its own',
    /^(initialize|message|environment\/info)$/,
    String.raw`result(\.\w+)*\.prependPathDirs\[0\]`,
    '"file://.*/codex-path"',
    '"file://.*/rg-[0-9a-f]{16}"',
    today,
  ),
  member(
    'warnings name what is passed over, one by one',
    /^capabilities\/discoverV2$/,
    String.raw`result\.warnings`,
    String.raw`\["<words.*\]`,
    String.raw`\["<words.*\]`,
    today,
  ),
  member(
    'capabilities that are not there are left out',
    /^(initialize|message|environment\/info)$/,
    String.raw`result(\.\w+)*\.capabilities\.(${LEFT_OUT.join('|')})`,
    'true|false',
    'absent',
    today,
  ),
]

const messages: Intended[] = [
  outcome(
    'a session that is held is an error of its own for older clients, too',
    /^initialize$/,
    REFUSED,
    'error -32010',
    {
      ...old,
      request: /^a session that is held /,
    },
  ),
  outcome(
    'what is no id is answered with id -1, and does not close the connection',
    /^message$/,
    'the connection was closed',
    'result',
    {
      ...old,
      request: /^messages: what is no id/,
    },
  ),
  outcome('params are read by name, never by position', /^(initialize|process\/\w+)$/, `result|${REFUSED}`, MALFORMED, {
    request: /^params by position/,
  }),
  outcome('params are read by name, never by position', /^http\/request$/, 'result', MALFORMED, {
    request: /a header as a list/,
  }),
  outcome(
    'methods without params pass over the members of an object',
    /^environment\/\w+$/,
    MALFORMED,
    `result|${REFUSED}`,
    {
      ...today,
      request: /with an object|with unknown members|before initialize, malformed/,
    },
  ),
]

const ON_TERMINALS = 'what cannot be started is an error on terminals, too'

/** Before or after the exit. */
const LINE_END = /^\[\{"seq":[12],"stream":"pty","chunk":"base64 of \\r\\n"\}\]$/

const processes: Intended[] = [
  outcome(ON_TERMINALS, /^process\/start$/, 'result', FAILED, {
    request: /(a missing folder|a file for a folder|a folder below a file|an argument that is too long) on a terminal/,
  }),
  outcome(ON_TERMINALS, /^process\/start$/, 'result', FAILED, {
    ...old,
    request: /(a file that is no program|a missing interpreter) on a terminal/,
  }),
  outcome('a program is looked up alike without PATH on terminals', /^process\/start$/, FAILED, 'result', {
    request: /no PATH on a terminal/,
  }),
  outcome('arg0 never replaces the program', /^process\/start$/, FAILED, 'result', { request: /arg0 on a terminal/ }),
  outcome('a managed network cannot be enforced, and is refused', /^process\/start$/, 'result', MALFORMED, {
    ...today,
    request: /"enforceManagedNetwork":true/,
  }),
  member(
    'variables that newer releases keep from children are kept from those of older clients',
    /^process\/(output|read)$/,
    String.raw`result\.\S*`,
    '.*NODE_REPL_AUTH_TOKEN.*',
    '(?!.*NODE_REPL).*',
    {
      ...old,
      request: /a variable that is kept from children/,
    },
  ),
  member(
    'a process that a signal killed exits with 128 and its number, on terminals too',
    /^process\/(read|exited)$/,
    String.raw`result\.exitCode`,
    '1',
    String.raw`1[3-5]\d`,
    {
      request: /terminal/,
    },
  ),
  member(
    'a process that a signal killed exits with 128 and its number, on terminals too',
    /^process\/(read|exited)$/,
    String.raw`result\.exitCode`,
    '-1',
    String.raw`1[3-5]\d`,
    old,
  ),
  member(
    'nothing is written to the terminal of a process that is terminated',
    /^process\/(output|read)$/,
    String.raw`result\.(output\.pty|chunks)`,
    '.*',
    '.*',
    {
      ...old,
      request: /^process\/(terminate|write to a terminal after terminate)/,
      fits: (reference, ours) => reference === `${String(ours ?? '')}\r\n` || LINE_END.test(JSON.stringify(reference)),
    },
  ),
  member(
    'nextSeq is the next number of the process for older clients, too, unless maxBytes is given',
    /^process\/read$/,
    String.raw`result\.nextSeq`,
    NUMBER,
    NUMBER,
    {
      ...old,
      request: /^(?!.*"maxBytes":\d)/,
      // The numbers of exit and close.
      fits: (reference, ours) => [1, 2].includes(Number(ours) - Number(reference)),
    },
  ),
  member(
    'a process that has ended takes no input',
    /^process\/write$/,
    String.raw`result\.status`,
    '"accepted"',
    '"stdinClosed"',
    {
      request: /^process\/write after the end/,
    },
  ),
  outcome('writeId is optional', /^process\/write$/, MALFORMED, 'result', {
    ...today,
    request: /without writeId|writeId null/,
  }),
  member('a writeId counts for older clients, too', /^process\/output$/, 'result', '"abab"', '"abcd"', {
    ...old,
    request: /twice with one writeId/,
  }),
]

const SAME = 'a file is not copied onto itself'
const REGULAR = 'only regular files are read whole'
const AGAIN = 'a tree that holds links can be copied twice'

const WRITTEN = 'a URI is read as it is written, not mended as browsers do'

const paths: Intended[] = [
  outcome(DIALECTS, /^(fs\/\w+|process\/start)$/, `${MALFORMED}|${FAILED}`, 'result', { ...old, request: /a URI / }),
  outcome(DIALECTS, /^(fs\/\w+|process\/start|environmentConfig\/read|capabilit\w+\/\w+)$/, MALFORMED, 'result', {
    ...today,
    request: /"(path|cwd|present)":"\$T|"missing":\["\$T/,
  }),
  outcome(
    WRITTEN,
    /^(fs\/(readFile|canonicalize)|process\/start)$/,
    `result|${REFUSED}|${MISSING}`,
    `${MALFORMED}|${MISSING}`,
    {
      ...today,
      request: /a scheme alone|a relative URI|a backslash for a slash|a tab within|white space around|cwd of no path/,
    },
  ),
  outcome('a path is missing before it is too long', /^fs\/canonicalize$/, FAILED, MISSING, {
    ...today,
    request: /a path that is too long/,
  }),
  outcome('a cwd is read like any other path', /^process\/start$/, FAILED, MALFORMED, {
    ...old,
    request: /cwd (empty|relative|a NUL)/,
  }),
  outcome('a path with a NUL is malformed for older clients, too', /^fs\/\w+$/, REFUSED, MALFORMED, {
    ...old,
    request: /a NUL/,
  }),
]

const FOREIGN = 'a path on another host or drive is a malformed parameter, for whatever call'

const files: Intended[] = [
  outcome(FOREIGN, /^fs\/(readFile|canonicalize)$/, REFUSED, MALFORMED, {
    ...today,
    request: / (another host|an address|a drive( in small letters| alone)?) /,
  }),
  outcome(FOREIGN, /^fs\/writeFile$/, REFUSED, MALFORMED, {
    ...today,
    request: /sandbox shape: a path on another host /,
  }),
  member(
    'createdAtMs is the real birth time',
    /^fs\/getMetadata$/,
    String.raw`result\.createdAtMs`,
    '0',
    String.raw`"<now>"|[1-9]\d*`,
  ),
  outcome(REGULAR, /^fs\/readFile$/, FAILED, REFUSED, { ...old, request: /folder|the root|a trailing slash/ }),
  outcome(REGULAR, /^fs\/readFile$/, 'result', REFUSED, { ...old, request: /a device/ }),
  outcome(REGULAR, /^fs\/readFile$/, 'no answer came', REFUSED, { ...old, request: /a FIFO/ }),
  outcome(SAME, /^fs\/copy$/, 'result', REFUSED, { request: /onto itself (by another name )?\{/ }),
  outcome(AGAIN, /^fs\/copy$/, FAILED, 'result', { request: /a folder with a link twice/ }),
  {
    reason: 'a walk tells of names that are not UTF-8',
    release: NEW,
    method: /^fs\/walk$/,
    request: /everything/,
    at: /^result\.errors$/,
    reference: /^\[\{"path":"file:\/\/\$T\/bad%EF%BF%BD%EF%BF%BDname","message":"<words \(os error 2\)>"\}\]$/,
    ours: /^\[\]$/,
  },
  {
    reason: 'a walk tells of names that are not UTF-8',
    release: NEW,
    method: /^fs\/walk$/,
    request: /everything/,
    at: /^result\.entries$/,
    fits: (reference, ours) => {
      const others = (ours as WalkEntry[]).filter(({ path }) => !path.endsWith('/bad%FF%FEname'))
      // Where entries are bounded there is one less of the others.
      return (
        others.length < (ours as WalkEntry[]).length &&
        JSON.stringify(reference).startsWith(JSON.stringify(others).slice(0, -1))
      )
    },
  },
]

const OLDER_HTTP = 'redirects are those of the newest release'

const web: Intended[] = [
  member(
    'cookies are sent in one header, as RFC 6265 has it',
    /^http\/request$/,
    String.raw`result\.bodyBase64\.json\.headers\.cookie`,
    String.raw`\["a=1","b=2"\]`,
    String.raw`\["a=1; b=2"\]`,
  ),
  member(
    'what frames the body is not for the headers to say',
    /^http\/request$/,
    String.raw`result\.bodyBase64\.json\.(headers\.content-length\[0\]|body)`,
    '"2"|"te"',
    '"4"|"text"',
    {
      request: /a wrong content-length/,
    },
  ),
  member(
    'a POST without a body says so',
    /^http\/request$/,
    String.raw`result\.bodyBase64\.json\.headers\.content-length`,
    'absent',
    String.raw`\["0"\]`,
    {
      request: /POST with(out a| an empty) body/,
    },
  ),
  member(
    OLDER_HTTP,
    /^http\/request$/,
    String.raw`result\.bodyBase64\.json\.headers\.referer\[0\]`,
    String.raw`"\$H/redirect.*"`,
    String.raw`"\$H/"`,
    {
      ...old,
      request: /to another origin/,
    },
  ),
  outcome(OLDER_HTTP, /^http\/request$/, 'result', FAILED, { ...old, request: /redirect to a file/ }),
]

const DECODED = 'compressed bodies are asked for and decoded for older clients, too, as the newest release does'
const CODING_NAMES = 'gzip is known by every name that RFC 9110 gives it'
const CODED_TWICE = 'a body that is encoded twice is passed on as it came, with its headers'

type Header = { name: string; value: string }

const isAboutCoding = ({ name }: Header): boolean => name === 'content-encoding' || name === 'content-length'

/** Headers of a decoded body. */
const fits = (reference: unknown, ours: unknown): boolean =>
  JSON.stringify((reference as Header[]).filter((header) => !isAboutCoding(header))) === JSON.stringify(ours)

const decoding: Intended[] = [
  member(
    DECODED,
    /^http\/request(\/bodyDelta)?$/,
    String.raw`result\.bodyBase64\.json\.headers\.accept-encoding`,
    'absent',
    String.raw`\["zstd,gzip"\]`,
    old,
  ),
  member(DECODED, /^http\/request$/, String.raw`result\.headers`, '.*', '.*', { ...old, request: /\/encoded/, fits }),
  member(DECODED, /^http\/request$/, String.raw`result\.bodyBase64`, '.*', '"base64 of (unzipped|latin1 .*)+"', {
    ...old,
    request: /\/encoded/,
  }),
  outcome(DECODED, /^http\/request$/, 'result', FAILED, { ...old, request: /encoded: .*(cut|plain|more|window)/ }),
  member(DECODED, /^http\/request\/bodyDelta$/, String.raw`result\.bodyBase64`, '.*', '"base64 of (unzipped)?"', {
    ...old,
    request: /streamed: (gzip|zstd|what is no gzip)/,
  }),
  member(CODING_NAMES, /^http\/request$/, String.raw`result\.headers`, '.*', '.*', {
    ...today,
    request: /coding=(GZIP|x-gzip)/,
    fits,
  }),
  member(CODING_NAMES, /^http\/request$/, String.raw`result\.bodyBase64`, '.*', '.*', {
    ...today,
    request: /coding=(GZIP|x-gzip)/,
  }),
  member(CODED_TWICE, /^http\/request$/, String.raw`result\.(headers|bodyBase64)`, '.*', '.*', {
    ...today,
    request: /coding=gzip&coding=gzip/,
  }),
  member(
    'a gzip body is all of its members (RFC 1952)',
    /^http\/request$/,
    String.raw`result\.bodyBase64`,
    '"base64 of unzipped"',
    '"base64 of unzippedunzipped"',
    { ...today, request: /body=two of gzip/ },
  ),
  outcome('what follows a compressed body is an error', /^http\/request$/, 'result', FAILED, {
    ...today,
    request: /body=gzip and more/,
  }),
  outcome('a zstd body has a window of 8 MiB at most (RFC 9659)', /^http\/request$/, 'result', FAILED, {
    ...today,
    request: /large window/,
  }),
  outcome(
    'a response with chunks and a length is refused: RFC 9112 treats it as an attempt to smuggle a response',
    /^http\/request$/,
    'result',
    FAILED,
    { request: /with chunks and a length/ },
  ),
  member(
    'a content-length that is given twice is told once',
    /^http\/request$/,
    String.raw`result\.headers.*`,
    '.*',
    String.raw`"2"|\[\{"name":"content-length","value":"2"\}\]`,
    { request: /with its length (twice|as a list)/ },
  ),
]

// ---- sandboxes ----

const DENIED = 'what is denied is refused as such to older clients, too'
const EMPTY_MASK = 'a denied file is covered by a device that cannot be opened, not by an empty file'
const NOWHERE = 'what would be made outside of all that is granted is refused, not made in a root that is thrown away'
const STAND_INS = 'what is mounted for protected names that are missing is not told of as if it were there'
const LENIENT = 'a newer or older wording is read, not refused'
const PROTECTED = /\/\.(git|agents|codex|aws)$/

const sandboxes: Intended[] = [
  outcome(DENIED, /^fs\/(readFile|getMetadata|copy)$/, `${MISSING}|result`, REFUSED, {
    ...old,
    request: /sandboxed, denied folder: \S*denied\//,
  }),
  outcome(DENIED, /^fs\/(readDirectory|remove)$/, 'result', REFUSED, {
    ...old,
    request: /sandboxed, denied folder: \S*denied/,
  }),
  outcome(DENIED, /^fs\/(writeFile|createDirectory)$/, FAILED, REFUSED, {
    ...old,
    request: /sandboxed, denied folder: \S*denied\//,
  }),
  outcome(EMPTY_MASK, /^fs\/readFile$/, 'result', REFUSED, {
    ...old,
    request: /sandboxed, denied pattern.*: ws\/data\.secret/,
  }),
  outcome(EMPTY_MASK, /^fs\/writeFile$/, FAILED, REFUSED, { request: /sandboxed, denied pattern.*: ws\/data\.secret/ }),
  outcome(NOWHERE, /^fs\/createDirectory$/, 'result', FAILED, {
    request: /sandboxed, workspace alone: (outside|outside\/new) /,
  }),
  {
    reason: STAND_INS,
    release: NEW,
    method: /^fs\/walk$/,
    request: /sandboxed, .*: ws /,
    at: /^result\.entries$/,
    fits: (reference, ours) => {
      const real = (reference as WalkEntry[]).filter(({ path }) => path.endsWith('/.git') || !PROTECTED.test(path))
      return JSON.stringify(real) === JSON.stringify(ours)
    },
  },
  member(STAND_INS, /^fs\/readDirectory$/, String.raw`result\.entries`, '.*', '.*', {
    ...old,
    request: /sandboxed, folder of the workspace: ws\/sub /,
    fits: (reference, ours) => {
      const real = (reference as { fileName: string }[]).filter(({ fileName }) => !PROTECTED.test(`/${fileName}`))
      return JSON.stringify(real) === JSON.stringify(ours)
    },
  }),
  member('a folder that is a mount is refused as busy, and nothing in it is gone', /^fs\/remove$/, 'os', '30', '16', {
    request: /sandboxed, read-only folder: ws\/sub /,
  }),
  outcome(LENIENT, /^fs\/writeFile$/, MALFORMED, 'result', {
    ...today,
    request: /shape: (windows\w+ \w+|useLegacyLandlock text|workspaceRoots null|an unknown missing_path_behavior) /,
  }),
  outcome(LENIENT, /^fs\/writeFile$/, MALFORMED, 'result', {
    ...today,
    request: /shape: (cwd (missing|null)|a plain \w+|untagged|legacy) /,
  }),
  outcome(LENIENT, /^fs\/writeFile$/, MALFORMED, 'result', {
    ...old,
    request: /shape: (windows\w+ \w+|useLegacyLandlock text|a URI|access deny) /,
  }),
  outcome(
    'project roots are the cwd where no workspace roots are named, as it was before 0.150',
    /^fs\/writeFile$/,
    FAILED,
    'result',
    {
      ...today,
      request: /shape: workspaceRoots missing /,
    },
  ),
  outcome('a sandbox that lacks its cwd is malformed for older clients, too', /^fs\/writeFile$/, REFUSED, MALFORMED, {
    ...old,
    request: /shape: cwd (missing|null) /,
  }),
  outcome(
    'a profile that says nothing is refused, not taken for one that grants nothing',
    /^fs\/writeFile$/,
    MISSING,
    MALFORMED,
    {
      ...old,
      request: /shape: (permissions without a type|untagged and empty) /,
    },
  ),
]

const HONOURED = 'a sandbox is enforced for older clients, too'
const NO_PROGRAM = 'a program that is missing in a sandbox is told of as the shell does, not as a panic'

const confinedCommands: Intended[] = [
  member(
    HONOURED,
    /^process\/(output|exited)$/,
    String.raw`result\.(output\.stderr|exitCode)`,
    'absent|0',
    '".*Read-only file system.*"|2',
    {
      ...old,
      request: /^process\/start with a sandbox /,
    },
  ),
  member(HONOURED, /^files$/, 'result', String.raw`\["\+ outside/new .*`, String.raw`\[\]`, {
    ...old,
    request: /^process\/start with a sandbox /,
  }),
  member(
    DENIED,
    /^process\/output$/,
    String.raw`result\.output\.stderr`,
    '".*(No such file or directory|Read-only file system).*"',
    '".*Permission denied.*"',
    {
      ...old,
      request: /wrapped: (read|write) what is denied /,
    },
  ),
  member(NO_PROGRAM, /^process\/output$/, String.raw`result\.output\.(stderr|pty)`, '".*panicked.*"', '".*"', {
    request: /a missing program /,
  }),
  member(NO_PROGRAM, /^process\/exited$/, String.raw`result\.exitCode`, '101', '127', {
    request: /a missing program /,
  }),
  member(NO_PROGRAM, /^process\/exited$/, String.raw`result\.sandboxDenied`, 'true', 'false', {
    request: /a missing program /,
  }),
  outcome(
    'a wrapper that cannot be followed is refused before anything starts',
    /^process\/start$/,
    'result',
    MALFORMED,
    {
      ...old,
      request: /wrapped: (an unknown option|no profile) /,
    },
  ),
]

export const intendedDifferences: readonly Intended[] = [
  ...answers,
  ...messages,
  ...processes,
  ...paths,
  ...files,
  ...web,
  ...decoding,
  ...sandboxes,
  ...confinedCommands,
]
