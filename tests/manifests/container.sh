# Runs a program as a container would, for container.ts:
#
#   sh container.sh SECRETS MOUNT APP DENO CACHE EMPTY UID GID COMMAND...
#
# In a mount namespace of its own (`unshare --mount`), with nothing to write to but the folder EMPTY, if that is
# not empty: /var/run holds the folder SECRETS at MOUNT, the project at /var/run/app, Deno at /var/run/deno and
# its cache at /var/run/cache, wherever they lie outside and whoever may read there. Then all privileges are
# given up.
set -eu
secrets=$1 mount=$2 app=$3 deno=$4 cache=$5 empty=$6 uid=$7 gid=$8
shift 8
mount -n -t tmpfs -o mode=755 tmpfs /var/run
mkdir -p "$mount" /var/run/app /var/run/cache
touch /var/run/deno
mount -n --bind "$secrets" "$mount"
mount -n --bind "$app" /var/run/app
mount -n --bind "$cache" /var/run/cache
mount -n --bind "$deno" /var/run/deno
for path in / /var/run /var/run/app /var/run/cache "$mount"; do
  mount -n -o remount,bind,ro "$path"
done
mount -n -t proc proc /proc
mount -n -t tmpfs -o ro tmpfs /tmp
mount -n -t tmpfs -o ro tmpfs /dev/shm
[ -z "$empty" ] || mount -n -t tmpfs -o mode=777 tmpfs "$empty"
cd /var/run/app
exec setpriv --reuid="$uid" --regid="$gid" --clear-groups --no-new-privs --bounding-set=-all \
  --inh-caps=-all "$@"
