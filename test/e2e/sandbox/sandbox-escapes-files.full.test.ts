/**
 * Attempts to get out of the sandbox with file calls. After each the host is looked at: nothing outside may have
 * changed, and nothing may have been left in the workspace.
 */
import { execFileSync } from 'node:child_process'
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { eventually } from '../../support/server.ts'
import {
  at,
  base64,
  forEachUser,
  glob,
  managed,
  PROTECTED,
  READ_ALL,
  SECRET,
  serveAs,
  special,
  TOKEN,
  uri,
  withoutBubblewrap,
  WRITE_ROOTS,
} from '../../support/sandbox.ts'
import type { Call, Tree, Attempt } from '../../support/sandbox.ts'

const data = { dataBase64: base64('put') }

/** How often something is tried while a folder and a link are swapped, thousands of times a second. */
const ATTEMPTS = 60

/** Everything that alters, tried on the folder `out` under one of its names. */
const alterations = (tree: Tree, out: string): Call[] => [
  ['writeFile', { path: `${out}/plain.txt`, ...data }],
  ['writeFile', { path: `${out}/new.txt`, ...data }],
  ['createDirectory', { path: `${out}/new`, recursive: false }],
  ['createDirectory', { path: `${out}/new/deep` }],
  ['remove', { path: `${out}/plain.txt`, force: false }],
  ['remove', { path: `${out}/dir`, force: false }],
  ['copy', { sourcePath: tree.in('ws/inside.txt'), destinationPath: `${out}/plain.txt`, recursive: false }],
  ['copy', { sourcePath: tree.in('ws/inside.txt'), destinationPath: `${out}/new.txt`, recursive: false }],
  ['copy', { sourcePath: tree.in('ws/tree'), destinationPath: `${out}/new`, recursive: true }],
  ['copy', { sourcePath: tree.in('ws/tree'), destinationPath: `${out}/dir`, recursive: true }],
]

/** Everything that looks, tried on the denied folder and the denied file under one of their names. */
const looks = (tree: Tree, secret: string): Call[] => [
  ['readFile', { path: `${secret}/key.txt` }],
  ['readFile', { path: `${secret}.txt` }],
  ['getMetadata', { path: `${secret}/key.txt` }],
  ['canonicalize', { path: `${secret}/key.txt` }],
  ['readDirectory', { path: secret }],
  ['readDirectory', { path: `${secret}/public` }],
  ['copy', { sourcePath: `${secret}/key.txt`, destinationPath: tree.in('ws/stolen'), recursive: false }],
  ['copy', { sourcePath: `${secret}.txt`, destinationPath: tree.in('ws/stolen'), recursive: false }],
]

/** Names of a folder beside the workspace other than its own. */
const ALIASES: [string, (attempt: Attempt, name: string) => string][] = [
  ['its own name', ({ tree }, name) => tree.in(name)],
  ['W/../', ({ tree }, name) => `${tree.ws}/../${name}`],
  ['/proc/self/root', ({ tree }, name) => `/proc/self/root${tree.in(name)}`],
  ['/proc/1/root', ({ tree }, name) => `/proc/1/root${tree.in(name)}`],
  ['/proc/thread-self/root', ({ tree }, name) => `/proc/thread-self/root${tree.in(name)}`],
  ['the server in /proc', ({ tree, server }, name) => `/proc/${server.pid}/root${tree.in(name)}`],
  ['a working directory in /proc', ({ tree }, name) => `/proc/self/cwd${tree.in(name)}`],
]

