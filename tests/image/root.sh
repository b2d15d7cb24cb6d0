#!/bin/sh
# Runs a command with a folder as its root, with what a container has there beside its image. To be called in a
# mount namespace of its own, with which all this ends.
#
#   root.sh build|run FOLDER DENO UID:GID WORKDIR COMMAND…
#
# `run` is a container: nothing can be written but /dev/shm, and the only programs are those of the image. `build` is a
# build stage on Debian: it can write, and has a shell and the tools of the system.
set -eu
mode=$1 root=$2 deno=$3 user=$4 workdir=$5
shift 5

mount --bind "$root" "$root"
for path in bin/deno usr/bin/deno; do
  [ ! -e "$root/$path" ] || mount --bind "$deno" "$root/$path"
done
for folder in lib lib64 usr/lib; do
  [ ! -e "/$folder" ] || mount --rbind "/$folder" "$root/$folder"
done
for device in null zero random urandom; do
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
if [ "$mode" = build ]; then
  mount --rbind /usr/bin "$root/usr/bin"
  mount --rbind /etc "$root/etc"
else
  mount -o remount,bind,ro "$root"
fi
exec setpriv --no-new-privs \
  unshare --root="$root" --wd="$workdir" --setgid="${user#*:}" --setuid="${user%:*}" -- "$@"
