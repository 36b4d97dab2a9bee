/**
 * Attempts to get out of the sandbox with commands. After each the host is looked at: nothing outside may have
 * changed, nothing may have been left in the workspace, and nothing may still run.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { DEVICES } from '../../support/devices.ts'
import { firstLine } from '../../support/first-line.ts'
import { eventually } from '../../support/server.ts'
import {
  at,
  Attempt,
  base64,
  builtExecutable,
  forEachUser,
  glob,
  managed,
  onPath,
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
import type { User } from '../../support/sandbox.ts'

/** A word that no other process on this machine has in its command line: a number that sleep takes. */
const mark = (): string => `9${String(Math.random()).slice(2, 11)}`

/** The command lines of all processes of the host, each argument ended by a NUL. */
function commandLines(): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return []
    try {
      return [readFileSync(`/proc/${pid}/cmdline`, 'latin1')]
    } catch {
      return []
    }
  })
}

const onHost = (word: string): boolean => commandLines().some((line) => line.includes(word))
const sleeps = (word: string): boolean => commandLines().includes(`sleep\0${word}\0`)

const gone = (word: string): Promise<void> =>
  eventually(() => !onHost(word), 2000, 'the end of everything that was started')

/** What commands do to things outside, with OUT set to one of their names. */
const ALTER = `
put "$OUT/plain.txt"; put "$OUT/new.txt"; put "$OUT/dir/file.txt"
try cp "$W/inside.txt" "$OUT/plain.txt"; try cp "$W/inside.txt" "$OUT/new.txt"; try cp -r "$W/tree/." "$OUT/dir"
try mkdir "$OUT/new"; try mkdir -p "$OUT/new/deep"; try rm "$OUT/plain.txt"; try rm -r "$OUT/dir"
try mv "$OUT/plain.txt" "$W/moved"; try mv "$W/inside.txt" "$OUT/moved"; try mv "$OUT/plain.txt" "$OUT/moved"
try chmod 777 "$OUT/plain.txt"; try truncate -s 0 "$OUT/plain.txt"; try touch "$OUT/new.txt"; try touch -d 2001-01-01 "$OUT/plain.txt"
try ln "$W/inside.txt" "$OUT/new.txt"; try ln -s x "$OUT/new.txt"; try ln "$OUT/plain.txt" "$W/hard"; try mkfifo "$OUT/fifo"
try dd if=/dev/zero of="$OUT/plain.txt" bs=1 count=1 conv=notrunc; try rmdir "$OUT"; try mv "$OUT" "$W/moved"
`

/** What commands do to get at things denied, with SECRET set to one of their names. */
const LOOK = `
see "$SECRET/key.txt"; see "$SECRET.txt"; see "$SECRET/public/page.txt" | sed 's/^a page$/ESCAPED: page/'
ls -R "$SECRET" 2> /dev/null | grep -E 'key|page' | sed 's/^/ESCAPED: /'
try cp "$SECRET/key.txt" "$W/stolen"; try cp "$SECRET.txt" "$W/stolen"; try ln "$SECRET/key.txt" "$W/stolen"
try ln "$SECRET.txt" "$W/stolen"
try mv "$SECRET" "$W/stolen"; try mv "$SECRET.txt" "$W/stolen"; try tar -cf "$W/stolen.tar" -C "$SECRET" key.txt
chmod -R 777 "$SECRET" "$SECRET.txt" 2> /dev/null; see "$SECRET/key.txt"; see "$SECRET.txt"; put "$SECRET/new"; put "$SECRET.txt"
rm -rf "$SECRET/key.txt" "$SECRET.txt" 2> /dev/null
`

const ALIASES: [string, string, string][] = [
  ['their own names', '$OUT', '$SECRET'],
  ['W/../', '$W/../out', '$W/../secret'],
  ['/proc/self/root', '/proc/self/root$OUT', '/proc/self/root$SECRET'],
  ['/proc/1/root', '/proc/1/root$OUT', '/proc/1/root$SECRET'],
  ['the server in /proc', '/proc/$SERVER/root$OUT', '/proc/$SERVER/root$SECRET'],
  ['links in the workspace', '$W/out-link', '$W/secret-link'],
]

const LISTENER = `
sub on {
  my ($name, $type, $address) = @_;
  my $s;
  socket($s, 1, $type, 0) && bind($s, $address) or die "$name: $!";
  listen($s, 5) if $type == 1;
  return if fork;
  for (;;) { if ($type == 1) { accept(my $c, $s) } else { recv($s, my $b, 9, 0) } syswrite(STDOUT, "heard $name\\n") }
}
my ($w, $out, $abstract) = @ARGV;
umask 0;
on('workspace', 1, pack('S a108', 1, "$w/stream")); on('outside', 1, pack('S a108', 1, "$out/stream"));
on('abstract', 1, pack('S a*', 1, "\\0$abstract"));
on('datagram-workspace', 2, pack('S a108', 1, "$w/datagram")); on('datagram-outside', 2, pack('S a108', 1, "$out/datagram"));
on('datagram-abstract', 2, pack('S a*', 1, "\\0$abstract-d"));
syswrite(STDOUT, "ready\\n");
sleep 60; kill 9, -getpgrp();
`

/** System calls by number, as perl makes them without a compiler. */
const SYSCALL =
  process.arch === 'arm64'
    ? {
        ptrace: 117,
        process_vm_readv: 270,
        process_vm_writev: 271,
        io_uring_setup: 425,
        sendmsg: 211,
      }
    : {
        ptrace: 101,
        process_vm_readv: 310,
        process_vm_writev: 311,
        io_uring_setup: 425,
        sendmsg: 46,
      }

const CALLER = `
my ($w, $out, $abstract, @ports) = @ARGV;
sub report { my ($name, $ok) = @_; print "$name ", ($ok ? 'ok' : 'refused ' . ($! + 0)), "\\n" }
my %stream = (workspace => pack('S a108', 1, "$w/stream"), outside => pack('S a108', 1, "$out/stream"), abstract => pack('S a*', 1, "\\0$abstract"));
my %datagram = (workspace => pack('S a108', 1, "$w/datagram"), outside => pack('S a108', 1, "$out/datagram"), abstract => pack('S a*', 1, "\\0$abstract-d"));
my ($s, $c, $m, $p, $q, $u);
for my $name (sort keys %stream) { report("connect $name", socket($s, 1, 1, 0) && connect($s, $stream{$name})) }
sub message {
  my ($s, $address) = @_;
  my $text = 'x';
  my $vector = pack('P Q', $text, 1);
  my $header = pack('P L x4 P Q Q Q Q', $address, length($address), $vector, 1, 0, 0, 0);
  return syscall(${SYSCALL.sendmsg}, fileno($s), $header, 0) == 1;
}
for my $name (sort keys %datagram) {
  report("connect datagram $name", socket($c, 1, 2, 0) && connect($c, $datagram{$name}) && send($c, 'x', 0));
  report("sendto $name", socket($s, 1, 2, 0) && send($s, 'x', 0, $datagram{$name}));
  report("sendmsg $name", socket($m, 1, 2, 0) && message($m, $datagram{$name}));
  report("sendmsg through a pair $name", socketpair($p, $q, 1, 2, 0) && message($p, $datagram{$name}));
}
for my $port (@ports) {
  my $address = pack('S n a4 x8', 2, $port, "\\x7f\\0\\0\\1");
  report("tcp $port", socket($s, 2, 1, 0) && connect($s, $address));
  report("udp $port", socket($u, 2, 2, 0) && send($u, 'x', 0, $address));
}
`

