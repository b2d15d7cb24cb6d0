# Acts, one after the other: sh writer.sh LOG REGISTER IDENTITY TOKEN [PAUSE]
#
# Each act is one write() of one line, "pid identity token sequence uptime", to the log, which the kernel
# orders, and then one to the pipe of the store that checks tokens. Without a pause as fast as it can.
exec 3>>"$1" 4>"$2" || exit 1
identity=$3 token=$4 pause=${5-}
sequence=0
while :; do
  sequence=$((sequence + 1))
  read -r now _ </proc/uptime
  line="$$ $identity $token $sequence $now"
  # Who cannot act any more, as nobody listens, must not stay either.
  echo "$line" >&3 && echo "$line" >&4 || exit 1
  [ -z "$pause" ] || sleep "$pause"
done
