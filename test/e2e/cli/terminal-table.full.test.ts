/** What is run through `exec-server run -t` behaves as it does here: the same command lines twice, side by side, in terminals. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { isDeno, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { skip, suite } from '../../support/suite.ts'
import { runPrefix } from './call.ts'
import { hasProgram, openScreen } from './screen.ts'
import type { Screen } from './screen.ts'

const test = suite('the table of terminals', { limitMs: 110_000 })
let server: RunningServer
let folder: string

test.before(async () => {
  server = await startServer()
  folder = mkdtempSync(join(tmpdir(), 'table-'))
})
test.after(() => {
  rmSync(folder, { recursive: true })
})

type TerminalCase = {
  title: string
  needs?: string
  /** Whether the shell that it is about runs here, with what makes a command one of the devbox in $RUN. */
  isShellHere?: true
  /** `place` is an empty directory of its own. */
  argv: (place: string) => readonly string[]
  isFull?: true
  /** What is done, and what is seen of it. */
  act: (screen: Screen, place: string) => Promise<unknown>
}

/** A shell that draws the same prompt everywhere. */
const bash = ['env', 'PS1=$ ', 'bash', '--norc', '--noprofile', '-i']
const over = /\[exit code (\d+)\]\n\[terminal as before\]/

const terminalCases: TerminalCase[] = [
  {
    title: 'it is a terminal, of our size and kind',
    argv: () => [
      'sh',
      '-c',
      'tty -s && echo terminal; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all; stty size; echo $TERM; exit 7',
    ],
    act: (screen) => screen.until(over),
  },
  {
    title: 'its modes are the usual ones',
    argv: () => [
      'sh',
      '-c',
      'stty -a | grep -v "^speed" | tr " ;" "\\n\\n" | grep -E "^-?(echo|icanon|isig|icrnl|opost|onlcr|ixon)$" | sort | tr "\\n" " "',
    ],
    act: (screen) => screen.until(over),
  },
  {
    title: 'a program that moves the cursor by bare line feeds finds it where it should be',
    isFull: true,
    argv: () => ['sh', '-c', 's=$(stty -g); stty raw -echo; printf "a\\nb\\nc\\r\\nd\\r\\n"; stty $s'],
    act: (screen) => screen.until(over),
  },
  {
    title: 'colours and other sequences come as they are',
    argv: () => [
      'printf',
      '\\033[31mred\\033[0m \\033[1;4mbold\\033[0m\\r\\n\\033[5;10Hhere\\033[2;1H\\033[38;5;208morange\\033[m\\n',
    ],
    act: (screen) => screen.until(over),
  },
  {
    title: 'keys are echoed, and lines edited',
    argv: () => ['sh', '-c', 'echo ready; read line; echo "[$line]"'],
    act: async (screen) => {
      await screen.until(/ready/)
      screen.type('helo')
      await screen.until(/helo/)
      screen.keys('BSpace', 'l', 'o')
      await screen.until(/hello/)
      screen.keys('Enter')
      return screen.until(over)
    },
  },
  {
    title: 'UTF-8 is typed',
    argv: () => ['sh', '-c', 'echo ready; read line; printf %s "$line" | od -An -tx1'],
    act: async (screen) => {
      await screen.until(/ready/)
      screen.type('grüße → 😀')
      screen.keys('Enter')
      return screen.until(over)
    },
  },
  {
    title: 'a password is not shown',
    argv: () => [
      'sh',
      '-c',
      'stty -echo; printf "Password: "; read secret; stty echo; echo; echo "${#secret} characters"',
    ],
    act: async (screen) => {
      await screen.untilSteady(/Password:/)
      screen.type('hunter2')
      const typed = await screen.untilSteady(/Password:/)
      screen.keys('Enter')
      return [typed, await screen.until(over)]
    },
  },
  {
    title: 'Ctrl-D ends the input',
    argv: () => ['sh', '-c', 'echo ready; cat; echo over'],
    act: async (screen) => {
      await screen.until(/ready/)
      screen.type('one')
      screen.keys('Enter')
      await screen.until(/one\none/)
      screen.keys('C-d')
      return screen.until(over)
    },
  },
  {
    title: 'Ctrl-C ends a program',
    argv: () => ['sh', '-c', 'echo ready; exec sleep 100'],
    act: async (screen) => {
      await screen.until(/ready/)
      screen.keys('C-c')
      return screen.until(over)
    },
  },
  {
    title: 'Ctrl-\\ quits a program',
    isFull: true,
    argv: () => ['sh', '-c', 'ulimit -c 0; echo ready; exec sleep 100'],
    act: async (screen) => {
      await screen.until(/ready/)
      screen.keys('C-\\')
      // Of ours that is not said by the shell.
      return (await screen.until(over)).replace(/Quit\s*/, '').trim()
    },
  },
  {
    title: 'Ctrl-C in a shell ends what runs in the foreground, and not the shell',
    argv: () => bash,
    act: async (screen) => {
      await screen.until(/^\$/m)
      screen.type('sh -c "echo up; exec sleep 100"; echo "got $?"\n')
      await screen.until(/^up/m)
      screen.keys('C-c')
      await screen.until(/\^C\n+\$/)
      screen.type('echo still here\n')
      await screen.until(/\nstill here\n\$/)
      screen.type('exit 4\n')
      return screen.until(over)
    },
  },
  {
    title: 'a shell that leaves something in the background ends all the same',
    argv: () => bash,
    act: async (screen) => {
      await screen.until(/^\$/m)
      // Ends by itself when the shell has: the one that runs here is nobody's child then.
      screen.type('tail --pid=$$ -f /dev/null & \n')
      await screen.until(/\[1\] \d+\n+\$/)
      screen.type('exit 8\n')
      return (await screen.until(over)).replace(/\[1\] \d+/, '')
    },
  },
  {
    title: 'Ctrl-Z and fg in a shell',
    argv: () => bash,
    act: async (screen) => {
      await screen.until(/^\$/m)
      screen.type('sh -c "echo up; read x; echo x is \\$x"\n')
      await screen.until(/^up/m)
      screen.keys('C-z')
      const stopped = await screen.until(/Stopped[^\n]*\n\$/)
      screen.type('jobs\n')
      await screen.until(/Stopped[^]*Stopped[^\n]*\n\$/)
      screen.type('fg\n')
      await screen.until(/fg\nsh -c/)
      screen.type('five\n')
      await screen.until(/x is five\n\$/)
      screen.type('exit\n')
      return [stopped, await screen.until(over)]
    },
  },
  {
    title: 'the program learns that the size has changed',
    // No loop of short programs: a shell survives an interrupt that comes as one of them ends.
    argv: () => [
      'bash',
      '-c',
      'trap "stty size" WINCH; echo ready; until read -r -t 0.2 line; do :; done; echo "[$line]"',
    ],
    act: async (screen) => {
      await screen.until(/ready/)
      screen.resize(100, 30)
      await screen.until(/\n30 100/)
      screen.resize(60, 20)
      await screen.until(/\n20 60/)
      screen.type('end\n')
      return (await screen.until(over)).trim()
    },
  },
  {
    title: 'vim edits a file',
    needs: 'vim',
    argv: (place) => ['vim', '-u', 'NONE', '-i', 'NONE', '-n', '--cmd', 'set nomore shortmess+=I', join(place, 'text')],
    act: async (screen, place) => {
      await screen.until(/~\n[^]*~\n/)
      screen.type('ione\ntwo ü\nthree')
      screen.keys('Escape')
      await screen.untilSteady(/three/)
      screen.type('kddggPyyp')
      const seen = shown(await screen.untilSteady(/two[^]*two[^]*one[^]*three/), place)
      screen.type(':wq')
      screen.keys('Enter')
      await screen.until(over)
      return [seen, readFileSync(join(place, 'text'), 'utf8')]
    },
  },
  {
    title: 'vim follows a resize',
    isFull: true,
    needs: 'vim',
    argv: (place) => ['vim', '-u', 'NONE', '-i', 'NONE', '-n', '--cmd', 'set nomore shortmess+=I', join(place, 'text')],
    act: async (screen, place) => {
      await screen.untilSteady(/~\n[^]*~\n/)
      screen.resize(70, 12)
      await screen.until(/^([^\n]*\n){10}[^\n]*~[^\n]*\n[^\n~]*\n$/)
      screen.type(':set lines? columns?')
      screen.keys('Enter')
      const seen = shown(await screen.untilSteady(/lines=12[^]*columns=70/), place)
      screen.keys('Enter')
      screen.type(':q!')
      screen.keys('Enter')
      await screen.until(over)
      return seen
    },
  },
  {
    title: 'less pages, searches, and leaves the screen as it was',
    needs: 'less',
    argv: () => ['sh', '-c', 'seq 500 | less'],
    act: async (screen) => {
      const first = await screen.untilSteady(/\n23\n:/)
      screen.keys('Space')
      const second = await screen.untilSteady(/\n46\n:/)
      screen.type('/300')
      screen.keys('Enter')
      const found = await screen.untilSteady(/322/)
      screen.keys('G')
      const last = await screen.untilSteady(/500\n/)
      screen.keys('q')
      return [first, second, found, last, await screen.until(over)]
    },
  },
  {
    title: 'a screen that is drawn again and again',
    isFull: true,
    argv: () => [
      'sh',
      '-c',
      'i=0; while [ $i -lt 60 ]; do printf "\\033[H\\033[Jframe %s\\n" $i; seq -s " " $i $((i + 100)); i=$((i + 1)); done',
    ],
    act: (screen) => screen.until(over),
  },
  {
    title: 'a paste of 64 KB',
    argv: (place) => ['sh', '-c', 'echo ready; head -n 1000 > "$1"; echo received', 'sh', join(place, 'pasted')],
    act: async (screen, place) => {
      await screen.until(/ready/)
      screen.paste(Array.from({ length: 1000 }, (_, line) => `${line} ${'x'.repeat(60)}\n`).join(''))
      await screen.until(over)
      return readFileSync(join(place, 'pasted'), 'utf8')
    },
  },
  {
    title: 'Ctrl-Z and fg in a shell here, of a command without a terminal of its own',
    isShellHere: true,
    argv: () => bash,
    act: async (screen) => {
      await screen.until(/^\$/m)
      screen.type('$RUN sh -c "echo up; exec sed -u s/^/got:/"\n')
      await screen.until(/^up/m)
      screen.type('one\n')
      await screen.until(/got:one/)
      screen.keys('C-z')
      await screen.until(/Stopped[^\n]*\n\$/)
      screen.type('echo meanwhile\n')
      await screen.until(/\nmeanwhile\n\$/)
      screen.type('fg\n')
      await screen.until(/fg\n\$RUN/)
      screen.type('two\n')
      await screen.until(/got:two/)
      screen.keys('C-d')
      await screen.until(/got:two\n\$/)
      screen.type('for i in 1 2; do $RUN sh -c "echo up; exec sleep 100"; done\n')
      await screen.until(/done\nup/)
      screen.keys('C-c')
      await screen.until(/\^C\n+\$/)
      screen.type('exit 9\n')
      return screen.until(over)
    },
  },
]