forEachUser('sandbox escapes, files', (row, user) => {
  row.asRoot('what is allowed works, so that a refusal means something', async (a) => {
    const { tree } = a
    assert.is(await a.text(tree.in('out/plain.txt')), 'plain')
    assert.equal(await a.ok('writeFile', { path: tree.in('ws/new.txt'), ...data }), {})
    await a.ok('createDirectory', { path: tree.in('bare/a/b') })
    await a.ok('copy', { sourcePath: tree.in('out/dir'), destinationPath: tree.in('bare/copy'), recursive: true })
    await a.ok('remove', { path: tree.in('ws/tree') })
    assert.is(await a.text(tree.in('ws/.git/HEAD')), 'ref: refs/heads/main\n')
    assert.equal(await a.ok('canonicalize', { path: tree.in('bare/copy') }), { path: uri(tree.in('bare/copy')) })
    const { entries } = await a.ok('readDirectory', { path: tree.out })
    assert.equal(entries.map(({ fileName }: { fileName: string }) => fileName).sort(), ['dir', 'plain.txt'])
    assert.is((await a.ok('getMetadata', { path: tree.in('out/plain.txt') })).size, 5)
    tree.expected = [
      'bare/a',
      'bare/a/b',
      'bare/copy',
      'bare/copy/file.txt',
      'ws/new.txt',
      'ws/tree',
      'ws/tree/file.txt',
    ]
  })

  for (const [alias, name] of ALIASES) {
    const define = alias === 'its own name' ? row.asRoot : row
    define(`nothing outside is altered, and nothing denied is seen, by ${alias}`, async (a) => {
      await a.allRefused([...alterations(a.tree, name(a, 'out')), ...looks(a.tree, name(a, 'secret'))])
    })
  }

  row(
    'a walk tells of nothing that is denied, by no name and through no link, nor of what protects a name',
    async (a) => {
      const { tree } = a
      for (const place of ['ws', 'out']) tree.link(`${place}/to-secret`, tree.secret)
      const options = { maxDepth: 64, maxDirectories: 10_000, maxEntries: 50_000, followDirectorySymlinks: true }
      const whole = await a.ok('walk', { path: tree.root, options })
      const paths: string[] = whole.entries.map(({ path }: { path: string }) => path)
      assert.ok(paths.includes(uri(tree.in('out/plain.txt'))) && paths.includes(uri(tree.in('ws/tree/file.txt'))))
      assert.equal(
        paths.filter((path) => /secret\/|key\.txt|public/.test(path)),
        [],
      )
      for (const name of ['.codex', '.agents', '.aws']) assert.not(paths.includes(uri(tree.in(`bare/${name}`))), name)
      for (const [alias, name] of ALIASES) {
        const { result } = await a.fs('walk', { path: name(a, 'secret'), options }, a.standard())
        assert.equal(result?.entries ?? [], [], alias)
      }
    },
  )

  row('nothing outside is altered through a link to a folder', async (a) => {
    const link = a.tree.link('ws/link', a.tree.out)
    const link2 = a.tree.link('ws/link2', 'link')
    await a.allRefused([...alterations(a.tree, link), ...alterations(a.tree, link2)])
  })

  row('nothing denied is seen through links, kept in the workspace or outside', async (a) => {
    for (const place of ['ws', 'out']) {
      a.tree.link(`${place}/link`, a.tree.secret)
      a.tree.link(`${place}/link.txt`, `${a.tree.secret}.txt`)
      a.tree.link(`${place}/again`, 'link')
      a.tree.link(`${place}/again.txt`, 'link.txt')
    }
    for (const name of ['ws/link', 'ws/again', 'out/link', 'out/again']) {
      // Copying a link makes a link, which is allowed and shows nothing.
      await a.allRefused(
        looks(a.tree, a.tree.in(name)).filter(
          ([method, { sourcePath }]) => method !== 'copy' || !String(sourcePath).endsWith('.txt'),
        ),
      )
    }
  })

  row('a link to a file outside does not let a write, a copy or a removal through', async (a) => {
    const link = a.tree.link('ws/link', a.tree.in('out/plain.txt'))
    const relative = a.tree.link('ws/relative', '../out/plain.txt')
    const proc = a.tree.link('ws/proc', `/proc/self/root${a.tree.in('out/plain.txt')}`)
    for (const path of [link, relative, proc]) {
      await a.refused('writeFile', { path, ...data })
      await a.refused('copy', { sourcePath: a.tree.in('ws/inside.txt'), destinationPath: path, recursive: false })
      assert.ok((await a.fs('createDirectory', { path })).error !== undefined)
    }
  })

  row('a dangling link makes no file outside', async (a) => {
    const link = a.tree.link('ws/link', a.tree.in('out/new.txt'))
    await a.refused('writeFile', { path: link, ...data })
    await a.refused('copy', { sourcePath: a.tree.in('ws/inside.txt'), destinationPath: link, recursive: false })
    assert.ok((await a.fs('createDirectory', { path: link })).error !== undefined)
    assert.ok((await a.fs('createDirectory', { path: `${link}/deep` })).error !== undefined)
  })

  row('removing a link removes the link, and nothing through it', async (a) => {
    const { tree } = a
    tree.link('ws/folder', tree.out)
    tree.link('ws/slash', tree.out)
    tree.link('ws/file', tree.in('out/plain.txt'))
    tree.link('ws/secret', tree.secret)
    tree.link('ws/kept', tree.out)
    tree.link('ws/links/a', tree.out)
    tree.link('ws/links/b', '../../out/dir')
    tree.link('ws/links/c', tree.in('secret.txt'))
    await a.refused('remove', { path: tree.in('ws/kept/plain.txt'), force: false })
    await a.refused('remove', { path: tree.in('ws/kept/dir'), force: false })
    for (const name of ['folder', 'slash/', 'file', 'secret', 'links'])
      await a.ok('remove', { path: `${tree.ws}/${name}` })
    tree.expected = ['folder', 'slash', 'file', 'secret', 'links', 'links/a', 'links/b', 'links/c'].map(
      (name) => `ws/${name}`,
    )
  })

  row('a copied tree brings links along as links, and writes through none', async (a) => {
    const { tree } = a
    tree.link('ws/from/folder', tree.out)
    tree.link('ws/from/file', tree.in('out/plain.txt'))
    tree.link('ws/from/secret', tree.secret)
    tree.link('ws/from/secret.txt', tree.in('secret.txt'))
    await a.ok('copy', { sourcePath: tree.in('ws/from'), destinationPath: tree.in('ws/to'), recursive: true })
    for (const name of ['folder', 'file', 'secret', 'secret.txt'])
      assert.is(readlinkSync(tree.in('ws/to', name)), readlinkSync(tree.in('ws/from', name)))
    await a.refused('writeFile', { path: tree.in('ws/to/file'), ...data })
    await a.refused('writeFile', { path: tree.in('ws/to/folder/plain.txt'), ...data })
    await a.refused('readFile', { path: tree.in('ws/to/secret/key.txt') })
    await a.refused('readFile', { path: tree.in('ws/to/secret.txt') })
    tree.expected = ['ws/to', 'ws/to/file', 'ws/to/folder', 'ws/to/secret', 'ws/to/secret.txt']
  })

  row('a tree merged onto one with links does not follow them out', async (a) => {
    const { tree } = a
    tree.file('ws/from/dir/file.txt', 'new')
    tree.file('ws/from/plain.txt', 'new')
    tree.link('ws/to/dir', tree.in('out/dir'))
    tree.link('ws/to/plain.txt', tree.in('out/plain.txt'))
    const { error } = await a.fs('copy', {
      sourcePath: tree.in('ws/from'),
      destinationPath: tree.in('ws/to'),
      recursive: true,
    })
    assert.ok(error !== undefined)
  })

  row('a tree is copied without what is denied in it', async (a) => {
    const { tree } = a
    tree.file('box/open.txt', 'open')
    tree.file('box/closed/key.txt', SECRET)
    tree.file('box/closed.txt', SECRET)
    const sandbox = managed(
      [tree.ws],
      [READ_ALL, WRITE_ROOTS, at(tree.in('box/closed'), 'deny'), at(tree.in('box/closed.txt'), 'deny')],
    )
    await a.fs('copy', { sourcePath: tree.in('box'), destinationPath: tree.in('ws/copy'), recursive: true }, sandbox)
    assert.not.match(tree.textOf('ws'), SECRET)
    tree.ignored = ['ws/copy']
  })

  row('a hard link that was there before goes through, as documented', async (a) => {
    const { tree } = a
    tree.hard('ws/hard', tree.in('out/plain.txt'))
    await a.ok('writeFile', { path: tree.in('ws/hard'), ...data })
    assert.is(readFileSync(tree.in('out/plain.txt'), 'utf8'), 'put')
    tree.expected = ['out/plain.txt', 'ws/hard']
  })

  for (const [victim, target] of [
    ['a folder outside', 'out'],
    ['the .git folder', 'ws/.git'],
  ] as const) {
    row(`a folder that turns into a link to ${victim} and back again lets no write through`, async (a) => {
      const { tree } = a
      const swapped = tree.dir('ws/swapped')
      const aside = tree.in('ws/aside')
      tree.link('ws/link', tree.in(target))
      tree.ignored = ['ws/swapped', 'ws/aside', 'ws/link']
      tree.freeze()
      const place = (thing: string): void => {
        for (;;) {
          try {
            return renameSync(thing, swapped)
          } catch {
            // A call made the folder itself while nothing was in its place.
            try {
              rmSync(swapped, { recursive: true, force: true })
            } catch {
              // And is at it still.
            }
          }
        }
      }
      let writing = true
      // While the server works this process has nothing else to do: thousands of swaps a second.
      const swapping = (async () => {
        while (writing) {
          renameSync(swapped, aside)
          place(tree.in('ws/link'))
          await new Promise(setImmediate)
          renameSync(swapped, tree.in('ws/link'))
          place(aside)
          await new Promise(setImmediate)
        }
      })()
      const answers = []
      for (let round = 0; answers.length < ATTEMPTS; round++) {
        const paths = [`${swapped}/new-${round}`, `${swapped}/${target === 'out' ? 'plain.txt' : 'config'}`]
        const calls: Call[] = [
          ...paths.map((path): Call => ['writeFile', { path, ...data }]),
          ['createDirectory', { path: `${swapped}/deep-${round}/er` }],
          ['remove', { path: `${swapped}/${target === 'out' ? 'dir' : 'hooks'}` }],
          ['copy', { sourcePath: tree.in('ws/tree'), destinationPath: `${swapped}/tree-${round}`, recursive: true }],
        ]
        answers.push(...(await Promise.all(calls.map(([method, params]) => a.fs(method, params)))))
      }
      writing = false
      await swapping
      assert.ok(answers.some(({ error }) => error === undefined))
      assert.ok(answers.some(({ error }) => error !== undefined))
    })
  }

  row('the descriptors of whoever does the work give nothing and take nothing', async (a) => {
    const { tree } = a
    const forged = `${JSON.stringify({ status: 'ok', id: 1, result: { dataBase64: base64('forged') }, payload: { operation: 'fs/readFile', response: { dataBase64: base64('forged') } } })}\n`
    for (let descriptor = 0; descriptor < 12; descriptor += 1) {
      for (const folder of descriptor < 3 ? ['/dev/fd', '/proc/1/fd'] : ['/proc/self/fd']) {
        // Some of these may well be written to; nobody may take it for an answer.
        await Promise.all([
          a.fs('writeFile', { path: `${folder}/${descriptor}`, dataBase64: base64(forged) }),
          a
            .fs('readFile', { path: `${folder}/${descriptor}` })
            .then(({ result }) => assert.not.match(JSON.stringify(result ?? ''), base64('forged'))),
        ])
      }
    }
    for (const name of ['stdin', 'stdout', 'stderr', 'console', 'tty'])
      await a.fs('writeFile', { path: `/dev/${name}`, dataBase64: base64(forged) })
    assert.is(await a.text(tree.in('ws/inside.txt')), 'inside')
    await a.refused('writeFile', { path: tree.in('out/plain.txt'), ...data })
  })

  row('no directory can be reached through a descriptor of whoever does the work', async (a) => {
    const descriptors = Array.from({ length: 12 }, (_, number) => [
      `/proc/self/fd/${number}`,
      `/proc/1/fd/${number}`,
    ]).flat()
    await a.allRefused(
      descriptors.flatMap((descriptor): Call[] => [
        ['writeFile', { path: `${descriptor}${a.tree.in('out/plain.txt')}`, ...data }],
        ['readFile', { path: `${descriptor}${a.tree.in('secret/key.txt')}` }],
      ]),
    )
  })

  row('the environment of the server is nowhere to be read', async (a) => {
    const { tree } = a
    const { entries } = await a.ok('readDirectory', { path: '/proc' })
    const pids = entries
      .map(({ fileName }: { fileName: string }) => fileName)
      .filter((name: string) => /^\d+$/.test(name))
    for (const pid of new Set(['self', 'thread-self', '1', String(a.server.pid), String(process.pid), ...pids])) {
      const answer = await a.fs('readFile', { path: `/proc/${pid}/environ` })
      assert.not.match(Buffer.from(answer.result?.dataBase64 ?? '', 'base64').toString(), TOKEN, pid)
      await a.fs('copy', {
        sourcePath: `/proc/${pid}/environ`,
        destinationPath: tree.in('ws/environ'),
        recursive: false,
      })
      assert.not.match(tree.textOf('ws'), TOKEN, pid)
    }
    tree.ignored = ['ws/environ']
  })

  row.asRoot('neither settings of the kernel nor devices can be written', async (a) => {
    const settings = [
      '/proc/sys/kernel/core_pattern',
      '/proc/sys/kernel/hostname',
      '/proc/sysrq-trigger',
      '/sys/kernel/uevent_helper',
      '/sys/power/state',
    ]
    // No O_TRUNC and no content: even if the call goes through, nothing is set.
    for (const path of settings) if (existsSync(path)) await a.refused('writeFile', { path, dataBase64: '' })
    const disk = readdirSync('/dev').find((name) => lstatSync(`/dev/${name}`).isBlockDevice())
    if (disk !== undefined) assert.ok((await a.fs('readFile', { path: `/dev/${disk}` })).error !== undefined)
    await a.refused('getMetadata', { path: '/dev/kmsg' })
  })

  // ---- protected names ------------------------------------------------------------------------------------------

  for (const name of PROTECTED) {
    row(`${name} that is there is not altered`, async (a) => {
      const { tree } = a
      const path = tree.in('ws', name)
      tree.file(`ws/${name}/config`, 'mine')
      tree.file(`ws/${name}/sub/file.txt`, 'mine')
      tree.file(`ws/from/${name}/config`, 'theirs')
      tree.file(`ws/from/${name}/new`, 'theirs')
      tree.link('ws/link', name)
      tree.link('ws/dangling', `${name}/made`)
      const inside: Call[] = [path, tree.in('ws/link'), `/proc/self/root${path}`].flatMap((folder): Call[] => [
        ['writeFile', { path: `${folder}/config`, ...data }],
        ['writeFile', { path: `${folder}/new`, ...data }],
        ['createDirectory', { path: `${folder}/new`, recursive: false }],
        ['remove', { path: `${folder}/config`, force: false }],
        ['remove', { path: `${folder}/sub`, force: false }],
        ['copy', { sourcePath: tree.in('ws/inside.txt'), destinationPath: `${folder}/config`, recursive: false }],
        ['copy', { sourcePath: tree.in('ws/tree'), destinationPath: `${folder}/tree`, recursive: true }],
      ])
      await a.allRefused([
        ...inside,
        ['writeFile', { path: tree.in('ws/dangling'), ...data }],
        ['remove', { path, force: false }],
        ['copy', { sourcePath: tree.in('ws/from'), destinationPath: tree.ws, recursive: true }],
        ['copy', { sourcePath: tree.in('ws/from', name), destinationPath: path, recursive: true }],
      ])
      assert.is(await a.text(`${path}/config`), 'mine')
    })

    row(`${name} that is missing is not made, is not there and is not said to be made`, async (a) => {
      const { tree } = a
      const path = tree.in('bare', name)
      tree.file(`bare/from/${name}/config`, 'theirs')
      tree.link('bare/dangling', name)
      tree.link('bare/deep', `${name}/made`)
      await a.allRefused([
        ['writeFile', { path, ...data }],
        ['writeFile', { path: `${path}/config`, ...data }],
        ['writeFile', { path: tree.in('bare/dangling'), ...data }],
        ['writeFile', { path: tree.in('bare/deep'), ...data }],
        ['createDirectory', { path, recursive: false }],
        ['createDirectory', { path }],
        ['createDirectory', { path: `${path}/sub` }],
        ['createDirectory', { path: `/proc/self/root${path}` }],
        ['copy', { sourcePath: tree.in('bare/inside.txt'), destinationPath: path, recursive: false }],
        ['copy', { sourcePath: tree.in('bare/inside.txt'), destinationPath: `${path}/config`, recursive: false }],
        ['copy', { sourcePath: tree.in('out/dir'), destinationPath: path, recursive: true }],
        ['copy', { sourcePath: tree.in('bare/from'), destinationPath: tree.bare, recursive: true }],
        ['copy', { sourcePath: tree.in('bare/dangling'), destinationPath: path, recursive: false }],
      ])
      assert.is((await a.refused('getMetadata', { path })).code, -32004)
      assert.is((await a.refused('readDirectory', { path })).code, -32004)
      assert.is((await a.refused('canonicalize', { path })).code, -32004)
      assert.is((await a.refused('remove', { path, force: false })).code, -32004)
      assert.equal(await a.ok('remove', { path }), {})
      const { entries } = await a.ok('readDirectory', { path: tree.bare })
      assert.equal(entries.map(({ fileName }: { fileName: string }) => fileName).sort(), ['from', 'inside.txt'])
    })
  }

  row(
    'protected names are left out of no copy by accident: one next to a workspace file still fails the call',
    async (a) => {
      const { tree } = a
      tree.file('out/from/.git/config', 'theirs')
      tree.file('out/from/a.txt', 'a')
      await a.refused('copy', { sourcePath: tree.in('out/from'), destinationPath: tree.bare, recursive: true })
      assert.not(existsSync(tree.in('bare/.git')))
      tree.ignored = ['bare/a.txt']
    },
  )

  row('a workspace that is removed keeps its protected folders', async (a) => {
    await a.refused('remove', { path: a.tree.ws })
    a.tree.ignored = ['ws/inside.txt', 'ws/tree']
  })

  row('a .git file and the folder it points to, in another workspace, are both read-only', async (a) => {
    const { tree } = a
    tree.file('bare/.git', `gitdir: ${tree.ws}/worktrees/bare\n`)
    tree.file('ws/worktrees/bare/config', 'mine')
    await a.allRefused([
      ['writeFile', { path: tree.in('bare/.git'), ...data }],
      ['remove', { path: tree.in('bare/.git'), force: false }],
      ['copy', { sourcePath: tree.in('bare/inside.txt'), destinationPath: tree.in('bare/.git'), recursive: false }],
      ['writeFile', { path: tree.in('ws/worktrees/bare/config'), ...data }],
      ['writeFile', { path: tree.in('ws/worktrees/bare/hooks'), ...data }],
      ['remove', { path: tree.in('ws/worktrees/bare'), force: false }],
    ])
    await a.ok('writeFile', { path: tree.in('ws/worktrees/other'), ...data })
    tree.expected = ['ws/worktrees/other']
  })

  row('a .git that is a link is not replaced, and nothing is written through it', async (a) => {
    const { tree } = a
    tree.file('bare/real/config', 'mine')
    tree.link('bare/.git', 'real')
    // The whole call may be refused, as the protection cannot be had.
    for (const [method, params] of [
      ['writeFile', { path: tree.in('bare/.git/config'), ...data }],
      ['remove', { path: tree.in('bare/.git'), force: false }],
      ['createDirectory', { path: tree.in('bare/.git/new') }],
    ] as Call[]) {
      assert.ok((await a.fs(method, params)).error !== undefined, method)
    }
  })

  row('a protected name that is a dangling link makes nothing where it points', async (a) => {
    const { tree } = a
    tree.link('bare/.codex', tree.in('out/new'))
    tree.link('bare/.agents', 'made')
    for (const [method, params] of [
      ['writeFile', { path: tree.in('bare/.codex/config'), ...data }],
      ['writeFile', { path: tree.in('bare/.agents'), ...data }],
      ['createDirectory', { path: tree.in('bare/.agents') }],
      ['remove', { path: tree.in('bare/.agents'), force: false }],
    ] as Call[]) {
      assert.ok((await a.fs(method, params)).error !== undefined, method)
    }
  })

  // ---- profiles -------------------------------------------------------------------------------------------------

  row('without a grant for the root everything that is not granted is missing', async (a) => {
    const { tree } = a
    for (const minimal of [[], [special('minimal', 'read')]]) {
      const sandbox = managed([tree.ws], [WRITE_ROOTS, ...minimal])
      assert.is(await a.text(tree.in('ws/inside.txt'), sandbox), 'inside')
      await a.ok('writeFile', { path: tree.in('ws/new.txt'), ...data }, sandbox)
      await a.ok(
        'copy',
        { sourcePath: tree.in('ws/inside.txt'), destinationPath: tree.in('ws/copied'), recursive: false },
        sandbox,
      )
      const calls: Call[] = [
        ['readFile', { path: tree.in('out/plain.txt') }],
        ['readFile', { path: tree.in('secret/key.txt') }],
        ['readFile', { path: `/proc/self/root${tree.in('out/plain.txt')}` }],
        ['readFile', { path: `/proc/1/root${tree.in('out/plain.txt')}` }],
        ['getMetadata', { path: tree.out }],
        ['readDirectory', { path: tree.out }],
        ['canonicalize', { path: tree.out }],
        ['writeFile', { path: tree.in('out/plain.txt'), ...data }],
        ['writeFile', { path: tree.in('out/new.txt'), ...data }],
        ['remove', { path: tree.in('out/plain.txt'), force: false }],
        ['copy', { sourcePath: tree.in('out/plain.txt'), destinationPath: tree.in('ws/stolen'), recursive: false }],
        ['copy', { sourcePath: tree.in('ws/inside.txt'), destinationPath: tree.in('out/new.txt'), recursive: false }],
        ['readFile', { path: '/var/log/lastlog' }],
        ['readDirectory', { path: '/home' }],
      ]
      for (const [method, params] of calls) {
        assert.is((await a.refused(method, params, sandbox)).code, -32004, JSON.stringify(params))
      }
    }
    tree.expected = ['ws/copied', 'ws/new.txt']
  })

  row('what lies above a grant is not listed, and takes no files', async (a) => {
    const { tree } = a
    const sandbox = managed([tree.ws], [WRITE_ROOTS])
    const { result, error } = await a.fs('readDirectory', { path: tree.root }, sandbox)
    assert.ok(error !== undefined || result.entries.every(({ fileName }: { fileName: string }) => fileName === 'ws'))
    // A write there may go to a throw-away file system, but never to the host.
    await a.fs('writeFile', { path: tree.in('new.txt'), ...data }, sandbox)
    await a.fs('createDirectory', { path: tree.in('new/deep') }, sandbox)
  })

  row('a folder to read below a denied one is read, and its neighbours are not', async (a) => {
    const { tree } = a
    const sandbox = managed(
      [tree.ws],
      [READ_ALL, WRITE_ROOTS, at(tree.secret, 'deny'), at(tree.in('secret/public'), 'read')],
    )
    assert.is(await a.text(tree.in('secret/public/page.txt'), sandbox), 'a page')
    await a.refused('readFile', { path: tree.in('secret/key.txt') }, sandbox)
    await a.refused('writeFile', { path: tree.in('secret/public/page.txt'), ...data }, sandbox)
    await a.refused('writeFile', { path: tree.in('secret/new'), ...data }, sandbox)
    await a.refused('remove', { path: tree.in('secret/public'), force: false }, sandbox)
  })

  row('a folder to write below a denied one is written, and its neighbours are neither read nor written', async (a) => {
    const { tree } = a
    const sandbox = managed(
      [tree.ws],
      [READ_ALL, WRITE_ROOTS, at(tree.secret, 'deny'), at(tree.in('secret/public'), 'write')],
    )
    await a.ok('writeFile', { path: tree.in('secret/public/new.txt'), ...data }, sandbox)
    await a.refused('readFile', { path: tree.in('secret/key.txt') }, sandbox)
    await a.refused('readFile', { path: tree.in('secret/public/../key.txt') }, sandbox)
    await a.refused('writeFile', { path: tree.in('secret/new'), ...data }, sandbox)
    tree.expected = ['secret/public/new.txt']
  })

  row('a grant to write one file holds for that file only', async (a) => {
    const { tree } = a
    const sandbox = managed([tree.ws], [READ_ALL, at(tree.in('out/plain.txt'), 'write')])
    await a.ok('writeFile', { path: tree.in('out/plain.txt'), ...data }, sandbox)
    await a.refused('writeFile', { path: tree.in('out/new.txt'), ...data }, sandbox)
    await a.refused('writeFile', { path: tree.in('out/dir/file.txt'), ...data }, sandbox)
    await a.refused('writeFile', { path: tree.in('ws/inside.txt'), ...data }, sandbox)
    await a.refused('remove', { path: tree.in('out/plain.txt'), force: false }, sandbox)
    assert.is(readFileSync(tree.in('out/plain.txt'), 'utf8'), 'put')
    tree.expected = ['out/plain.txt']
  })

  row('a grant to write what is missing makes nothing', async (a) => {
    const { tree } = a
    const sandbox = managed([tree.ws], [READ_ALL, WRITE_ROOTS, at(tree.in('out/missing'), 'write')])
    await a.refused('writeFile', { path: tree.in('out/missing/new.txt'), ...data }, sandbox)
    await a.refused('createDirectory', { path: tree.in('out/missing') }, sandbox)
  })

  row('a workspace that is only to be read is not written', async (a) => {
    const { tree } = a
    const sandbox = managed([tree.ws], [READ_ALL])
    await a.allRefused(
      alterations(tree, tree.ws).filter(([method]) => method !== 'copy'),
      sandbox,
    )
    await a.refused('writeFile', { path: tree.in('ws/inside.txt'), ...data }, sandbox)
  })

  row('only the workspaces that the request names are open', async (a) => {
    const { tree } = a
    const sandbox = managed([tree.ws], [READ_ALL, WRITE_ROOTS])
    await a.refused('writeFile', { path: tree.in('bare/inside.txt'), ...data }, sandbox)
    await a.refused('writeFile', { path: tree.in('ws/inside.txt'), ...data }, { ...sandbox, workspaceRoots: [] })
  })

  row('what is denied or read-only inside the workspace stays so', async (a) => {
    const { tree } = a
    tree.file('ws/private/key.txt', SECRET)
    tree.file('ws/deny.txt', SECRET)
    tree.file('ws/a/b/file.txt', 'mine')
    const sandbox = managed(
      [tree.ws],
      [
        READ_ALL,
        WRITE_ROOTS,
        at(tree.in('ws/private'), 'deny'),
        at(tree.in('ws/deny.txt'), 'deny'),
        at(tree.in('ws/a/b'), 'read'),
      ],
    )
    await a.allRefused(
      [
        ['readFile', { path: tree.in('ws/private/key.txt') }],
        ['readDirectory', { path: tree.in('ws/private') }],
        ['readFile', { path: tree.in('ws/deny.txt') }],
        ['copy', { sourcePath: tree.in('ws/deny.txt'), destinationPath: tree.in('ws/stolen'), recursive: false }],
        ['writeFile', { path: tree.in('ws/private/new'), ...data }],
        ['writeFile', { path: tree.in('ws/deny.txt'), ...data }],
        ['remove', { path: tree.in('ws/private'), force: false }],
        ['remove', { path: tree.in('ws/deny.txt'), force: false }],
        ['writeFile', { path: tree.in('ws/a/b/file.txt'), ...data }],
        ['writeFile', { path: tree.in('ws/a/b/new'), ...data }],
        ['remove', { path: tree.in('ws/a/b'), force: false }],
        ['remove', { path: tree.in('ws/a'), force: false }],
        ['copy', { sourcePath: tree.in('ws/tree'), destinationPath: tree.in('ws/a/b'), recursive: true }],
      ],
      sandbox,
    )
    await a.ok('writeFile', { path: tree.in('ws/a/new'), ...data }, sandbox)
    tree.expected = ['ws/a/new']
  })

  row('read-only and denied entries that are missing leave nothing behind', async (a) => {
    const { tree } = a
    const missing = [
      at(tree.in('ws/no/such'), 'read'),
      at(tree.in('ws/not/there'), 'deny'),
      at(tree.in('out/not/there'), 'deny'),
      special('project_roots', 'read', '.git'),
    ]
    const sandbox = managed([tree.ws, tree.bare], [READ_ALL, WRITE_ROOTS, ...missing])
    await a.ok('writeFile', { path: tree.in('bare/new.txt'), ...data }, sandbox)
    await a.refused('writeFile', { path: tree.in('bare/.git/new.txt'), ...data }, sandbox)
    tree.expected = ['bare/new.txt']
  })

  row('a pattern that denies hides the files, also where links lead to them', async (a) => {
    const { tree } = a
    tree.file('ws/a.env', SECRET)
    tree.file('ws/deep/er/b.env', SECRET)
    tree.link('ws/innocent', 'a.env')
    const sandbox = managed([tree.ws], [READ_ALL, WRITE_ROOTS, glob(`${tree.ws}/**/*.env`)])
    for (const name of ['a.env', 'deep/er/b.env', 'innocent'])
      await a.refused('readFile', { path: tree.in('ws', name) }, sandbox)
    await a.refused(
      'copy',
      { sourcePath: tree.in('ws/a.env'), destinationPath: tree.in('ws/stolen'), recursive: false },
      sandbox,
    )
    await a.fs(
      'copy',
      { sourcePath: tree.in('ws/deep'), destinationPath: tree.in('ws/stolen'), recursive: true },
      sandbox,
    )
    assert.is(await a.text(tree.in('ws/inside.txt'), sandbox), 'inside')
    tree.ignored = ['ws/stolen']
    assert.not.match(tree.textOf('ws/stolen'), SECRET)
  })

  row('with the whole disk to write, what is denied still is', async (a) => {
    const { tree } = a
    const sandbox = managed(
      [tree.ws],
      [special('root', 'write'), at(tree.secret, 'deny'), at(tree.in('out/dir'), 'read')],
    )
    await a.ok('writeFile', { path: tree.in('out/new.txt'), ...data }, sandbox)
    await a.allRefused(
      looks(tree, tree.secret).filter(([, params]) => !JSON.stringify(params).includes('secret.txt')),
      sandbox,
    )
    await a.refused('writeFile', { path: tree.in('out/dir/file.txt'), ...data }, sandbox)
    await a.refused('remove', { path: tree.in('out/dir'), force: false }, sandbox)
    await a.refused('remove', { path: tree.secret, force: false }, sandbox)
    tree.expected = ['out/new.txt']
  })

  row('/tmp is written only where the profile says so, and nothing is left in it', async (a) => {
    const path = `/tmp/${a.tree.root.split('/').pop()}-in-tmp`
    const before = PROTECTED.filter((name) => existsSync(`/tmp/${name}`))
    try {
      await a.refused('writeFile', { path, ...data })
      assert.not(existsSync(path))
      await a.ok(
        'writeFile',
        { path, ...data },
        managed([a.tree.ws], [READ_ALL, WRITE_ROOTS, special('slash_tmp', 'write')]),
      )
      assert.is(readFileSync(path, 'utf8'), 'put')
    } finally {
      rmSync(path, { force: true })
    }
    // Other servers on this machine may have theirs there for a moment.
    const now = (): string => PROTECTED.filter((name) => existsSync(`/tmp/${name}`)).join()
    await eventually(() => now() === before.join(), 5000, `an empty /tmp (${now()})`)
  })

  row('a workspace that is reached by a link of the user is written, at its real place only', async (a) => {
    const { tree } = a
    const alias = tree.link('alias', 'ws')
    const sandbox = managed([alias], [READ_ALL, WRITE_ROOTS])
    await a.ok('writeFile', { path: `${alias}/new.txt`, ...data }, sandbox)
    await a.refused('writeFile', { path: `${alias}/.git/config`, ...data }, sandbox)
    await a.refused('writeFile', { path: `${alias}/.codex/config`, ...data }, sandbox)
    await a.refused('writeFile', { path: `${alias}/../out/plain.txt`, ...data }, sandbox)
    tree.expected = ['ws/new.txt']
  })

  row('a workspace inside a workspace that was replaced by a link opens nothing outside', async (a) => {
    const { tree } = a
    // What a confined command can leave behind between two requests.
    tree.link('ws/package', tree.out)
    const sandbox = managed([tree.ws, tree.in('ws/package')], [READ_ALL, WRITE_ROOTS])
    for (const path of [tree.in('ws/package/plain.txt'), tree.in('out/plain.txt'), tree.in('out/new.txt')]) {
      assert.ok((await a.fs('writeFile', { path, ...data }, sandbox)).error !== undefined, path)
    }
  })

  row("calls under different sandboxes side by side do not get into each other's", async (a) => {
    const { tree } = a
    const closed = managed([tree.bare], [READ_ALL, WRITE_ROOTS, at(tree.secret, 'deny')])
    const open = managed([tree.ws], [READ_ALL, WRITE_ROOTS])
    await Promise.all(
      Array.from({ length: 5 }, async (_, round) => {
        await Promise.all([
          a.ok('writeFile', { path: tree.in(`ws/new-${round}`), ...data }, open),
          a.refused('writeFile', { path: tree.in(`bare/new-${round}`), ...data }, open),
          a.refused('writeFile', { path: tree.in(`ws/new-${round}`), dataBase64: '' }, closed),
          a.refused('readFile', { path: tree.in('secret/key.txt') }, closed),
          a.refused('createDirectory', { path: tree.in('bare/.codex') }, closed),
          a.refused('createDirectory', { path: tree.in('ws/.codex') }, open),
        ])
        assert.is(readFileSync(tree.in(`ws/new-${round}`), 'utf8'), 'put')
      }),
    )
    tree.ignored = Array.from({ length: 5 }, (_, round) => `ws/new-${round}`)
  })

  // A server may keep what does the work for the next call: it must not be of another time.
  row('what its owner replaces between two calls is as denied, and as protected, as before', async (a) => {
    const { tree } = a
    const replace = (name: string, make: () => void): void => {
      renameSync(tree.in(name), tree.in('aside'))
      make()
      rmSync(tree.in('aside'), { recursive: true })
    }
    const own = (name: string, text: string): void => {
      writeFileSync(tree.in(name), text)
      chownSync(tree.in(name), user.uid, user.uid)
    }
    const ownFolder = (name: string): void => {
      mkdirSync(tree.in(name))
      chownSync(tree.in(name), user.uid, user.uid)
    }
    await a.ok('writeFile', { path: tree.in('ws/new.txt'), ...data })
    for (let round = 0; round < 2; round++) {
      replace('secret.txt', () => own('secret.txt', SECRET))
      replace('secret', () => {
        ownFolder('secret')
        own('secret/key.txt', SECRET)
      })
      replace('ws/.git', () => {
        ownFolder('ws/.git')
        own('ws/.git/config', 'new')
      })
      await a.refused('readFile', { path: tree.in('secret.txt') })
      await a.refused('readFile', { path: tree.in('secret/key.txt') })
      await a.refused('writeFile', { path: tree.in('ws/.git/config'), ...data })
      await a.refused('writeFile', { path: tree.in('ws/.git/new'), ...data })
    }
    assert.is(readFileSync(tree.in('ws/.git/config'), 'utf8'), 'new')
    tree.expected = ['secret/public', 'secret/public/page.txt', 'ws/new.txt']
    tree.ignored = ['ws/.git']
  })

  row('what its owner adds between two calls is denied, or protected, where the profile says so', async (a) => {
    const { tree } = a
    const sandbox = managed(
      [tree.bare],
      [READ_ALL, WRITE_ROOTS, at(tree.in('out/later'), 'deny'), glob(`${tree.bare}/**/*.env`)],
    )
    const { dataBase64 } = await a.ok('readFile', { path: tree.in('bare/inside.txt') }, sandbox)
    assert.is(dataBase64, base64('inside'))
    await a.ok('writeFile', { path: tree.in('bare/new.txt'), ...data }, sandbox)
    for (const name of ['out/later', 'bare/.git', 'bare/.aws', 'bare/deep']) mkdirSync(tree.in(name))
    for (const name of ['out/later/key.txt', 'bare/a.env', 'bare/deep/b.env']) writeFileSync(tree.in(name), SECRET)
    writeFileSync(tree.in('bare/.git/config'), 'mine')
    const added = [
      'out/later',
      'out/later/key.txt',
      'bare/.git',
      'bare/.git/config',
      'bare/.aws',
      'bare/deep',
      'bare/a.env',
      'bare/deep/b.env',
    ]
    for (const name of added) chownSync(tree.in(name), user.uid, user.uid)
    for (const name of ['out/later/key.txt', 'bare/a.env', 'bare/deep/b.env'])
      await a.refused('readFile', { path: tree.in(name) }, sandbox)
    for (const name of ['bare/.git/config', 'bare/.git/new', 'bare/.aws/config'])
      await a.refused('writeFile', { path: tree.in(name), ...data }, sandbox)
    await a.refused('remove', { path: tree.in('bare/.git'), force: false }, sandbox)
    tree.expected = [...added, 'bare/new.txt']
    assert.is(readFileSync(tree.in('bare/.git/config'), 'utf8'), 'mine')
  })

  row('a workspace that its owner replaces between two calls is the new one', async (a) => {
    const { tree } = a
    await a.ok('writeFile', { path: tree.in('bare/new.txt'), ...data })
    renameSync(tree.bare, tree.in('before'))
    mkdirSync(tree.bare)
    chownSync(tree.bare, user.uid, user.uid)
    await a.ok('writeFile', { path: tree.in('bare/newer.txt'), ...data })
    assert.is(readFileSync(tree.in('bare/newer.txt'), 'utf8'), 'put')
    await a.refused('writeFile', { path: tree.in('before/inside.txt'), ...data })
    tree.ignored = ['bare', 'before']
    assert.is(readFileSync(tree.in('before/inside.txt'), 'utf8'), 'inside')
  })

  row('a FIFO in the workspace holds nothing up', async (a) => {
    execFileSync('mkfifo', ['-m', '666', a.tree.in('ws/fifo')])
    const { error } = await a.fs('readFile', { path: a.tree.in('ws/fifo') })
    assert.ok(error !== undefined)
    assert.ok(
      (await a.fs('copy', { sourcePath: a.tree.in('ws/fifo'), destinationPath: a.tree.in('ws/x'), recursive: false }))
        .error !== undefined,
    )
    assert.is(await a.text(a.tree.in('ws/inside.txt')), 'inside')
  })

  row("an owner's empty protected folder is still there afterwards", async (a) => {
    a.tree.dir('bare/.agents')
    a.tree.dir('bare/.git')
    await a.ok('writeFile', { path: a.tree.in('bare/new.txt'), ...data })
    await a.refused('writeFile', { path: a.tree.in('bare/.agents/x'), ...data })
    a.tree.expected = ['bare/new.txt']
  })

  row('a request that is cut off leaves nothing behind', async (a) => {
    const client = await Client.connect(a.server.url)
    a.tree.freeze()
    for (let round = 0; round < 20; round++) {
      client.notify('ignored', {})
      void client.ask('fs/writeFile', { path: uri(a.tree.in('bare/.git/x')), ...data, sandbox: a.standard() })
    }
    await client.drop()
  })

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    row(`a server that is ended by ${signal} in the middle of its work leaves nothing behind`, async (a) => {
      const server = await serveAs(user)
      const client = await Client.connect(server.url)
      a.tree.freeze()
      for (let round = 0; round < 50; round++)
        void client.ask('fs/writeFile', { path: uri(a.tree.in('bare/new.txt')), ...data, sandbox: a.standard() })
      await client.until(() => existsSync(a.tree.in('bare/new.txt')) || client.messages.length > 5)
      await server.stop(signal)
      a.tree.ignored = ['bare/new.txt']
      await a.tree.verify()
    })
  }
})