/** Sockets of every kind, in the workspace and outside, held by the user on the host. */
async function listen(user: User, args: readonly string[]): Promise<{ heard(): string[]; stop(): void }> {
  const [command, ...rest] = [...user.prefix, 'perl', '-e', LISTENER, ...args]
  const child = spawn(command as string, rest, { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  let text = ''
  child.stdout.on('data', (bytes: Buffer) => (text += bytes.toString()))
  const stop = (): void => void process.kill(-(child.pid as number), 'SIGKILL')
  await firstLine(child).catch((error: Error) => {
    stop()
    throw error
  })
  return { heard: () => text.split('\n').filter((line) => line.startsWith('heard')), stop }
}

const perl = onPath('perl') === undefined ? 'no perl' : undefined
const gcc = onPath('gcc') === undefined ? 'no gcc' : undefined
const needs = (program: string): string | undefined => (onPath(program) === undefined ? `no ${program}` : undefined)

forEachUser('sandbox escapes, commands', (row, user) => {
  row.asRoot('what is allowed works, so that a refusal means something', async (a) => {
    const { tree } = a
    const script =
      'cat $OUT/plain.txt; echo; echo new > $W/new.txt; mkdir -p $BARE/a/b; rm $W/inside.txt; cat $W/.git/HEAD; pwd; echo err >&2'
    const id = await a.start(['/bin/sh', '-c', script])
    const { code, output, denied } = await a.end(id)
    assert.equal([code, denied], [0, false])
    assert.equal(output.split('\n').sort(), ['', tree.ws, 'err', 'plain', 'ref: refs/heads/main'])
    const started = await a.client.start(`${tree.root}-type`, ['/bin/true'], {
      cwd: uri(tree.ws),
      sandbox: a.standard(),
    })
    assert.is(started.sandboxType, 'linuxSeccomp')
    tree.expected = ['bare/a', 'bare/a/b', 'ws/inside.txt', 'ws/new.txt']
  })

  // ---- files ----------------------------------------------------------------------------------------------------

  for (const [alias, out, secret] of ALIASES) {
    row(`nothing outside is altered, and nothing denied is seen, by ${alias}`, async (a) => {
      a.tree.link('ws/out-link', a.tree.out)
      a.tree.link('ws/secret-link', a.tree.secret)
      a.tree.link('ws/secret-link.txt', a.tree.in('secret.txt'))
      // What cannot be moved away is copied, as it may be read; whether a secret came along is looked at.
      a.tree.ignored = ['ws/moved', 'ws/stolen', 'ws/stolen.tar', 'ws/out-link']
      // Links may be moved, copied as links and removed: in place of what they lead to they are skipped.
      const look = out.includes('link')
        ? 'see "$SECRET/key.txt"; see "$SECRET.txt"; ls "$SECRET/" 2> /dev/null | sed "s/^/ESCAPED: /"'
        : LOOK
      const alter = out.includes('link') ? ALTER.replace('try rmdir "$OUT"; try mv "$OUT" "$W/moved"', '') : ALTER
      await a.sh(`OUT=${out}; SECRET=${secret}; ${alter}\n${look}`)
    })
  }

  row('links to files outside, dangling and not, let nothing through', async (a) => {
    a.tree.link('ws/file', a.tree.in('out/plain.txt'))
    a.tree.link('ws/dangling', '../out/new.txt')
    await a.sh(`
      put $W/file; put $W/dangling; try cp $W/inside.txt $W/file; try cp $W/inside.txt $W/dangling; try truncate -s 0 $W/file
      rm -rf $W/file/ 2> /dev/null`)
  })

  row('a hard link that was there before goes through, as documented', async (a) => {
    a.tree.hard('ws/hard', a.tree.in('out/plain.txt'))
    await a.sh('echo put > $W/hard')
    assert.is(readFileSync(a.tree.in('out/plain.txt'), 'utf8'), 'put\n')
    a.tree.expected = ['out/plain.txt', 'ws/hard']
  })

  const writeWhileSwapping = async (a: Attempt, rounds: number): Promise<void> => {
    a.tree.link('ws/link', a.tree.out)
    a.tree.dir('ws/swapped')
    a.tree.ignored = ['ws/swapped', 'ws/link', 'ws/aside']
    await a.sh(`
      (while :; do mv -T $W/swapped $W/aside; mv -T $W/link $W/swapped; mv -T $W/swapped $W/link; mv -T $W/aside $W/swapped; done) 2> /dev/null &
      i=0; while [ $i -lt ${rounds} ]; do (echo put > $W/swapped/plain.txt; mkdir $W/swapped/new-$i; rm -f $W/swapped/dir/file.txt) 2> /dev/null; i=$((i+1)); done
      kill $!`)
  }
  const SWAPPED = 'a folder that turns into a link outside and back again lets no write through'
  row(SWAPPED, (a) => writeWhileSwapping(a, 40))
  row.full(`${SWAPPED}, in 150 rounds`, (a) => writeWhileSwapping(a, 150))

  for (const name of PROTECTED) {
    row(`${name} is not altered where it is, and not made where it is missing`, async (a) => {
      const { tree } = a
      tree.file(`ws/${name}/config`, 'mine')
      tree.file(`ws/${name}/sub/file.txt`, 'mine')
      tree.link('ws/link', name)
      tree.link('bare/dangling', name)
      tree.link('bare/deep', `${name}/made`)
      tree.file('ws/from/config', 'theirs')
      // A copy that may be made, as what cannot be moved away is copied.
      tree.ignored = ['ws/config']
      await a.sh(`
        for P in $W/${name} $W/link /proc/self/root$W/${name}; do
          put $P/config; put $P/new; try mkdir $P/new; try rm $P/config; try rm -rf $P/sub; try mv $P/config $P/other
          try mv $P/config $W/config; try chmod 777 $P/config
          try cp $W/from/config $P/config; try ln -sf x $P/config; try touch $P/new; try chmod 777 $P/.; try mv $W/from $P/
        done
        try rm -rf $W/${name}; try rmdir $W/${name}; try mv $W/${name} $W/other; try mv -T $W/from $W/${name}
        try ln -sfn $W/from $W/${name}; try mv -T --exchange $W/from $W/${name}
        P=$BARE/${name}
        put $P; put $P/config; put $BARE/dangling; put $BARE/deep; try mkdir $P; try mkdir -p $P/sub; try cp -r $OUT/dir/. $P
        try mv $W/from $P
        try ln -s $W/from $P; try ln -sfn $W/from $P; try mv -T $W/from $P; try cp $W/inside.txt $P; try cp $W/inside.txt $P/
        try mkfifo $P; try rm $P; try rmdir $P
        cat $W/${name}/config; echo`)
    })
  }

  row(
    'git can be asked, and neither commits nor sets anything',
    async (a) => {
      const output = await a.sh(`
      git -C $W status --short; try git -C $W config x.y z; try git -C $W add inside.txt; try git -C $BARE init
      try git -C $W worktree add $W/other`)
      assert.match(output, /\?\? inside\.txt/)
    },
    needs('git'),
  )

  row('a .git file and the folder it points to, in another workspace, are both read-only', async (a) => {
    const { tree } = a
    tree.file('bare/.git', `gitdir: ${tree.ws}/worktrees/bare\n`)
    tree.file('ws/worktrees/bare/config', 'mine')
    // A copy, which may be made.
    tree.ignored = ['ws/x']
    await a.sh(`
      put $BARE/.git; try rm $BARE/.git; try mv $BARE/.git $BARE/x; try mv $W/inside.txt $BARE/.git; try ln -sf x $BARE/.git
      put $W/worktrees/bare/config; put $W/worktrees/bare/hooks; try rm -rf $W/worktrees/bare; try mv $W/worktrees/bare $W/x`)
  })

  row('a folder that holds a read-only one cannot be put aside for another', async (a) => {
    const { tree } = a
    tree.file('ws/a/b/file.txt', 'mine')
    const sandbox = managed([tree.ws], [READ_ALL, WRITE_ROOTS, at(tree.in('ws/a/b'), 'read')])
    await a.sh(
      'mv $W/a $W/c; mkdir -p $W/a/b; echo forged > $W/a/b/file.txt; echo forged > $W/c/b/file.txt; rm -rf $W/a $W/c',
      { sandbox },
    )
    assert.is(readFileSync(tree.in('ws/a/b/file.txt'), 'utf8'), 'mine')
  })

  row('a folder that holds a denied one cannot be put aside for the next command to look into', async (a) => {
    const { tree } = a
    tree.file('ws/a/private/key.txt', SECRET)
    tree.file('ws/a/deny.txt', SECRET)
    const sandbox = managed(
      [tree.ws],
      [READ_ALL, WRITE_ROOTS, at(tree.in('ws/a/private'), 'deny'), at(tree.in('ws/a/deny.txt'), 'deny')],
    )
    await a.sh('mv $W/a $W/c; see $W/c/private/key.txt; see $W/c/deny.txt', { sandbox })
    await a.run(
      [
        '/bin/sh',
        '-c',
        'cat $W/a/private/key.txt $W/a/deny.txt $W/c/private/key.txt $W/c/deny.txt; grep -r TOP-SECRET $W',
      ],
      {
        sandbox,
      },
    )
  })

  row('what a pattern denies is hidden', async (a) => {
    const { tree } = a
    tree.file('ws/a.env', SECRET)
    tree.file('ws/deep/b.env', SECRET)
    tree.link('ws/innocent', 'deep/b.env')
    const sandbox = managed([tree.ws], [READ_ALL, WRITE_ROOTS, glob(`${tree.ws}/**/*.env`)])
    await a.sh(
      `
      see $W/a.env; see $W/deep/b.env; see $W/innocent; try cp $W/a.env $W/x; try mv $W/a.env $W/x; try ln $W/a.env $W/x
      grep -r TOP $W; put $W/a.env`,
      { sandbox },
    )
  })

  row('without a grant for the root there is nothing else', async (a) => {
    const { tree } = a
    const sandbox = managed([tree.ws], [WRITE_ROOTS, special('minimal', 'read')])
    // What is written beside the grant may go to a throw-away file system, but never to the host.
    await a.sh(
      `echo new > $W/new.txt
       for P in $OUT $BARE $SECRET /home /root /var/log /proc/1/root$OUT /proc/self/root$SECRET; do [ -e $P ] && echo "ESCAPED: $P"; done
       put $OUT/plain.txt; (echo x > $OUT/../new.txt; mkdir -p $OUT; echo x > $OUT/new.txt) 2> /dev/null`,
      { sandbox },
    )
    tree.expected = ['ws/new.txt']
  })

  row('a folder to read below a denied one is read, and its neighbours are not', async (a) => {
    const { tree } = a
    const sandbox = managed(
      [tree.ws],
      [READ_ALL, WRITE_ROOTS, at(tree.secret, 'deny'), at(tree.in('secret/public'), 'read')],
    )
    const output = await a.sh(
      `
      cat $SECRET/public/page.txt; see $SECRET/key.txt; see $SECRET/public/../key.txt; put $SECRET/public/page.txt
      put $SECRET/public/new; put $SECRET/new`,
      { sandbox },
    )
    assert.match(output, 'a page')
  })

  row('a grant to write one file holds for that file only', async (a) => {
    const { tree } = a
    const sandbox = managed([tree.ws], [READ_ALL, at(tree.in('out/plain.txt'), 'write')])
    await a.sh(
      `
      echo put > $OUT/plain.txt; put $OUT/new.txt; put $OUT/dir/file.txt; put $W/new.txt; try rm $OUT/plain.txt
      try mv $OUT/plain.txt $OUT/x`,
      { sandbox },
    )
    assert.is(readFileSync(tree.in('out/plain.txt'), 'utf8'), 'put\n')
    tree.expected = ['out/plain.txt']
  })

  row('/tmp is written only where the profile says so, and nothing is left in it', async (a) => {
    const path = `/tmp/${a.tree.root.split('/').pop()}-in-tmp`
    const before = PROTECTED.filter((name) => existsSync(`/tmp/${name}`))
    try {
      await a.sh('put $X', { env: { X: path } })
      assert.not(existsSync(path))
      await a.sh(
        `
        echo put > $X; put /tmp/.codex/x; put /tmp/.git`,
        { env: { X: path }, sandbox: managed([a.tree.ws], [READ_ALL, WRITE_ROOTS, special('slash_tmp', 'write')]) },
      )
      assert.is(readFileSync(path, 'utf8'), 'put\n')
    } finally {
      rmSync(path, { force: true })
    }
    await eventually(
      () => PROTECTED.every((name) => before.includes(name) || !existsSync(`/tmp/${name}`)),
      2000,
      'the end of protected names in /tmp',
    )
  })

  row("the folder for temporary files is the command's, and is written only where the profile says so", async (a) => {
    a.tree.dir('temporary')
    const env = { TMPDIR: a.tree.in('temporary') }
    await a.sh('put $TMPDIR/new', { env })
    await a.sh(
      `
      echo x > $TMPDIR/new; put $OUT/new`,
      { env, sandbox: managed([a.tree.ws], [READ_ALL, WRITE_ROOTS, special('tmpdir', 'write')]) },
    )
    a.tree.expected = ['temporary/new']
  })

  row('a workspace that is only to be read is not written', async (a) => {
    await a.sh(
      `
      put $W/new.txt; put $W/inside.txt; try rm $W/inside.txt; put $BARE/new.txt; put /tmp/new.txt`,
      { sandbox: managed([a.tree.ws], [READ_ALL]) },
    )
  })

  // ---- mounts and name spaces -----------------------------------------------------------------------------------

  row('mounts are neither removed nor made writable nor moved', async (a) => {
    await a.sh(`mkdir $W/m
      try mount -o remount,bind,rw /; try mount -o remount,rw /; try mount -o remount,bind,rw $W/.git; try mount -o remount,bind,rw $OUT
      try umount $W/.git; try umount -l $W/.git; try umount $W; try umount -l $W; try umount $SECRET; try umount -l $SECRET
      try umount -l /proc; try umount -l /
      try mount --bind $OUT $W/m; try mount --rbind / $W/m; try mount -t tmpfs none $W/m; try mount --move $W $W/m
      try mount --make-rshared /
      try mount -t proc none $W/m; try mount -t sysfs none $W/m; try mount -t devtmpfs none $W/m; try mount -t cgroup2 none $W/m
      put $OUT/plain.txt; put $W/.git/config; see $SECRET/key.txt; rm -r $W/m`)
  })

  row(
    "nor from a user namespace of one's own",
    async (a) => {
      await a.sh(`mkdir $W/m $W/n $W/o
      cat > $W/script <<'S'
        for P in $W/.git $SECRET $SECRET.txt $W /proc/sys /proc /; do umount $P; umount -l $P; mount -o remount,bind,rw $P
        mount -o remount,rw $P; done
        mount --make-rprivate /
        mount --bind / $W/m; mount --rbind / $W/n; mount -o remount,bind,rw $W/m; mount -o remount,bind,rw $W/n
        for R in "" $W/m $W/n /proc/1/root; do
          (echo put >> $R$OUT/plain.txt) && echo ESCAPED; (echo put >> $R$W/.git/config) && echo ESCAPED
          (echo put > $R$W/.codex/x) && echo ESCAPED; cat $R$SECRET/key.txt $R$SECRET.txt
        done
        umount -l $W/m
        mount -t overlay -o lowerdir=$OUT/..:$W none $W/m && cat $W/m/secret/key.txt
        mount -t tmpfs none $W/o && mkdir $W/o/up $W/o/work && mount -t overlay -o lowerdir=$OUT/..,upperdir=$W/o/up,workdir=$W/o/work none $W/m && cat $W/m/secret/key.txt
        mount --move $W/.git $W/n; pivot_root $W/m $W/m/x; chroot / sh -c 'echo put >> $OUT/plain.txt' && echo ESCAPED
        true
S
      unshare -Urm sh $W/script 2> /dev/null; unshare -UrmpfniuC sh $W/script 2> /dev/null; rm -rf $W/m $W/n $W/o $W/script`)
    },
    needs('unshare'),
  )

  row(
    'nor with kernel file systems mounted afresh',
    async (a) => {
      await a.sh(`mkdir $W/m
      cat > $W/script <<'S'
        for T in proc sysfs cgroup2 cgroup devpts mqueue tmpfs ramfs bpf debugfs tracefs securityfs devtmpfs; do
          mount -t $T none $W/m || continue
          for F in $W/m/sys/kernel/core_pattern $W/m/sys/kernel/modprobe $W/m/sysrq-trigger $W/m/kernel/uevent_helper $W/m/power/state \\
                   $W/m/cgroup.procs $W/m/cgroup.freeze $W/m/cgroup.subtree_control $W/m/release_agent $W/m/kmsg
          do
            [ -e $F ] && (: >> $F) && echo "ESCAPED: $T $F"
          done
          [ $T = proc ] && cat $W/m/*/environ | tr '\\0' '\\n' | grep TOKEN
          umount -l $W/m
        done
S
      unshare -Urm sh $W/script 2> /dev/null; unshare -UrmC sh $W/script 2> /dev/null
      unshare -UrmpfniuC sh $W/script 2> /dev/null; rm -rf $W/m $W/script`)
    },
    needs('unshare'),
  )

  row('the root is not changed to a freer one', async (a) => {
    await a.sh(`
      for R in / /proc/1/root /proc/$SERVER/root /proc/$PPID/root; do
        try chroot $R sh -c 'echo put >> '$OUT'/plain.txt'; try unshare -Ur chroot $R sh -c 'echo put >> '$OUT'/plain.txt'
        try nsenter -t 1 -m -- sh -c 'echo put >> '$OUT'/plain.txt'; try nsenter -t $SERVER -m true
        try nsenter -t 1 -U -m sh -c 'umount -l '$W'/.git'
      done
      mkdir $W/r; try pivot_root $W/r $W/r; rmdir $W/r`)
  })

  row('bubblewrap inside the sandbox opens nothing', async (a) => {
    await a.sh(`
      try bwrap --dev-bind / / --cap-add ALL sh -c 'echo put >> '$OUT'/plain.txt'; try bwrap --bind / / sh -c 'echo put >> '$W'/.git/config'
      bwrap --bind / / --proc /proc --tmpfs /mnt cat $SECRET/key.txt 2> /dev/null; bwrap --ro-bind $OUT/.. /mnt cat /mnt/secret/key.txt 2> /dev/null`)
  })

  // ---- processes ------------------------------------------------------------------------------------------------

  row('neither the server nor any process outside is seen', async (a) => {
    const output = await a.sh(`
      cat /proc/*/environ /proc/*/task/*/environ 2> /dev/null | tr '\\0' '\\n' | grep ${TOKEN.slice(0, 8)} | sed 's/^/ESCAPED: /'
      see /proc/$SERVER/environ | grep -a . | sed 's/^/ESCAPED: server /'; env | grep SECRET_TOKEN | sed 's/^/ESCAPED: /'
      for p in /proc/[0-9]*; do echo pid \${p#/proc/}; done`)
    // Its own name space: a handful of small numbers.
    const pids = [...output.matchAll(/^pid (\d+)$/gm)].map(([, pid]) => Number(pid))
    assert.ok(pids.includes(1) && pids.every((pid) => pid < 100), pids.join())
  })

  row('no signal reaches anything outside', async (a) => {
    const [command, ...args] = [...user.prefix, 'sleep', '60']
    const bystander = spawn(command as string, args, { stdio: 'ignore' })
    try {
      const env = { VICTIM: String(bystander.pid) }
      await a.run(['/bin/sh', '-c', 'for p in $SERVER $VICTIM; do kill -9 $p; kill -9 -- -$p; kill -INT $p; done'], {
        env,
      })
      await a.run(['/bin/sh', '-c', 'kill -9 -1; kill -9 0'])
      assert.is(await a.text(a.tree.in('ws/inside.txt')), 'inside')
      assert.is(bystander.exitCode ?? bystander.signalCode, null)
    } finally {
      bystander.kill('SIGKILL')
    }
  })

  row('no privilege is held, and none can be gained', async (a) => {
    for (const network of ['restricted', 'enabled'] as const) {
      const { output } = await a.run(['/bin/cat', '/proc/self/status'], { sandbox: a.standard(network) })
      for (const set of ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'])
        assert.match(output, new RegExp(`^Cap${set}:\\t0+$`, 'm'), `Cap${set} with the network ${network}`)
      assert.match(output, /^NoNewPrivs:\t1$/m)
      assert.match(output, /^Seccomp:\t2$/m)
    }
  })

  row(
    'a program with the set-user-id bit runs as the user',
    async (a) => {
      const { tree } = a
      const program = tree.copyOf(onPath('id') ?? '/usr/bin/id', 'out/id')
      chownSync(program, 0, 0)
      chmodSync(program, 0o4755)
      for (const sandbox of [a.standard(), a.standard('enabled')])
        assert.is((await a.run([program, '-u'], { sandbox })).output, `${user.uid}\n`)
    },
    process.getuid?.() === 0 ? undefined : 'only root can make such a program',
  )

  row(
    'no other process is traced or written into',
    async (a) => {
      const calls = [
        ['traceme', `${SYSCALL.ptrace}, 0, 0, 0, 0`],
        ['attach', `${SYSCALL.ptrace}, 16, 1, 0, 0`],
        ['read', `${SYSCALL.process_vm_readv}, 1, 0, 0, 0, 0, 0`],
        ['write', `${SYSCALL.process_vm_writev}, 1, 0, 0, 0, 0, 0`],
        ['io_uring', `${SYSCALL.io_uring_setup}, 1, $space`],
      ]
      const script = calls.map(
        ([name, args]) => `$! = 0; print "${name} ", syscall(${args}) == -1 ? $! + 0 : 'ok', "\n";`,
      )
      const { output } = await a.run(['perl', '-e', `my $space = 'x' x 200; ${script.join('\n')}`])
      assert.is(output, 'traceme 1\nattach 1\nread 1\nwrite 1\nio_uring 1\n')
    },
    perl,
  )

  row(
    'strace traces nothing',
    (a) => a.sh('try strace -o /dev/null true; try strace -o /dev/null -p 1').then(() => {}),
    needs('strace'),
  )

  row(
    'system calls by the numbers of another machine are refused',
    async (a) => {
      for (const network of ['restricted', 'enabled'] as const) {
        const script =
          '$! = 0; for my $n (39, 41, 42, 520, 521, 425) { print syscall(0x40000000 + $n, 2, 1, 0) == -1 ? $! + 0 : "ok", "\\n" }'
        assert.is(
          (await a.run(['perl', '-e', script], { sandbox: a.standard(network) })).output,
          '1\n1\n1\n1\n1\n1\n',
          network,
        )
      }
    },
    perl ?? (process.arch === 'x64' ? undefined : 'x64 only'),
  )

  row(
    'a 32-bit system call ends the program',
    async (a) => {
      const { tree } = a
      tree.file(
        'ws/old.c',
        'int main(void) { int r; __asm__ volatile ("int $0x80" : "=a"(r) : "a"(20) : "memory"); return 0; }\n',
      )
      const built = spawnSync('gcc', ['-o', tree.in('ws/old'), tree.in('ws/old.c')])
      assert.is(built.status, 0)
      assert.is.not((await a.run([tree.in('ws/old')])).code, 0)
    },
    gcc ?? (process.arch === 'x64' ? undefined : 'x64 only'),
  )

  row(
    'only descriptors 0 to 2 are open, in a terminal too, and the first process holds no way out either',
    async (a) => {
      for (const tty of [false, true]) {
        // The fourth is the listing's own.
        assert.equal((await a.run(['/bin/ls', '/proc/self/fd'], { tty })).output.split(/\s+/).filter(Boolean), [
          '0',
          '1',
          '2',
          '3',
        ])
      }
      await a.sh(`
      for f in /proc/[0-9]*/fd/*; do case $(readlink $f) in /proc/*) ;; *) [ -d $f ] && echo "ESCAPED: $f $(readlink $f)";; esac
      try test -e $f$OUT/plain.txt; done`)
    },
  )

  row('a device cannot be made, and /dev has only the usual ones', async (a) => {
    for (const tty of [false, true]) {
      const { output } = await a.run(['/bin/ls', '/dev'], { tty, env: { TERM: 'dumb' } })
      assert.equal(
        output.split(/\s+/).filter((name) => name !== '' && !DEVICES.includes(name)),
        [],
      )
    }
    const name = a.tree.root.split('/').pop() as string
    await a.sh(
      `
      try mknod $W/block b 254 0; try mknod $W/memory c 1 1; try mknod $W/null c 1 3; try mknod /dev/block b 254 0
      echo x > /dev/null; echo x > /dev/shm/$NAME; echo x > /dev/$NAME; true`,
      { env: { NAME: name } },
    )
    assert.not(existsSync(`/dev/shm/${name}`) || existsSync(`/dev/${name}`))
    await a.sh(`
      unshare -Urm mknod $W/block b 254 0 2> /dev/null && echo ESCAPED; try test -e /dev/kmsg; try test -e /dev/mem
      try test -e /dev/vda; try test -e /dev/fuse`)
  })

  row.asRoot('settings of the kernel cannot be written', async (a) => {
    // Opened for appending and closed again: even where it goes through, nothing is set.
    await a.sh(`
      for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sys/kernel/hostname /proc/sys/vm/drop_caches \\
               /proc/sys/fs/binfmt_misc/register /proc/sysrq-trigger /proc/sys/kernel/sysrq \\
               /sys/kernel/uevent_helper /sys/power/state /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/*/cgroup.procs \\
               /sys/fs/cgroup/cgroup.procs /sys/kernel/mm/transparent_hugepage/enabled /sys/module/*/parameters/*; do
        if [ -e $f ] && (: >> $f) 2> /dev/null; then echo "ESCAPED: $f"; fi
      done
      # Without the settings of name spaces that are the sandbox's own.
      find /proc/sys /sys -maxdepth 5 -type f -perm -200 2> /dev/null | grep -vE '^/proc/sys/(net|fs/mqueue|kernel/(auto_msgmni|msg|sem|shm|ns_last_pid|pid_max))' 2> /dev/null |
        while read -r f; do : 2> /dev/null >> "$f" && echo "ESCAPED: $f"; done 2> /dev/null | head -9`)
  })

  // ---- network --------------------------------------------------------------------------------------------------

  row(
    'no socket leads out: not of files, not abstract, not of the network',
    async (a) => {
      const { tree } = a
      let connections = 0
      const tcp = createServer((socket) => (connections++, socket.destroy())).listen(0, '127.0.0.1')
      await once(tcp, 'listening')
      const ports = [String((tcp.address() as AddressInfo).port), new URL(a.server.url).port]
      const args = [tree.ws, tree.out, tree.root.slice(1), ...ports]
      const outside = await listen(user, args.slice(0, 3))
      try {
        const free = await a.run(['perl', '-e', CALLER, ...args], { sandbox: null })
        assert.not.match(free.output, 'refused', 'without a sandbox all of this works')
        await eventually(
          () => outside.heard().length === 15 && connections === 1,
          5000,
          'every message of the free one',
        )
        const { output } = await a.run(['perl', '-e', CALLER, ...args])
        assert.equal(
          output.split('\n').filter((line) => line !== '' && !line.includes('refused')),
          [],
        )
        // Had it sent anything, that would come before what the next free one sends.
        await a.run(['perl', '-e', CALLER, ...args], { sandbox: null })
        await eventually(
          () => outside.heard().length >= 30 && connections >= 2,
          5000,
          'every message of the second free one',
        )
        assert.equal([outside.heard().length, connections], [30, 2])
      } finally {
        outside.stop()
        tcp.close()
      }
    },
    perl,
  )

  row("the shell's and the usual tools' ways to the network are shut", async (a) => {
    const port = new URL(a.server.url).port
    await a.sh(
      `try bash -c 'echo > /dev/tcp/127.0.0.1/${port}'; try bash -c 'echo > /dev/udp/127.0.0.1/53'
       try curl -s -m 2 http://127.0.0.1:${port}/readyz; try wget -qO- -T 2 -t 1 http://127.0.0.1:${port}/readyz
       try timeout 3 nc -z -w 2 127.0.0.1 ${port}
       try timeout 3 unshare -Urn bash -c 'echo > /dev/tcp/127.0.0.1/${port}'; try timeout 3 getent ahosts example.com
       try timeout 3 ping -c 1 -W 1 127.0.0.1`,
    )
  })

  row(
    'no family of sockets other than local ones can be had',
    async (a) => {
      const script = `
        my ($s, $p, $q);
        for my $f (2, 10, 16, 17, 38, 40, 44) { $! = 0; print socket($s, $f, $f == 16 || $f == 17 ? 3 : 1, 0) ? 'ok' : $! + 0, "\\n" }
        print socketpair($p, $q, 1, 1, 0) ? "pair\\n" : "no pair\\n"`
      assert.is((await a.run(['perl', '-e', script])).output, `${'1\n'.repeat(7)}pair\n`)
    },
    perl,
  )

  row(
    'with the network allowed a connection is made, and what goes around it is not',
    async (a) => {
      const tcp = createServer((socket) => socket.end('hello\n')).listen(0, '127.0.0.1')
      await once(tcp, 'listening')
      const port = (tcp.address() as AddressInfo).port
      const script = `
        my ($s, $v, $space) = (undef, undef, 'x' x 200);
        socket($s, 2, 1, 0) && connect($s, pack('S n a4 x8', 2, ${port}, "\\x7f\\0\\0\\1")) or print $! + 0;
        print scalar <$s>;
        print socket($v, 40, 1, 0) ? 'ok' : $! + 0, ' ';
        print syscall(${SYSCALL.io_uring_setup}, 1, $space) == -1 ? $! + 0 : 'ok'`
      try {
        assert.is((await a.run(['perl', '-e', script], { sandbox: a.standard('enabled') })).output, 'hello\n1 1')
        a.tree.ignored = ['ws/moved', 'ws/stolen', 'ws/stolen.tar']
        await a.sh(`${ALTER}\n${LOOK}`, { sandbox: a.standard('enabled') })
      } finally {
        tcp.close()
      }
    },
    perl,
  )

  // ---- the request's environment ----------------------------------------------------------------------------------

  row('variables of the dynamic linker have no effect outside of the sandbox', async (a) => {
    // It would write a file for every program that is started with this.
    await a.run(['/bin/true'], { env: { LD_DEBUG: 'all', LD_DEBUG_OUTPUT: a.tree.in('out/linker') } })
    await a.run(['/bin/true'], { env: { LD_DEBUG: 'all', LD_DEBUG_OUTPUT: a.tree.in('out/linker') }, tty: true })
  })

  row(
    'a library of the workspace is loaded inside of the sandbox only',
    async (a) => {
      const { tree } = a
      const code = String.raw`
#include <stdio.h>
#include <stdlib.h>
__attribute__((constructor)) static void evil(void) {
  const char *names[] = { "OUT", "W" };
  for (int i = 0; i < 2; i++) {
    char path[4096];
    snprintf(path, sizeof path, "%s/loaded", getenv(names[i]));
    FILE *file = fopen(path, "a");
    if (file) fclose(file);
  }
}
`
      tree.file('ws/evil.c', code)
      const built = spawnSync('gcc', ['-shared', '-fPIC', '-o', tree.in('ws/evil.so'), tree.in('ws/evil.c')])
      assert.is(built.status, 0)
      for (const name of ['libcap.so.2', 'libselinux.so.1', 'libc.so.6', 'libdl.so.2'])
        tree.copyOf(tree.in('ws/evil.so'), `ws/lib/${name}`)
      for (const tty of [false, true]) await a.run(['/bin/true'], { env: { LD_PRELOAD: tree.in('ws/evil.so') }, tty })
      await a.run(['/bin/true'], { env: { LD_LIBRARY_PATH: tree.in('ws/lib') } })
      await a.run(['/bin/true'], { env: { LD_AUDIT: tree.in('ws/evil.so') } })
      assert.ok(existsSync(tree.in('ws/loaded')), 'the command itself loads it')
      tree.expected = ['ws/loaded']
    },
    gcc,
  )

  row('no program and no start-up file of the workspace is run outside of the sandbox', async (a) => {
    const { tree } = a
    const evil = '#!/bin/sh\necho put > "$OUT/new.txt"; echo put > "$W/.git/new"\n'
    for (const name of [
      'bwrap',
      'setpriv',
      'sh',
      'bash',
      'env',
      'node',
      'unshare',
      'codex-linux-sandbox',
      'newuidmap',
      'evil.sh',
    ])
      tree.file(`ws/path/${name}`, evil, 0o755)
    tree.file('ws/path/evil.cjs', 'require("fs").writeFileSync(process.env.OUT + "/new.txt", "put")')
    const env = {
      PATH: `${tree.in('ws/path')}:.:/usr/bin:/bin`,
      BASH_ENV: tree.in('ws/path/evil.sh'),
      ENV: tree.in('ws/path/evil.sh'),
      NODE_OPTIONS: `--require=${tree.in('ws/path/evil.cjs')}`,
      SHELLOPTS: 'xtrace',
      PS4: '$(sh $W/path/evil.sh)',
    }
    for (const tty of [false, true]) {
      await a.run(['/bin/true'], { env, tty, cwd: tree.in('ws/path') })
      await a.run(['bash', '-c', 'true'], { env, tty, cwd: tree.in('ws/path') })
    }
  })

  row(
    "the server's own executable in the workspace stays what it is",
    async (a) => {
      const { tree } = a
      const program = tree.copyOf(builtExecutable as string, 'ws/tools/bin/exec-server')
      const server = await serveAs(user, {}, [program, []])
      const client = await Client.connect(server.url)
      const b = new Attempt(user, server, client, tree)
      try {
        await b.sh(`P=$W/tools/bin
        put $P/exec-server; try cp $W/inside.txt $P/exec-server; try cp --remove-destination $W/inside.txt $P/exec-server
        try rm -f $P/exec-server; try mv $P/exec-server $P/x; try mv $W/inside.txt $P/exec-server
        try ln -sf $W/inside.txt $P/exec-server; try mv $P $W/tools/other; try mv $W/tools $W/other
        try truncate -s 0 $P/exec-server; try chmod 0 $P/exec-server; try rm -rf $W/tools/bin`)
        await b.allRefused([
          ['writeFile', { path: program, dataBase64: base64('put') }],
          ['remove', { path: program, force: false }],
          ['remove', { path: tree.in('ws/tools'), force: false }],
          ['copy', { sourcePath: tree.in('ws/inside.txt'), destinationPath: program, recursive: false }],
        ])
        await tree.verify()
      } finally {
        await client.close()
        await server.stop()
      }
    },
    noExecutable(),
  )

  // ---- results --------------------------------------------------------------------------------------------------

  row("a missing program ends with 127, and is not said to be the sandbox's doing", async (a) => {
    for (const program of ['/no/such/program', 'no-such-program']) {
      const { code, denied } = await a.run([program])
      assert.equal([code, denied], [127, false], program)
    }
  })

  row('only a failure with the signs of a refusal counts as denied', async (a) => {
    const cases: [string, number, boolean][] = [
      ['echo x > $OUT/new.txt', 2, true],
      ['cat $SECRET/key.txt', 1, true],
      ['echo x > $OUT/new.txt; exit 0', 0, false],
      ['exit 3', 3, false],
      ['cat /no/such/file', 1, false],
      ['kill -SYS $$', 159, true],
      ['kill -KILL $$', 137, false],
    ]
    for (const [script, code, denied] of cases) {
      const id = await a.start(['/bin/sh', '-c', script])
      const end = await a.end(id)
      assert.equal([end.code, end.denied], [code, denied], script)
      assert.is((await a.client.request('process/read', { processId: id })).sandboxDenied, denied, script)
    }
    assert.is((await a.run(['/bin/sh', '-c', 'echo permission denied; exit 1'], { sandbox: null })).denied, false)
  })

  // ---- signals and ends -----------------------------------------------------------------------------------------

  const TRAP = 'trap "echo caught; exit 5" INT; echo ready; while :; do sleep 0.1; done'
  const interrupts: [string, boolean, (client: Client, processId: string) => Promise<unknown>][] = [
    [
      'Ctrl-C in a terminal',
      true,
      (client, processId) =>
        client.request('process/write', { processId, chunk: base64('\x03'), writeId: 'interrupt' }),
    ],
    [
      'process/signal in a terminal',
      true,
      (client, processId) => client.request('process/signal', { processId, signal: 'interrupt' }),
    ],
    [
      'process/signal on pipes',
      false,
      (client, processId) => client.request('process/signal', { processId, signal: 'interrupt' }),
    ],
  ]
  for (const [name, tty, interrupt] of interrupts) {
    row(`${name} reaches a trap inside`, async (a) => {
      const id = await a.start(['/bin/sh', '-c', TRAP], { tty })
      await a.client.until(() => a.client.outputOf(id).includes('ready'))
      await interrupt(a.client, id)
      const { code, output } = await a.end(id)
      assert.match(output, /caught/)
      assert.is(code, 5)
    })

    row(`${name} ends what does not trap it, with its signal`, async (a) => {
      const word = mark()
      const id = await a.start(['/bin/sh', '-c', `sleep ${word}; exit`], { tty })
      // Not just when the shell said so: an interrupt while it forks is lost on it, sandbox or not.
      await eventually(() => sleeps(word), 3000, 'the job')
      await interrupt(a.client, id)
      assert.is((await a.end(id)).code, 130)
      await gone(word)
    })
  }

  row(
    'Ctrl-C interrupts the job of a shell with job control, and the shell goes on',
    async (a) => {
      const word = mark()
      const id = await a.start(['bash', '--norc', '--noprofile', '-i'], { tty: true, env: { TERM: 'dumb', PS1: '$ ' } })
      let count = 0
      const type = (text: string): Promise<unknown> =>
        a.client.request('process/write', { processId: id, chunk: base64(text), writeId: String(count++) })
      await type(`sleep ${word}\n`)
      await eventually(() => sleeps(word), 3000, 'the job')
      await type('\x03')
      await eventually(() => !onHost(word), 3000, 'the end of the job')
      await type('echo after $?\n')
      await a.client.until(() => a.client.outputOf(id).includes('after 130'))
      assert.not.match(a.client.outputOf(id).toString(), /job control|cannot set terminal/)
      await type('exit 3\n')
      assert.is((await a.end(id)).code, 3)
    },
    needs('bash'),
  )

  /** A tree of processes that hold on, each in another way. */
  const clinging = (word: string): string =>
    `trap '' INT TERM HUP; (setsid sleep ${word} > /dev/null 2>&1 &)
     nohup sleep ${word} > /dev/null 2>&1 & (sleep ${word} &)
     setsid sh -c 'trap "" TERM INT HUP; sleep ${word}; sleep ${word}' & echo ready`

  for (const tty of [false, true]) {
    const where = tty ? 'a terminal' : 'pipes'
    row(`what a command leaves in the background ends with it, on ${where}`, async (a) => {
      const word = mark()
      await a.run(['/bin/sh', '-c', `${clinging(word)}; exit 4`], { tty })
      await gone(word)
    })

    row(`process/terminate ends everything and leaves nothing, on ${where}`, async (a) => {
      const word = mark()
      const id = await a.start(['/bin/sh', '-c', `${clinging(word)}; sleep ${word}`], { tty, cwd: a.tree.bare })
      await a.client.until(() => a.client.outputOf(id).includes('ready'))
      await a.client.request('process/terminate', { processId: id })
      await a.end(id)
      await gone(word)
    })
  }

  for (const [how, script, code] of [
    ['succeeds', 'true', 0],
    ['fails', 'exit 9', 9],
    ['is killed from inside', 'kill -9 $$', 137],
  ] as const) {
    row(`a command that ${how} leaves nothing behind`, async (a) => {
      assert.is((await a.run(['/bin/sh', '-c', script], { cwd: a.tree.bare })).code, code)
    })
  }

  row('a command that cannot be started leaves nothing behind', async (a) => {
    for (const argv of [['/no/such/program'], [a.tree.in('ws/inside.txt')], [a.tree.in('ws')]])
      await a.start(argv, { cwd: a.tree.bare }).then(
        (id) => a.end(id),
        () => {},
      )
    await a.start(['/bin/true'], { cwd: a.tree.in('bare/missing') }).then(
      (id) => a.end(id),
      () => {},
    )
  })

  row('what one command protects stays protected when another ends, and is gone after the last', async (a) => {
    const id = await a.start(
      [
        '/bin/sh',
        '-c',
        'echo ready; read line; for n in .git .agents .codex .aws; do mkdir -p $BARE/$n/x && echo ESCAPED; (echo x > $BARE/$n/y) && echo ESCAPED; done; echo END',
      ],
      { pipeStdin: true },
    )
    await a.client.until(() => a.client.outputOf(id).includes('ready'))
    await a.sh('true')
    await a.ok('writeFile', { path: a.tree.in('bare/new.txt'), dataBase64: '' })
    await a.client.request('process/write', { processId: id, chunk: base64('go\n'), writeId: 'go' })
    const { output } = await a.end(id)
    assert.match(output, 'END')
    assert.not.match(output, 'ESCAPED')
    a.tree.expected = ['bare/new.txt']
  })

  row('what its owner puts into a protected folder meanwhile stays', async (a) => {
    const { tree } = a
    const id = await a.start(
      [
        '/bin/sh',
        '-c',
        'echo ready; read line; cat $BARE/.git/HEAD; echo forged > $BARE/.git/HEAD; rm -rf $BARE/.git; true',
      ],
      { pipeStdin: true },
    )
    await a.client.until(() => a.client.outputOf(id).includes('ready'))
    mkdirSync(tree.in('bare/.git'), { recursive: true })
    chmodSync(tree.in('bare/.git'), 0o755)
    writeFileSync(tree.in('bare/.git/HEAD'), 'ref: refs/heads/owner\n')
    chownSync(tree.in('bare/.git/HEAD'), user.uid, user.uid)
    await a.client.request('process/write', { processId: id, chunk: base64('go\n'), writeId: 'go' })
    await a.end(id)
    // Whatever is tidied up after it has been by the end of the next.
    await a.run(['/bin/true'])
    assert.is(readFileSync(tree.in('bare/.git/HEAD'), 'utf8'), 'ref: refs/heads/owner\n')
    tree.expected = ['bare/.git', 'bare/.git/HEAD']
  })

  row("an owner's empty protected folder is still there afterwards", async (a) => {
    a.tree.dir('bare/.agents')
    await a.sh(
      'try touch $BARE/.agents/x; try rmdir $BARE/.agents; try rm -rf $BARE/.agents; try mv $BARE/.agents $BARE/x',
    )
  })

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    row(`a server that is ended by ${signal} leaves no process and nothing in the workspace`, async (a) => {
      const server = await serveAs(user)
      const client = await Client.connect(server.url)
      const b = new Attempt(user, server, client, a.tree)
      const words = [mark(), mark()]
      const ids = [
        await b.start(['/bin/sh', '-c', `${clinging(words[0] as string)}; sleep ${words[0]}`]),
        await b.start(['/bin/sh', '-c', `${clinging(words[1] as string)}; sleep ${words[1]}`], {
          tty: true,
          cwd: a.tree.bare,
        }),
      ]
      await client.until(() => ids.every((id) => client.outputOf(id).includes('ready')))
      await server.stop(signal)
      for (const word of words) await gone(word)
      await a.tree.verify()
    })
  }
})

/** Why there is no executable to put into a workspace: a script that starts one is none. */
function noExecutable(): string | undefined {
  if (builtExecutable === undefined) return 'no dist/exec-server that is up to date'
  const magic = Buffer.alloc(4)
  const file = openSync(builtExecutable, 'r')
  readSync(file, magic)
  closeSync(file)
  return magic.toString('latin1') === '\x7fELF' ? undefined : 'the executable under test is a script'
}

// ---- without bubblewrap -----------------------------------------------------------------------------------------

withoutBubblewrap(
  'commands',
  'a sandboxed command is refused by name of what is missing, and is not run',
  async (attempt) => {
    const { client, tree } = attempt
    tree.file('ws/bwrap', '#!/bin/sh\ntouch $W/ran\n', 0o755)
    tree.freeze()
    for (const tty of [false, true]) {
      for (const env of [{ PATH: '/usr/bin:/bin' }, { PATH: `${tree.ws}:/usr/bin:/bin`, W: tree.ws }]) {
        const processId = `${tty} ${env.PATH}`
        const params = {
          processId,
          argv: ['/bin/sh', '-c', `touch ${tree.ws}/ran`],
          cwd: uri(tree.ws),
          env,
          tty,
          sandbox: attempt.standard(),
        }
        const { error } = await client.ask('process/start', params)
        assert.is(error?.code, -32602)
        assert.match(error?.message ?? '', /bubblewrap|bwrap/)
      }
    }
    // What asks for no enforcement goes on working, and a refused one would have been run by then.
    assert.is((await client.run('free', ['/bin/sh', '-c', 'exit 6'], { cwd: uri(tree.ws), sandbox: null })).code, 6)
    await tree.verify()
  },
)