/** The two of a pair work in directories of their own. */
const shown = (text: string, place: string): string => text.replaceAll(place, 'PLACE')

/** Leaves out what we print of a devbox that takes more than 3 s to answer, as on a busy machine. */
function withoutNotices(seen: unknown): unknown {
  if (Array.isArray(seen)) return seen.map(withoutNotices)
  return typeof seen === 'string' ? seen.replace(NOTICES, '').trimEnd() : seen
}
const NOTICES = /^exec-server: (?:waiting for |the devbox does not answer)[^\n]*\n/gm

async function play(
  { title, argv, act, isShellHere }: TerminalCase,
  prefix: readonly string[],
  name: string,
): Promise<unknown> {
  const place = join(folder, `${terminalCases.findIndex((each) => each.title === title)}-${name}`)
  mkdirSync(place)
  const screen =
    isShellHere === true ? openScreen(argv(place), { RUN: prefix.join(' ') }) : openScreen([...prefix, ...argv(place)])
  try {
    return await act(screen, place)
  } finally {
    screen.end()
  }
}

if (!isDeno)
  for (const each of terminalCases) {
    const define = each.isFull === true ? test.full : test
    define(`in a terminal: ${each.title}`, async () => {
      const missing = ['tmux', each.needs ?? 'tmux'].find((name) => !hasProgram(name))
      if (missing !== undefined) skip(`there is no ${missing}`)
      const [expected, actual] = await Promise.all([
        play(each, ['env'], 'here'),
        play(each, runPrefix(server.url, each.isShellHere === true ? [] : ['-t']), 'run'),
      ])
      assert.equal(withoutNotices(actual), withoutNotices(expected))
    })
  }

test.run()
