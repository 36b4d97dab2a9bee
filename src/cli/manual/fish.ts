/** The completion for fish. */
import { shortHelp } from './manual.ts'
import type { Manual, ManualOption, ManualPage } from './manual.ts'

const quoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`

const condition = ({ name }: ManualPage): string =>
  `-n ${quoted(name === '' ? '__exec_server_serves' : `__exec_server_runs ${name}`)}`

function optionLine(page: ManualPage, { names, value, help }: ManualOption): string {
  const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`))
  const takes =
    value === undefined
      ? []
      : value.choices.length > 0
        ? [`-x -a ${quoted(value.choices.join(' '))}`]
        : [value.isFile ? '-r -F' : '-x']
  return ['complete -c exec-server', condition(page), ...flags, ...takes, `-d ${quoted(shortHelp(help))}`].join(' ')
}

function operandLines(page: ManualPage): string[] {
  const { operands } = page
  if (operands === 'files' || operands === 'command') return [`complete -c exec-server ${condition(page)} -F`]
  return operands.length === 0 ? [] : [`complete -c exec-server ${condition(page)} -a ${quoted(operands.join(' '))}`]
}

/** The text of the script. */
export function fishCompletion({ server, commands }: Manual): string {
  const lines = [server, ...commands].flatMap((page) => [
    ...page.options.map((option) => optionLine(page, option)),
    ...operandLines(page),
  ])
  return `# fish completion for exec-server. Made by: exec-server completions fish

# Whether the command line is that of a server: it begins with an option, or with nothing yet.
function __exec_server_serves
    set -l words (commandline -opc)
    test (count $words) -eq 1; or string match -q -- '-*' $words[2]
end

function __exec_server_runs
    set -l words (commandline -opc)
    test (count $words) -gt 1; and test $words[2] = $argv[1]
end

function __exec_server_begins
    test (count (commandline -opc)) -eq 1
end

complete -c exec-server -f
${commands.map(({ name, summary }) => `complete -c exec-server -n __exec_server_begins -a ${name} -d ${quoted(summary)}`).join('\n')}
${lines.join('\n')}
`
}