// ---- without bubblewrap -----------------------------------------------------------------------------------------

withoutBubblewrap(
  'file calls',
  'a sandboxed file call is refused by name of what is missing, and does nothing',
  async (attempt) => {
    const { client, tree } = attempt
    // A folder of its own stands on no PATH; a bwrap in the workspace must not be taken either.
    tree.file('ws/bwrap', '#!/bin/sh\nexit 0\n', 0o755)
    tree.freeze()
    const calls: Call[] = [
      ['writeFile', { path: tree.in('ws/new.txt'), ...data }],
      ['writeFile', { path: tree.in('out/new.txt'), ...data }],
      ['createDirectory', { path: tree.in('ws/new') }],
      ['remove', { path: tree.in('ws/inside.txt') }],
      ['copy', { sourcePath: tree.in('ws/inside.txt'), destinationPath: tree.in('ws/copy'), recursive: false }],
      ['readFile', { path: tree.in('secret/key.txt') }],
      ['readDirectory', { path: tree.secret }],
    ]
    for (const [method, params] of calls) {
      const { error } = await attempt.fs(method, params)
      assert.is(error?.code, -32600, method)
      assert.match(error?.message ?? '', /bubblewrap|bwrap/)
    }
    await tree.verify()
    // What asks for no enforcement goes on working.
    assert.equal(
      (await client.ask('fs/writeFile', { path: uri(tree.in('ws/new.txt')), ...data, sandbox: null })).result,
      {},
    )
  },
)
