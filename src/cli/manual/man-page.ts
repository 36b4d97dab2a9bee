/** The man page, in roff with the macros of man(7). */
import type { Manual, ManualOption, ManualPage } from './manual.ts'

/** What a plain character must be written as, so that every formatter shows it as it is. */
const CHARACTERS: Readonly<Record<string, string>> = {
  '\\': '\\e',
  '-': '\\-',
  "'": '\\(aq',
  '`': '\\(ga',
  '^': '\\(ha',
  '~': '\\(ti',
  '"': '\\(dq',
}

/** Escapes text for any place in a line. */
export function roff(text: string): string {
  const plain = text.replace(/[\\\-'`^~"]/g, (character) => CHARACTERS[character] as string)
  return plain
    .replace(
      /[^\x20-\x7e]/gu,
      (character) => `\\[u${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}]`,
    )
    .replace(/^\./, '\\&.')
}

const option = ({ names, value, help }: ManualOption): string => {
  const shown = names.map((name) => `\\fB${roff(name)}\\fR`).join(', ')
  return `.TP\n${shown}${value === undefined ? '' : ` \\fI${roff(value.name)}\\fR`}\n${roff(help)}`
}

const paragraph = (text: string): string => `.PP\n${roff(text)}`

/** A synopsis: what is in capitals is to be replaced. */
const synopsis = ({ name, usage }: Pick<ManualPage, 'name' | 'usage'>): string =>
  `\\fBexec\\-server${name === '' ? '' : ` ${roff(name)}`}\\fR ${roff(usage)}`.trimEnd()

/** The options that all of these have, with the same help. */
function commonOptions([first, ...others]: readonly ManualPage[]): readonly ManualOption[] {
  if (first === undefined) return []
  return first.options.filter((each) => others.every((page) => page.options.some((other) => isSame(each, other))))
}

const isSame = (a: ManualOption, b: ManualOption): boolean => a.names.join() === b.names.join() && a.help === b.help

function command(page: ManualPage, common: readonly ManualOption[]): string {
  const own = page.options.filter((each) => !common.some((other) => isSame(each, other)))
  const texts = page.paragraphs.length > 0 ? page.paragraphs : [page.summary]
  return [`.SS ${roff(page.name)}`, synopsis(page), ...texts.map(paragraph), ...own.map(option)].join('\n')
}

/** The text of the page. */
export function manPage({ server, commands }: Manual, version: string): string {
  const here = commands.filter(({ usesDevbox }) => !usesDevbox)
  const devbox = commands.filter(({ usesDevbox }) => usesDevbox)
  const common = commonOptions(devbox)
  return `${[
    `.TH EXEC\\-SERVER 1 "" "exec\\-server ${roff(version)}" "User Commands"`,
    '.SH NAME',
    `exec\\-server \\- ${roff(server.summary)}`,
    '.SH SYNOPSIS',
    [server, ...commands].map(synopsis).join('\n.br\n'),
    '.SH DESCRIPTION',
    roff(
      'Without a command, exec-server serves: it runs commands and terminals, reads and writes files, and makes HTTP ' +
        "requests for its clients, by the protocol of Codex's exec-server over WebSocket and stdio. It prints its URL.",
    ),
    '.SH OPTIONS',
    ...server.options.map(option),
    '.SH COMMANDS OF THIS MACHINE',
    ...here.map((page) => command(page, [])),
    '.SH COMMANDS THAT USE A DEVBOX',
    'All of them take these options:',
    ...common.map(option),
    ...devbox.map((page) => command(page, common)),
    '.SH ENVIRONMENT',
    variable('CODEX_EXEC_SERVER_URL', 'the default devbox, where there is no environments.toml'),
    variable('CODEX_HOME', 'the folder of environments.toml (default ~/.codex)'),
    '.SH EXIT STATUS',
    roff('A server exits with 0 when it is stopped, 1 if it cannot serve, and 2 if its command line is wrong.'),
    roff('The commands that use a devbox exit with 255 if it cannot be reached, or is lost.'),
    '.SH SEE ALSO',
    '.BR ssh (1),\n.BR bwrap (1),\n.BR systemd.service (5)',
  ].join('\n')}\n`
}

const variable = (name: string, text: string): string => `.TP\n\\fB${roff(name)}\\fR\n${roff(text)}`
