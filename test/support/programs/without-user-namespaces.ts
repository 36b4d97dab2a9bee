/** Runs programs where no user namespace can be made, as on some devboxes, without a change to this machine. */
import { spawnSync } from 'node:child_process'
import process from 'node:process'

const CLONE_NEWUSER = 0x10000000

/** prctl, and of the filtered calls clone, unshare and clone3, by the numbers of the kernel's headers. */
const NUMBERS = {
  x64: { prctl: 157, clone: 56, unshare: 272, clone3: 435 },
  arm64: { prctl: 167, clone: 220, unshare: 97, clone3: 435 },
}

/** A seccomp filter: clone3 is not implemented, clone and unshare fail with EPERM if asked for a user namespace. */
function script(): string {
  const { prctl, clone, unshare, clone3 } = NUMBERS[process.arch as keyof typeof NUMBERS]
  const lines = [
    [0x20, 0, 0, 0],
    [0x15, 5, 0, clone3],
    [0x15, 1, 0, clone],
    [0x15, 0, 4, unshare],
    [0x20, 0, 0, 16],
    [0x54, 0, 0, CLONE_NEWUSER],
    [0x15, 2, 3, 0],
    [0x06, 0, 0, 0x0005_0026],
    [0x06, 0, 0, 0x7fff_0000],
    [0x06, 0, 0, 0x7fff_0000],
    [0x06, 0, 0, 0x0005_0001],
  ]
  const program = lines.map((line) => `pack('SCCL', ${line.join(', ')})`).join(' . ')
  return `my $filter = ${program};
    my $program = pack('Sx6P', ${lines.length}, $filter);
    syscall(${prctl}, 38, 1, 0, 0, 0); syscall(${prctl}, 22, 2, $program) == 0 or die "seccomp: $!";
    exec @ARGV or die "$ARGV[0]: $!";`
}

/** The command prefix. Undefined where it does not work: without perl, or where the kernel takes no filters. */
export function withoutUserNamespaces(): string[] | undefined {
  if (process.platform !== 'linux' || !(process.arch in NUMBERS)) return undefined
  const prefix = ['perl', '-e', script()]
  const run = (...argv: string[]) => spawnSync('perl', [...prefix.slice(1), ...argv]).status
  return run('true') === 0 && run('unshare', '-U', 'true') !== 0 ? prefix : undefined
}
