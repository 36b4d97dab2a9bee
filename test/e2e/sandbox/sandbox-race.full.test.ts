/**
 * A confined command in the background swaps a directory and a symbolic link while the next command, or file call, of
 * the same profile is being started. Whatever it does, nothing outside changes and nothing denied is read.
 * `EXEC_SERVER_TEST_RACES` sets the number of tries of each form.
 */
import { readdirSync, readFileSync } from 'node:fs'
import process from 'node:process'
import * as assert from 'uvu/assert'
import {
  at,
  base64,
  forEachUser,
  glob,
  managed,
  onPath,
  READ_ALL,
  SECRET,
  uri,
  WRITE_ROOTS,
} from '../../support/sandbox.ts'
import type { Attempt, Entry, Sandbox } from '../../support/sandbox.ts'

const TRIES = Number(process.env['EXEC_SERVER_TEST_RACES'] ?? 10)

const RENAMEAT2 = process.arch === 'arm64' ? 276 : 316

/**
 * Makes the directory and a link for each target, then exchanges the directory with one link after the other
 * (RENAME_EXCHANGE) and back, with pauses of up to 2 ms: some swaps come between the plan and the mount, some between two
 * mounts. It ends by itself after an hour.
 */
const SWAP = `
my ($dir, @targets) = @ARGV;
mkdir $dir or die $!;
for my $name ('x.key', 'key.txt') { open(my $f, '>', "$dir/$name"); print $f 'own' }
symlink $targets[$_], "$dir-$_" or die $! for 0 .. $#targets;
$| = 1; print "swapping\\n";
my $end = time + 3600;
for (my $i = 0; time < $end; $i++) {
  my $link = "$dir-" . (($i >> 1) % @targets);
  syscall(${RENAMEAT2}, -100, $dir, -100, $link, 2);
  select(undef, undef, undef, rand(0.002));
}
`

/** The outcome of one try: everything that it printed or answered. Undefined: refused. */
type Try = (a: Attempt, sandbox: Sandbox) => Promise<string | undefined>

let count = 0

const byCommand: Try = async ({ tree: { root, ws, out, secret }, client }, sandbox) => {
  const script = `for d in ${out} ${ws}/d; do echo put > $d/stolen; echo put >> $d/plain.txt; done 2> /dev/null
    cat ${ws}/d/key.txt ${secret}/key.txt 2> /dev/null; echo ok`
  const processId = `${root}-race-${count++}`
  const argv = ['/bin/sh', '-c', script]
  const params = { processId, argv, cwd: uri(ws), env: { PATH: '/usr/bin:/bin' }, tty: false, arg0: null, sandbox }
  const { error } = await client.ask('process/start', params)
  if (error !== undefined) return undefined
  const code = await client.closed(processId, 45_000)
  const output = client.outputOf(processId).toString()
  return code === 0 ? output : undefined
}

/** The last of the calls is one that a helper with the right mounts can carry out. */
const byCalls =
  (method: string, names: (a: Attempt) => string[], more: object = {}): Try =>
  async (a, sandbox) => {
    let answers: string | undefined
    for (const path of names(a)) {
      const { result, error } = await a.client.ask(`fs/${method}`, { path: uri(path), ...more, sandbox })
      const text = Buffer.from(result?.dataBase64 ?? '', 'base64').toString()
      if (text.includes(SECRET)) return text
      answers = error === undefined ? text : undefined
    }
    return answers
  }

const byWriteFile = byCalls(
  'writeFile',
  ({ tree: { ws, out } }) => [`${ws}/d/stolen`, `${ws}/d/plain.txt`, `${out}/stolen`, `${ws}/own.txt`],
  { dataBase64: base64('put') },
)
const byReadFile = byCalls('readFile', ({ tree: { ws, secret } }) => [
  `${ws}/d/key.txt`,
  `${secret}/key.txt`,
  `${ws}/inside.txt`,
])

/** The names and contents in a directory outside, as they must stay. */
const shown = (directory: string): string =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const path = `${entry.parentPath}/${entry.name}`
      return `${path} ${entry.isFile() ? readFileSync(path, 'latin1') : ''}`
    })
    .sort()
    .join('\n')

type Race = { target: 'out' | 'secret'; roots: string[]; entries: Entry[]; attempt: Try; isMostlyRefused?: boolean }

/** The protected names in a workspace, at any depth. */
const protectedNames = (workspace: string): string[] =>
  readdirSync(workspace, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /(^|\/)\.(git|codex|agents|aws)$/.test(name),
  )

async function race(a: Attempt, what: Race): Promise<void> {
  const { tree } = a
  const own = protectedNames(tree.ws).length
  const { target, roots, entries, attempt, isMostlyRefused = false } = what
  tree.dir('fresh')
  for (let i = 0; i < TRIES; i++) tree.dir(`fresh/${i}`)
  tree.ignored = ['ws', 'fresh']
  const all = [READ_ALL, WRITE_ROOTS, at(tree.secret, 'deny'), at(`${tree.secret}.txt`, 'deny'), ...entries]
  // The second leads out of the root that bubblewrap makes, into the one that it leaves.
  const targets = [`../${target}`, `/oldroot${tree[target]}`]
  const swapper = await a.start(['perl', '-e', SWAP, `${tree.ws}/d`, ...targets], { sandbox: managed(roots, all) })
  await a.client.until(() => a.client.outputOf(swapper).includes('swapping'))
  const look = (): string => `${shown(tree.out)}\n${shown(tree.secret)}`
  let before = look()
  let [escaped, refused] = [0, 0]
  for (let i = 0; i < TRIES; i++) {
    // A denied directory of its own, so that no helper is shared with an earlier try.
    const output = await attempt(a, managed(roots, [...all, at(tree.in('fresh', String(i)), 'deny')]))
    if (output === undefined) refused++
    const now = look()
    if (now !== before || output?.includes(SECRET) === true) escaped++
    before = now
  }
  await a.client.ask('process/terminate', { processId: swapper })
  await a.client.closed(swapper)
  console.log(`${TRIES} tries as ${a.user.name}: ${escaped} escaped, ${refused} refused`)
  assert.is(escaped, 0)
  // Helpers of file calls make no placeholders; those of commands are removed when they end.
  await a.client.until(() => protectedNames(tree.ws).length === own)
  assert.ok(refused < TRIES || isMostlyRefused, 'every try was refused')
}

forEachUser(
  'sandbox races',
  (row) => {
    // A root that has become a link is refused, and its mounts take longer than it stays a directory.
    const isMostlyRefused = true
    const perl = onPath('perl') === undefined ? 'no perl' : undefined
    for (const [name, attempt, target] of [
      ['writes by a command', byCommand, 'out'],
      ['writes by fs/writeFile', byWriteFile, 'out'],
      ['reads by a command', byCommand, 'secret'],
      ['reads by fs/readFile', byReadFile, 'secret'],
    ] as const) {
      row.full(
        `a directory in a workspace with a deny glob, swapped with a link: no ${name} outside`,
        (a) => race(a, { target, attempt, roots: [a.tree.ws], entries: [glob(`${a.tree.ws}/**/*.key`)] }),
        perl,
      )
      row.full(
        `a writable root inside another, swapped with a link: no ${name} outside`,
        (a) => race(a, { target, attempt, isMostlyRefused, roots: [a.tree.ws, `${a.tree.ws}/d`], entries: [] }),
        perl,
      )
    }
  },
  { limitMs: 60_000 + TRIES * 2000 },
)
