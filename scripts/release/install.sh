#!/bin/sh
# Installs exec-server from a folder or URL that holds the artefacts of a release: SHA256SUMS and the archives.
# For any POSIX shell. Needs no root unless the place to install to does.

set -eu

# The oldest C library that the executable starts with.
readonly GLIBC_MINIMUM=2.28
# Where the archive for musl has its own C library: the executable knows no other place.
readonly MUSL_FOLDER=/opt/exec-server

usage() {
  cat <<'USAGE'
Usage: install.sh [--from FOLDER|URL] [--version VERSION] [--prefix DIR] [--bin-dir DIR]

Installs exec-server for this machine, or replaces an older version of it, which may be running.

  --from FOLDER|URL  where SHA256SUMS and the archives are (default: the folder of this script)
  --version VERSION  which version, if there are several
  --prefix DIR       where to install (default: /usr/local as root, else ~/.local)
  --bin-dir DIR      where to put the executable (default: PREFIX/bin)
  --help             show this text
USAGE
}

say() { printf '%s\n' "$*"; }
fail() {
  printf 'install.sh: %s\n' "$*" >&2
  exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

work=
partial=
clean_up() {
  if [ -n "$work" ]; then rm -rf "$work"; fi
  if [ -n "$partial" ]; then rm -rf "$partial"; fi
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

parse_options() {
  from='' version='' prefix='' bin_dir=''
  while [ $# -gt 0 ]; do
    case $1 in
    --help | -h)
      usage
      exit 0
      ;;
    --from | --version | --prefix | --bin-dir)
      if [ -z "${2:-}" ]; then fail "$1 takes a value"; fi
      case $1 in
      --from) from=$2 ;;
      --version) version=${2#v} ;;
      --prefix) prefix=$2 ;;
      --bin-dir) bin_dir=$2 ;;
      esac
      shift 2
      ;;
    *) fail "there is no option $1; see --help" ;;
    esac
  done
  if [ -z "$from" ]; then
    from=$(dirname -- "$0")
    [ -f "$from/SHA256SUMS" ] || fail "there is no SHA256SUMS beside this script: say where it is with --from"
  fi
  if [ -z "$prefix" ]; then
    if [ "$(id -u)" = 0 ]; then
      prefix=/usr/local
    else
      [ -n "${HOME:-}" ] || fail "HOME is not set: say where to install with --prefix"
      prefix=$HOME/.local
    fi
  fi
  for folder in "$prefix" "${bin_dir:-/}"; do
    case $folder in
    /*) ;;
    *) fail "--prefix and --bin-dir take absolute paths, not $folder" ;;
    esac
  done
  if [ -z "$bin_dir" ]; then bin_dir=$prefix/bin; fi
}

# Sets $target. ldd is a script that minimal systems lack.
find_target() {
  system=$(uname -s)
  machine=$(uname -m)
  case $machine in
  x86_64 | amd64) machine=x64 ;;
  aarch64 | arm64) machine=arm64 ;;
  *) fail "there is no exec-server for $machine, only for x86-64 and arm64" ;;
  esac
  case $system in
  Linux) target=linux-$machine$(musl_suffix) ;;
  Darwin)
    # Under Rosetta uname tells of an Intel processor.
    if [ "$(sysctl -n sysctl.proc_translated 2>/dev/null)" = 1 ]; then machine=arm64; fi
    target=darwin-$machine
    ;;
  *) fail "there is no exec-server for $system, only for Linux and macOS (on Windows: in WSL)" ;;
  esac
}

# Prints -musl where the C library is not GNU's.
musl_suffix() {
  glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || glibc=
  case $glibc in
  'glibc '*)
    found=${glibc#glibc }
    is_at_least "$found" "$GLIBC_MINIMUM" || fail "the C library is glibc $found, and exec-server needs $GLIBC_MINIMUM"
    ;;
  *)
    for loader in /lib/ld-musl-*; do
      if [ -e "$loader" ]; then printf %s -musl && return; fi
    done
    for loader in /lib64/ld-linux-x86-64.so.2 /lib/ld-linux-aarch64.so.1; do
      if [ -e "$loader" ]; then return; fi
    done
    fail "the C library of this system is neither glibc nor musl"
    ;;
  esac
}

# Compares versions of two numbers, 2.36 and 2.28.
is_at_least() {
  minor=${1#*.}
  minor=${minor%%[!0-9]*}
  [ "${1%%.*}" -gt "${2%%.*}" ] || { [ "${1%%.*}" -eq "${2%%.*}" ] && [ "$minor" -ge "${2#*.}" ]; }
}

find_tools() {
  for tool in tar mktemp sed find; do has "$tool" || fail "$tool is missing"; done
  if has sha256sum; then
    checksum() { sha256sum "$1"; }
  elif has shasum; then
    checksum() { shasum -a 256 "$1"; }
  elif has openssl; then
    checksum() { openssl dgst -sha256 -r "$1"; }
  else
    fail "nothing here computes SHA-256 checksums: sha256sum, shasum or openssl is needed"
  fi
  if has xz; then
    compression=xz
  elif has gzip; then
    compression=gz
  else
    fail "nothing here unpacks the archives: xz or gzip is needed"
  fi
  case $from in
  http://* | https://*)
    if has curl; then
      download() { curl -fsSL -o "$2" "$1"; }
    elif has wget; then
      download() { wget -q -O "$2" "$1"; }
    else
      fail "nothing here downloads files: curl or wget is needed"
    fi
    ;;
  *://*) fail "--from takes a folder, or an http:// or https:// URL, not $from" ;;
  *) download() { cp "$1" "$2"; } ;;
  esac
}

# Sets $archive: the one for this machine that SHA256SUMS lists.
find_archive() {
  download "${from%/}/SHA256SUMS" "$work/SHA256SUMS" || fail "${from%/}/SHA256SUMS cannot be had"
  for kind in "$compression" gz; do
    archives=$(sed -n "s/^[0-9a-f]\{64\}[ *]*\(exec-server-[0-9][A-Za-z0-9.+-]*-$target\.tar\.$kind\)\$/\1/p" "$work/SHA256SUMS")
    if [ -n "$version" ]; then
      wanted=exec-server-$version-$target.tar.$kind
      archives=$(printf '%s\n' "$archives" | while read -r name; do if [ "$name" = "$wanted" ]; then say "$name"; fi; done)
    fi
    # A folder need not hold both kinds.
    if [ -n "$archives" ] && is_there "$archives"; then break; fi
    archives=
  done
  [ -n "$archives" ] || fail "$from has no exec-server ${version:+$version }for $target"
  case $archives in
  *"
"*) fail "$from has several versions: choose one with --version
$archives" ;;
  esac
  archive=$archives
  compression=${archive##*.}
}

is_there() {
  case $from in
  http://* | https://*) return 0 ;;
  esac
  for name in $1; do if [ -f "${from%/}/$name" ]; then return 0; fi; done
  return 1
}

unpack() {
  download "${from%/}/$archive" "$work/$archive" || fail "${from%/}/$archive cannot be had"
  expected=$(sed -n "s/^\([0-9a-f]\{64\}\)[ *]*$archive\$/\1/p" "$work/SHA256SUMS")
  actual=$(checksum "$work/$archive") || fail "the checksum of $archive cannot be computed"
  actual=${actual%% *}
  [ "$actual" = "$expected" ] || fail "$archive has the checksum $actual instead of $expected: nothing was installed"
  if [ "$compression" = xz ]; then unpacker=xz; else unpacker=gzip; fi
  "$unpacker" -dc "$work/$archive" >"$work/archive.tar" || fail "$archive cannot be unpacked"
  (cd "$work" && tar -xf archive.tar) || fail "$archive cannot be unpacked"
  rm -f "$work/$archive" "$work/archive.tar"
  unpacked=$work/${archive%.tar.*}
}

# Sets $partial: a name in this folder, which is made if it is not there.
begin_in() {
  mkdir -p "$1" 2>/dev/null || fail "$1 cannot be made: run this as root, or give another --prefix"
  [ -w "$1" ] || fail "$1 cannot be written: run this as root, or give another --prefix"
  partial=$1/.exec-server-install.$$
}

# By rename, so that what runs or reads the old file keeps it.
finish_as() {
  if [ -d "$1" ]; then fail "$1 is a folder"; fi
  mv -f "$partial" "$1" || fail "$1 cannot be replaced"
  partial=
}

install_file() {
  begin_in "$(dirname -- "$2")"
  cp "$1" "$partial"
  chmod 644 "$partial"
  finish_as "$2"
}

# Runs the new executable before it replaces anything.
try_out() {
  if output=$("$@" --version 2>&1); then return; fi
  say "$output" >&2
  case $output in
  *libstdc++*) fail "libstdc++ is missing: nothing was installed (Debian: apt install libstdc++6; RHEL: dnf install libstdc++)" ;;
  *'not found'*) fail "the C library of this system lacks something: nothing was installed" ;;
  *) fail "the executable does not start here: nothing was installed" ;;
  esac
}

install_executable() {
  if [ -d "$unpacked$MUSL_FOLDER" ]; then
    install_bundled_libraries
    begin_in "$bin_dir"
    ln -s "$MUSL_FOLDER/exec-server" "$partial"
  else
    begin_in "$bin_dir"
    cp "$unpacked/bin/exec-server" "$partial"
    chmod 755 "$partial"
    try_out "$partial"
  fi
  finish_as "$bin_dir/exec-server"
}

install_bundled_libraries() {
  begin_in "$MUSL_FOLDER"
  cp -r "$unpacked$MUSL_FOLDER" "$partial"
  try_out "$partial/lib/ld.so" --library-path "$partial/lib" "$partial/exec-server"
  mkdir -p "$MUSL_FOLDER/lib"
  for file in "$partial"/lib/*; do mv -f "$file" "$MUSL_FOLDER/lib/"; done
  mv -f "$partial/exec-server" "$MUSL_FOLDER/exec-server"
  rm -rf "$partial"
  partial=
}

install_others() {
  (cd "$unpacked" && find share -type f) >"$work/files"
  while read -r file; do install_file "$unpacked/$file" "$prefix/$file"; done <"$work/files"
  if [ ! -d "$unpacked/lib/systemd" ] || [ "${target%%-*}" != linux ]; then return; fi
  units=$prefix/lib/systemd/user
  case $prefix in
  "${HOME:-/nowhere}"/*) units=$prefix/share/systemd/user ;;
  *) install_unit system/exec-server@.service "$prefix/lib/systemd/system/exec-server@.service" ;;
  esac
  install_unit user/exec-server.service "$units/exec-server.service"
}

# The unit names the executable by its path.
install_unit() {
  sed "s|/usr/local/bin/exec-server|$bin_dir/exec-server|" "$unpacked/lib/systemd/$1" >"$work/unit"
  install_file "$work/unit" "$2"
}

parse_options "$@"
find_tools
find_target
work=$(mktemp -d) || fail "no temporary folder can be made: set TMPDIR"
find_archive
unpack
install_executable
install_others
say "$output is installed: $bin_dir/exec-server"
case ":$PATH:" in
*":$bin_dir:"*) ;;
*) say "$bin_dir is not in PATH" ;;
esac
if [ "${target%%-*}" = linux ] && ! has bwrap; then
  say "bubblewrap is not installed: without it, requests for a sandbox are refused"
fi
