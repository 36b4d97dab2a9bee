/** Files that are called environments.toml. */

export const entry = (...lines: string[]): string => ['[[environments]]', ...lines, ''].join('\n')
const URL_LINE = 'url = "ws://127.0.0.1:8765"'
export const at = (url: string, ...more: string[]): string => entry('id = "devbox"', `url = "${url}"`, ...more)
export const remote = (...more: string[]): string => entry('id = "devbox"', URL_LINE, ...more)
export const command = (...more: string[]): string => entry('id = "devbox"', 'program = "ssh"', ...more)
const named = (id: string): string => entry(`id = "${id}"`, URL_LINE)

/**
 * Each of this list and the next was given to `codex exec` 0.169.0: it went on to its next check with these, and ended with an
 * error about the file with those.
 */
export const ACCEPTED: Record<string, string> = {
  nothing: '',
  'a comment': '# nothing',
  'a byte order mark': '\ufeffinclude_local = true',
  CRLF: 'include_local = true\r\n',
  'quoted keys': '"default" = "none"\n\'include_local\' = false',
  'an empty list': 'environments = []',
  'an inline table': 'environments = [{id="a", url="ws://h:1"}]',
  'an inline table on several lines': 'environments = [{\nid="a",\nurl="ws://h:1",\n}]',
  'a default of none': 'default = "NoNe"',
  'a default of none, with white space': 'default = "\\u00a0none "',
  'a default of local': 'default = " local "',
  'a default with white space': `default = " devbox "\n${remote()}`,
  'ids that differ in case': remote() + named('Devbox'),
  'LOCAL, which is not reserved': named('LOCAL'),
  'an id of 64 characters': named('a'.repeat(64)),
  'an id without letters': named('_-'),
  'white space around a program': entry('id = "devbox"', 'program = " ssh "'),
  'a program that JavaScript would trim to nothing': entry('id = "devbox"', 'program = "\\ufeff"'),
  args: command('args = ["a", "b"]'),
  'env with any names': command('env = {"A=B" = "c", "" = "d"}'),
  cwd: command('cwd = "work"'),
  'an empty cwd': command('cwd = ""'),
  'an integer timeout': remote('connect_timeout_sec = 5'),
  'a float timeout': remote('connect_timeout_sec = 0.5'),
  'other spellings of numbers': remote('connect_timeout_sec = 1_0', 'initialize_timeout_sec = 0x10'),
  'a timeout of nothing': remote('connect_timeout_sec = 0', 'initialize_timeout_sec = -0.0'),
  'a timeout of ages': remote('connect_timeout_sec = 1e19'),
  'a timeout of the largest integer': remote('connect_timeout_sec = 9223372036854775807'),
  'an initialize timeout of a program': command('initialize_timeout_sec = 1.5'),
  skills: remote('skills = {}'),
  'skills of a program': command('skills = {required = ["a", ""]}'),
  'a token to loopback': remote('auth_bearer_token = "abc"'),
  'an empty token': remote('auth_bearer_token = ""'),
  'a token with a tab': remote('auth_bearer_token = "a\\tb"'),
  'a token beyond ASCII': remote('auth_bearer_token = "日本"'),
  'a token over TLS': at('wss://devbox.example', 'auth_bearer_token = "x"'),
  'a token to localhost': at('ws://LOCALHOST:1', 'auth_bearer_token = "x"'),
  'a token to IPv6 loopback': at('ws://[0:0:0:0:0:0:0:1]:1', 'auth_bearer_token = "x"'),
  'a token to the loopback network': at('ws://127.9.9.9:1', 'auth_bearer_token = "x"'),
  'a token to an address in one number': at('ws://2130706433:1', 'auth_bearer_token = "x"'),
  'white space around a URL': at(' ws://h:1\\u0085'),
  TLS: at('wss://h:1'),
  'a capability URL with a query': at('ws://h:1/c/T?x=1'),
  'a fragment': at('ws://h#<> |\\u0001'),
  'a query without a path': at('ws://h?a|b`{}^'),
  'characters in a path': at('ws://h/a|b^{c}\\"~%zz*[]\\u007fü'),
  'a user': at('ws://u%41:p@h:1'),
  'a user with colons': at('ws://a:b:c:d:e:f:g:h:i@h'),
  'characters in a host': at("ws://!$&'()*+,-.;=_~aZ09"),
  'an IPv6 address': at('ws://[::1]:1'),
  'what is no IPv6 address': at('ws://[::zz]'),
  'an IPv6 zone': at('ws://[fe80::1%25eth0]:1'),
  'a port that cannot be': at('ws://h:99999'),
  'a port that is no number': at('ws://h:x'),
  'no port after the colon': at('ws://h:'),
  'no host before the colon': at('ws://:80'),
  'a long URL': at(`ws://h/${'a'.repeat(65_534 - 7)}`),
}

const KEY = 'environment `devbox`: `connect_timeout_sec` must be a number of seconds'
const ID = "an environment's id"
const HOST = 'environment `devbox`: `url` has a host or port that cannot be'
const ENCODED = 'environment `devbox`: `url` holds a character that must be percent-encoded'
const WS = 'environment `devbox`: `url` must begin with ws:// or wss://'
const OTHERS_READ = 'environment `devbox`: `auth_bearer_token` is for a `url` with wss://'
const REQUIRES_PROGRAM = 'environment `devbox`: `args`, `env` and `cwd` are for environments with a `program`'
const ONE_OF = 'environment `devbox`: must have a `url` or a `program`, and not both'
const TOKEN_CHARACTERS = 'environment `devbox`: `auth_bearer_token` must have no control characters'

/** With what our error says after the file's name. */
export const REFUSED: Record<string, readonly [text: string, said: string]> = {
  'no TOML': ['a = ', '1:5: '],
  'a key twice': ['default = "none"\ndefault = "none"', '2:1: '],
  'a lone carriage return': ['include_local = true\rdefault = "none"', '1:21: '],
  'an unknown key': ['colour = 1', 'unknown key `colour`; there are `default`, `include_local`, `environments`'],
  'a default that is no string': ['default = 1', '`default` must be a string'],
  'a default that is a table': ['[default]', '`default` must be a string'],
  'an empty default': ['default = " "', '`default` must not be empty'],
  'an unknown default': [
    `default = "z"\n${remote()}`,
    '`default` must be the id of an environment, or `none`, and not `z`; there are `local`, `devbox`',
  ],
  'a default in the wrong case': [
    'default = "LOCAL"',
    '`default` must be the id of an environment, or `none`, and not `LOCAL`; there are `local`',
  ],
  'a default of local without local': [
    'default = "local"\ninclude_local = false',
    '`default` must be the id of an environment, or `none`, and not `local`; there are none',
  ],
  'include_local in quotes': ['include_local = "true"', '`include_local` must be true or false'],
  'include_local as a number': ['include_local = 1', '`include_local` must be true or false'],
  'one environment for many': ['[environments]\nid = "x"', '`environments` must be an array of tables'],
  'environments that are no tables': ['environments = [1]', 'number 1 of [[environments]]: must be a table'],
  'an entry as a list': [
    'environments = [["a", {required = []}, "ws://127.0.0.1:1", "t"]]',
    'number 1 of [[environments]]: must be a table',
  ],
  'an entry without an id': [remote() + entry(URL_LINE), 'number 2 of [[environments]]: `id` is missing'],
  'an id that is no string': [entry('id = 3', URL_LINE), 'number 1 of [[environments]]: `id` must be a string'],
  'an unknown key of an entry': [
    remote('colour = 1'),
    'environment `devbox`: unknown key `colour`; there are `id`, `skills`, `url`, ',
  ],
  'an unknown key is found before all else': [
    named('local') + remote('colour = 1'),
    'environment `devbox`: unknown key `colour`',
  ],
  'the default in the wrong place': [remote('default = "devbox"'), 'environment `devbox`: unknown key `default`'],
  'an empty id': [named(' '), `${ID} must not be empty`],
  'white space around an id': [named('none '), `${ID} must have no white space around it: \`none \``],
  'a reserved id': [named('local'), `${ID} must not be \`local\`, which is reserved`],
  'a reserved id, without local': [
    `include_local = false\n${named('local')}`,
    `${ID} must not be \`local\`, which is reserved`,
  ],
  'a reserved id in any case': [named('nOnE'), `${ID} must not be \`nOnE\`, which is reserved`],
  'a space in an id': [named('a b'), `${ID} may hold the letters A to Z, digits, \`-\` and \`_\` only: \`a b\``],
  'a letter beyond ASCII': [named('ä'), `${ID} may hold the letters A to Z`],
  'what JavaScript takes for white space': [named('a\\ufeff'), `${ID} may hold the letters A to Z`],
  'an id of 65 characters': [named('a'.repeat(65)), `${ID} may have at most 64 characters`],
  'an id twice': [remote() + command(), 'environment `devbox`: there must be one only with this `id`'],
  'url and program': [entry('id = "devbox"', URL_LINE, 'program = "ssh"', 'args = []'), ONE_OF],
  'neither url nor program': [entry('id = "devbox"'), ONE_OF],
  'args with a url': [remote('args = []'), REQUIRES_PROGRAM],
  'env with a url': [remote('env = {}'), REQUIRES_PROGRAM],
  'cwd with nothing': [entry('id = "devbox"', 'cwd = "/"', 'auth_bearer_token = "x"'), REQUIRES_PROGRAM],
  'a token with a program': [
    command('auth_bearer_token = "x"', 'connect_timeout_sec = 1'),
    'environment `devbox`: `auth_bearer_token` is for environments with a `url`',
  ],
  'a connect timeout with a program': [
    command('connect_timeout_sec = 1'),
    'environment `devbox`: `connect_timeout_sec` is for environments with a `url`',
  ],
  'an empty program': [
    entry('id = "devbox"', 'program = "\\u0085"'),
    'environment `devbox`: `program` must not be empty',
  ],
  'a program that is no string': [
    entry('id = "devbox"', 'program = 1'),
    'environment `devbox`: `program` must be a string',
  ],
  'args that are no list': [command('args = "a"'), 'environment `devbox`: `args` must be an array of strings'],
  'an argument that is a number': [command('args = [1]'), 'environment `devbox`: `args` must be an array of strings'],
  'a variable that is a number': [command('env = {A = 1}'), 'environment `devbox`: `env` must be a table of strings'],
  'env as a list': [command('env = ["A=b"]'), 'environment `devbox`: `env` must be a table of strings'],
  'a cwd that is no string': [command('cwd = 1'), 'environment `devbox`: `cwd` must be a string'],
  'a negative timeout': [remote('connect_timeout_sec = -1'), KEY],
  'a timeout just below nothing': [remote('connect_timeout_sec = -1e-30'), KEY],
  'a timeout without end': [remote('connect_timeout_sec = inf'), KEY],
  'a timeout that is no number': [remote('connect_timeout_sec = nan'), KEY],
  'a timeout beyond all durations': [remote('connect_timeout_sec = 1.8446744073709551e19'), KEY],
  'a timeout in quotes': [remote('connect_timeout_sec = "5"'), KEY],
  'a timeout that is a date': [remote('connect_timeout_sec = 2020-01-01'), KEY],
  'a negative initialize timeout': [
    command('initialize_timeout_sec = -1'),
    'environment `devbox`: `initialize_timeout_sec` must be a number of seconds',
  ],
  'unknown keys of skills': [remote('skills = {roots = ["/a"]}'), 'environment `devbox`: `skills` must be a table'],
  'skills that are a string': [remote('skills = "x"'), 'environment `devbox`: `skills` must be a table'],
  'required skills that are no strings': [
    remote('skills = {required = [1]}'),
    'environment `devbox`: `skills` must be a table',
  ],
  'a token that is no string': [
    remote('auth_bearer_token = 1'),
    'environment `devbox`: `auth_bearer_token` must be a string',
  ],
  'a line break in a token': [remote('auth_bearer_token = "a\\nb"'), TOKEN_CHARACTERS],
  'a control character in a token': [remote('auth_bearer_token = "\\u007f"'), TOKEN_CHARACTERS],
  'a token in the clear': [at('ws://devbox.example:1', 'auth_bearer_token = ""'), OTHERS_READ],
  'a token to a mapped address': [at('ws://[::ffff:127.0.0.1]:1', 'auth_bearer_token = "x"'), OTHERS_READ],
  'a token to a name below localhost': [at('ws://a.localhost:1', 'auth_bearer_token = "x"'), OTHERS_READ],
  'a token to any address': [at('ws://0.0.0.0:1', 'auth_bearer_token = "x"'), OTHERS_READ],
  'a token to a user called localhost': [at('ws://localhost@evil:1', 'auth_bearer_token = "x"'), OTHERS_READ],
  'a token to an address that cannot be': [at('wss://h:x', 'auth_bearer_token = "x"'), OTHERS_READ],
  'an empty URL': [at(' '), 'environment `devbox`: `url` must not be empty'],
  'a URL that is no string': [entry('id = "devbox"', 'url = 1'), 'environment `devbox`: `url` must be a string'],
  'an http URL': [at('http://h'), WS],
  'a unix socket': [at('unix:/a'), WS],
  'a scheme in capitals': [at('WS://h:1'), WS],
  'a mark before the URL': [at('\\ufeffws://h:1'), WS],
  'no host': [at('ws:///x'), 'environment `devbox`: `url` must name a host'],
  'nothing but a scheme': [at('ws://'), 'environment `devbox`: `url` must name a host'],
  'no host behind the user': [at('ws://a@/x'), HOST],
  'a space in a host': [at('ws://a b'), HOST],
  'a letter beyond ASCII in a host': [at('ws://bücher.example'), HOST],
  'a backslash': [at('ws://h\\\\a'), HOST],
  'an escape in a host': [at('ws://a%20b:1'), HOST],
  'an escape before an address': [at('ws://%41[::1]'), HOST],
  'an escape after an address': [at('ws://[::1]%41'), HOST],
  'two colons': [at('ws://a:b:1'), HOST],
  'an open bracket': [at('ws://[::1'), HOST],
  'brackets the wrong way': [at('ws://]a['), HOST],
  'brackets twice': [at('ws://[a][b]'), HOST],
  'an address of too many parts': [at('ws://[1:2:3:4:5:6:7:8:9:a]:1'), HOST],
  'a user with too many colons': [at('ws://a:b:c:d:e:f:g:h:i:j@h'), HOST],
  'a space in a path': [at('ws://h:1/a b'), ENCODED],
  'a line break in a path': [at('ws://h/\\na'), ENCODED],
  'a backtick in a path': [at('ws://h/~`'), ENCODED],
  'angle brackets in a path': [at('ws://h/<a>'), ENCODED],
  'quotes in a query': [at('ws://h?\\"'), ENCODED],
  'too long a URL': [
    at(`ws://h/${'a'.repeat(65_535 - 7)}`),
    'environment `devbox`: `url` may have at most 65534 bytes',
  ],
}

/** What Codex takes and we do not: an integer that is none of TOML's, and a table that is written as a list. */
export const REFUSED_HERE: typeof REFUSED = {
  'a timeout beyond 64 bits': [remote('connect_timeout_sec = 9223372036854775808'), 'an integer is beyond 64 bits'],
  'skills as a list': [remote('skills = [[]]'), 'environment `devbox`: `skills` must be a table'],
}
